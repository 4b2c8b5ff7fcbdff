"""What holds of every series of bars: order, grid, hash, gaps, and how two become one."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...domain.errors import DataError
from ...domain.market import BarState, Instrument
from ..ports.bar_store import BarSeries, StoredSeries

COLUMNS = ("open_time", "open", "high", "low", "close", "volume")
PRICES = ("open", "high", "low", "close")
MAX_TICKS = 10**12
"""Prices lie in 1 … 10¹² ticks, so that no engine's products overflow."""

_SOURCES_KEPT = 8


@dataclass(frozen=True, slots=True)
class Gap:
    """A run of missing bars: opens of its first and last (Unix ms), and how many they are."""

    first: int
    last: int
    bars: int


def check_series(series: BarSeries) -> None:
    """Verify what every adapter and engine relies on.

    Raises:
        DataError: If times do not rise on the grid, or a bar is not consistent.
    """
    name = f"{series.instrument.symbol} {series.timeframe}"
    times = series.open_time
    for column in COLUMNS:
        array = getattr(series, column)
        if array.dtype != np.int64 or array.shape != times.shape:
            raise DataError(f"{name}: {column} must be int64 of shape {times.shape}")
    if series.state.dtype != np.uint8 or series.state.shape != times.shape:
        raise DataError(f"{name}: state must be uint8 of shape {times.shape}")
    if len(times) == 0:
        raise DataError(f"{name}: a series needs at least one bar")
    if np.any(np.diff(times) <= 0) or np.any(times % series.timeframe.milliseconds):
        raise DataError(f"{name}: open times must rise on the grid of {series.timeframe}")
    body_low = np.minimum(series.open, series.close)
    body_high = np.maximum(series.open, series.close)
    bad = (series.low < 1) | (series.low > body_low) | (series.high < body_high)
    bad |= (series.high > MAX_TICKS) | (series.volume < 0)
    if bad.any():
        raise DataError(
            f"{name}: bar at {int(times[bad.argmax()])} breaks 1 ≤ low ≤ open, close ≤ high ≤ 10¹² "
            "ticks or volume ≥ 0"
        )


def content_hash(series: BarSeries) -> str:
    """Return the SHA-256 of the bars and their grid; equal bars give equal hashes."""
    instrument = series.instrument
    digest = hashlib.sha256(
        f"{instrument.symbol}|{series.timeframe}|{instrument.tick_size.normalize()}|"
        f"{instrument.lot_size.normalize()}|{series.synthetic}".encode()
    )
    for name in (*COLUMNS, "state"):
        digest.update(np.ascontiguousarray(getattr(series, name)).tobytes())
    return digest.hexdigest()


def find_gaps(open_time: NDArray[np.int64], step: int) -> tuple[Gap, ...]:
    """Return the gaps of rising open times on a grid of ``step`` milliseconds."""
    jumps = np.flatnonzero(np.diff(open_time) > step)
    return tuple(
        Gap(
            int(open_time[i]) + step,
            int(open_time[i + 1]) - step,
            int((open_time[i + 1] - open_time[i]) // step) - 1,
        )
        for i in jumps
    )


def describe(series: BarSeries) -> StoredSeries:
    """Return the catalogue's line for a series."""
    gaps = find_gaps(series.open_time, series.timeframe.milliseconds)
    return StoredSeries(
        instrument=series.instrument,
        timeframe=series.timeframe,
        first=int(series.open_time[0]),
        last=int(series.open_time[-1]),
        bars=len(series),
        gaps=len(gaps),
        missing=sum(gap.bars for gap in gaps),
        content_hash=content_hash(series),
        source=series.source,
        synthetic=series.synthetic,
    )


def merge_series(held: BarSeries, new: BarSeries) -> BarSeries:
    """Return both as one; where both have a bar the new one wins.

    Prices move to the finest common tick exactly; volumes floor to the common lot.

    Raises:
        DataError: If real and synthetic bars, or bars of two venues, would be mixed.
    """
    _check_kin(held, new)
    instrument = _common_instrument(held.instrument, new.instrument)
    old, fresh = regrid(held, instrument), regrid(new, instrument)
    keep = ~np.isin(old.open_time, fresh.open_time)
    times = np.concatenate([old.open_time[keep], fresh.open_time])
    order = np.argsort(times, kind="stable")
    columns: dict[str, Any] = {
        name: np.concatenate([getattr(old, name)[keep], getattr(fresh, name)])[order]
        for name in (*COLUMNS, "state")
    }
    return replace(new, instrument=instrument, source=_sources(held, new), **columns)


def regrid(series: BarSeries, instrument: Instrument) -> BarSeries:
    """Return the series in ticks and lots of ``instrument``, whose tick divides its own.

    Raises:
        DataError: If a price would leave the range of ticks.
    """
    factor = series.instrument.tick_size / instrument.tick_size
    if factor == 1 and series.instrument.lot_size == instrument.lot_size:
        return replace(series, instrument=instrument)
    if factor != factor.to_integral_value() or int(series.high.max()) * int(factor) > MAX_TICKS:
        raise DataError(
            f"{instrument.symbol}: prices of tick {series.instrument.tick_size} cannot be kept at "
            f"tick {instrument.tick_size}",
            mend="import with --tick and --lot as the held series has them",
        )
    prices = {name: getattr(series, name) * int(factor) for name in PRICES}
    volume = _rescale(series.volume, series.instrument.lot_size / instrument.lot_size)
    return replace(series, instrument=instrument, volume=volume, **prices)


def _rescale(volume: NDArray[np.int64], ratio: Decimal) -> NDArray[np.int64]:
    numerator, denominator = ratio.as_integer_ratio()
    if int(volume.max(initial=0)) * numerator >= 2**63:
        raise DataError(f"volume {int(volume.max())} × {numerator} lots is beyond 64 bits")
    return volume * numerator // denominator


def _check_kin(held: BarSeries, new: BarSeries) -> None:
    name = f"{held.instrument.symbol} {held.timeframe}"
    mend = "keep them apart with another --lake, or replace what is held with --replace"
    if held.synthetic != new.synthetic:
        words = {True: "synthetic", False: "real"}
        raise DataError(
            f"{name}: held bars are {words[held.synthetic]}, the new ones "
            f"{words[new.synthetic]}; they are never mixed",
            mend=mend,
        )
    venues = {held.instrument.venue, new.instrument.venue} - {"unknown"}
    if len(venues) > 1:
        raise DataError(
            f"{name}: held bars are of {held.instrument.venue}, the new ones of "
            f"{new.instrument.venue}",
            mend=mend,
        )


def _common_instrument(held: Instrument, new: Instrument) -> Instrument:
    tick = common_step(held.tick_size, new.tick_size)
    lot = Instrument.coarsen(tick, common_step(held.lot_size, new.lot_size))
    base = held if new.inferred and not held.inferred else new
    finer = (tick, lot) != (base.tick_size, base.lot_size)
    venue = base.venue if base.venue != "unknown" else held.venue
    return replace(base, tick_size=tick, lot_size=lot, venue=venue, inferred=base.inferred or finer)


def common_step(one: Decimal, other: Decimal) -> Decimal:
    """Return the largest step of which both are whole multiples."""
    (a, b), (c, d) = one.as_integer_ratio(), other.as_integer_ratio()
    return (Decimal(math.gcd(a * d, c * b)) / Decimal(b * d)).normalize()


def _sources(held: BarSeries, new: BarSeries) -> str:
    parts = [part for part in held.source.split("; ") if part != new.source]
    return "; ".join([*parts[-(_SOURCES_KEPT - 1) :], new.source])


def traded_state(
    open: NDArray[np.int64],
    high: NDArray[np.int64],
    low: NDArray[np.int64],
    close: NDArray[np.int64],
    empty_volume: NDArray[np.bool_],
) -> NDArray[np.uint8]:
    """Return EMPTY where nobody traded at the previous close, else TRADED; shape (n,).

    Args:
        open: Ticks, shape (n,), as are the other prices.
        high: Highest price.
        low: Lowest price.
        close: Last price.
        empty_volume: Whether the venue's volume was 0 *before* it was floored to lots.
    """
    flat = (high == low) & (open == close) & empty_volume
    previous = np.concatenate([open[:1], close[:-1]])
    return np.where(flat & (open == previous), BarState.EMPTY, BarState.TRADED).astype(np.uint8)


def fill_empty(series: BarSeries) -> tuple[BarSeries, int]:
    """Return the series with every absent bar inside it as an empty one, and how many they were.

    Only for sources that leave out bars in which nobody traded.
    """
    step = series.timeframe.milliseconds
    times = np.arange(series.open_time[0], series.open_time[-1] + step, step, dtype=np.int64)
    index = np.searchsorted(series.open_time, times, side="right") - 1
    here = series.open_time[index] == times
    held = series.close[index]
    columns: dict[str, Any] = {
        name: np.where(here, getattr(series, name)[index], held) for name in PRICES
    }
    columns["volume"] = np.where(here, series.volume[index], 0)
    empty = np.uint8(BarState.EMPTY)
    columns["state"] = np.where(here, series.state[index], empty).astype(np.uint8)
    return replace(series, open_time=times, **columns), int((~here).sum())
