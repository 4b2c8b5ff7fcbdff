"""From equity to returns: NAV per unit, time-weighted."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InvalidValue

FloatArray = NDArray[np.float64]

MINIMUM_DAYS = 30
"""Shorter records are shown un-annualised."""


def nav_per_unit(equity: ArrayLike, flows: ArrayLike | None = None) -> FloatArray:
    """Return the value of one unit, starting at 1: deposits never look like profit.

    A flow is contained in the mark it comes with and has not worked in the interval before it:
    ``navᵢ = navᵢ₋₁ · (Eᵢ − Fᵢ) / Eᵢ₋₁``. An account whose equity is gone stays at its last value.

    Args:
        equity: Marks in any one unit, shape (n,), the first positive.
        flows: Deposits (+) and withdrawals (−) in the same unit, shape (n,); the first is ignored.

    Raises:
        InvalidValue: If there is no mark, the first is not positive, or the shapes differ.
    """
    marks = np.asarray(equity)
    if marks.ndim != 1 or marks.size == 0 or not marks[0] > 0:
        raise InvalidValue("equity must be a series that begins above 0")
    if flows is None:
        units: FloatArray = np.divide(marks, marks[0], dtype=np.float64)
        return units
    marks = marks.astype(np.float64)
    moved = np.asarray(flows, dtype=np.float64)
    if moved.shape != marks.shape:
        raise InvalidValue(f"flows must have shape {marks.shape}, was {moved.shape}")
    previous = marks[:-1]
    alive = previous > 0
    growth = np.ones(marks.size)
    growth[1:] = np.where(alive, (marks[1:] - moved[1:]) / np.where(alive, previous, 1.0), 1.0)
    return np.cumprod(growth, dtype=np.float64)


def simple_returns(nav: ArrayLike) -> FloatArray:
    """Return ``navᵢ / navᵢ₋₁ − 1``, shape (n − 1,); 0 after the NAV has reached 0 or less."""
    values = np.asarray(nav, dtype=np.float64)
    if values.size and values.min() > 0:
        found: FloatArray = np.divide(values[1:], values[:-1])
        return np.subtract(found, 1.0, out=found)
    alive = values[:-1] > 0
    growth: FloatArray = np.where(alive, values[1:] / np.where(alive, values[:-1], 1.0), 1.0)
    change: FloatArray = np.subtract(growth, 1.0)
    return change


def total_return(nav: ArrayLike) -> float:
    """Return the growth from the first to the last mark, less 1."""
    values = np.asarray(nav, dtype=np.float64)
    return float(values[-1] / values[0] - 1.0)


def annual_return(nav: ArrayLike, bars_per_year: float) -> float | None:
    """Return the compound growth a year, less 1; −1 when all was lost, None for a single mark."""
    values = np.asarray(nav, dtype=np.float64)
    bars = values.size - 1
    if bars < 1:
        return None
    growth = max(0.0, float(values[-1] / values[0]))
    with np.errstate(over="ignore"):
        annual = float(np.power(growth, bars_per_year / bars)) - 1.0
    return annual if np.isfinite(annual) else None


def months(times_ms: ArrayLike, nav: ArrayLike) -> list[tuple[int, int, float]]:
    """Return (year, month, return) of each calendar month touched, UTC, in order.

    A mark belongs to the month in which its interval lies, so a mark at midnight of the first
    closes the month before.

    Args:
        times_ms: Instants of the marks, Unix milliseconds, shape (n,), rising.
        nav: NAV per unit, shape (n,).
    """
    stamps = np.asarray(times_ms, dtype=np.int64)
    values = np.asarray(nav, dtype=np.float64)
    if values.size < 2:
        return []
    month = (stamps[1:] - 1).astype("datetime64[ms]").astype("datetime64[M]").astype(np.int64)
    last = np.flatnonzero(np.append(np.diff(month) != 0, True)) + 1
    base = np.concatenate(([0], last[:-1]))
    rows = []
    for first, end in zip(base, last, strict=True):
        grown = values[end] / values[first] - 1.0 if values[first] > 0 else 0.0
        number = int(month[end - 1])
        rows.append((1970 + number // 12, number % 12 + 1, float(grown)))
    return rows
