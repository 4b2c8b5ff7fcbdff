"""Statistics of trades and fills. Undefined is None; the reasons are given in ``metrics``."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class FillTotals:
    """Sums over all fills, 1e-8 of the quote currency.

    Attributes:
        notional: Traded value.
        maker_notional: The part that rested in the book.
        fee: Fees paid.
        slippage: Σ |fill − reference| · lots · u.
    """

    count: int
    notional: int
    maker_notional: int
    fee: int
    slippage: int


def fill_totals(fills: NDArray[np.void], units: NDArray[np.int64]) -> FillTotals:
    """Sum structured fills (``FILL_FIELDS``); ``units`` has shape (A,).

    A single notional fits int64 (the step sees to it), a sum need not: sums are Python integers.
    """
    if not len(fills):
        return FillTotals(0, 0, 0, 0, 0)
    value = fills["lots"] * units[fills["asset"]]
    notional = value * fills["ticks"]
    slipped = value * np.abs(fills["ticks"] - fills["reference"])
    return FillTotals(
        count=len(fills),
        notional=_exact_sum(notional),
        maker_notional=_exact_sum(notional[fills["maker"] == 1]),
        fee=_exact_sum(fills["fee"]),
        slippage=_exact_sum(slipped),
    )


def hit_rate(net: FloatArray) -> float | None:
    """Return the share of trades with a profit; None without a trade."""
    return float((net > 0).mean()) if net.size else None


def profit_factor(net: FloatArray) -> float | None:
    """Return gains ÷ losses; None without a losing trade."""
    losses = float(-net[net < 0].sum())
    return float(net[net > 0].sum()) / losses if losses > 0 else None


def expectancy(net: FloatArray) -> float | None:
    """Return the mean P&L of a trade; None without a trade."""
    return float(net.mean()) if net.size else None


def streaks(net: FloatArray) -> tuple[int, int]:
    """Return the longest runs of winning and of losing trades; a trade at 0 breaks both."""
    return _longest_run(net > 0), _longest_run(net < 0)


def wilson_interval(wins: int, n: int, quantile: float) -> tuple[float, float]:
    """Return the score interval of a share (Wilson 1927); ``quantile`` is Φ⁻¹ of one end."""
    share, square = wins / n, quantile * quantile
    centre = (share + square / (2 * n)) / (1 + square / n)
    reach = quantile / (1 + square / n) * np.sqrt(share * (1 - share) / n + square / (4 * n * n))
    return float(max(0.0, centre - reach)), float(min(1.0, centre + reach))


def _exact_sum(values: NDArray[np.int64]) -> int:
    high, low = values >> 32, values & 0xFFFF_FFFF
    return (int(high.sum()) << 32) + int(low.sum())


def _longest_run(flags: NDArray[np.bool_]) -> int:
    edges = np.flatnonzero(np.diff(np.concatenate(([False], flags, [False])).astype(np.int8)))
    return int((edges[1::2] - edges[::2]).max()) if edges.size else 0
