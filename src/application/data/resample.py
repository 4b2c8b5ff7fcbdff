"""Coarser bars out of finer ones, never from the future."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...domain.errors import DataError
from ...domain.market import BarState, Timeframe
from ..ports.bar_store import BarSeries
from .series import content_hash

Int64Array = NDArray[np.int64]

MARK = "resampled from"
"""How the source of a resampled series begins."""


def resample(series: BarSeries, target: Timeframe) -> BarSeries:
    """Return the bars of a coarser timeframe.

    Only complete bars: one whose finer bars are not all there is left out, as is the last one
    while it is still open. A bar of empty bars is empty.

    Raises:
        DataError: If the target is not a multiple of the timeframe, or no bar is complete.
    """
    step = target.milliseconds
    parts, rest = divmod(step, series.timeframe.milliseconds)
    if rest or parts < 2:
        raise DataError(
            f"{target} bars cannot be made of {series.timeframe} bars",
            mend="resample from a finer timeframe that divides it",
        )
    group = series.open_time - series.open_time % step
    opens, starts, counts = np.unique(group, return_index=True, return_counts=True)
    whole = counts == parts
    if not whole.any():
        raise DataError(f"{series.instrument.symbol}: no {target} bar is complete")
    rows = starts[whole][:, None] + np.arange(parts)
    traded = (series.state[rows] != BarState.EMPTY).any(axis=1)
    columns: dict[str, Any] = {
        "open_time": opens[whole],
        "open": series.open[rows[:, 0]],
        "high": series.high[rows].max(axis=1),
        "low": series.low[rows].min(axis=1),
        "close": series.close[rows[:, -1]],
        "volume": series.volume[rows].sum(axis=1),
        "state": np.where(traded, BarState.TRADED, BarState.EMPTY).astype(np.uint8),
    }
    source = f"{MARK} {series.timeframe} {content_hash(series)[:12]}"
    return replace(series, timeframe=target, source=source, **columns)


def last_closed(
    fine_open: Int64Array, fine: Timeframe, coarse_open: Int64Array, coarse: Timeframe
) -> Int64Array:
    """Return, for each fine bar, the last coarse bar that has closed when it closes.

    This is the only coarse bar that a decision at the fine bar's close may look at.

    Args:
        fine_open: Opens of the fine bars, Unix milliseconds, shape (n,), rising.
        fine: Their timeframe.
        coarse_open: Opens of the coarse bars, shape (m,), rising.
        coarse: Their timeframe.

    Returns:
        Positions in ``coarse_open``, shape (n,), −1 where none has closed yet.
    """
    now = fine_open + fine.milliseconds
    closed = coarse_open + coarse.milliseconds
    return np.asarray(np.searchsorted(closed, now, side="right") - 1, dtype=np.int64)
