"""BarRow: the bars of all assets at one instant, as a session receives them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...domain.market import BarState
from ...domain.simulation.records import AssetBar, interpolate_wait
from .panel import Int64Array, MarketPanel

_CHUNK = 1024


@dataclass(frozen=True, slots=True)
class BarRow:
    """One closed bar of each asset.

    Attributes:
        open_time, close_time: Unix milliseconds UTC.
        open, high, low, close: Ticks, shape (A,), int64; a missing bar holds the last close.
        volume: Lots, shape (A,), int64.
        state: ``BarState`` values, shape (A,), uint8.
        bars: The same as the market step reads it, in column order.
    """

    open_time: int
    close_time: int
    open: Int64Array
    high: Int64Array
    low: Int64Array
    close: Int64Array
    volume: Int64Array
    state: NDArray[np.uint8]
    bars: tuple[AssetBar, ...]

    @property
    def closes(self) -> list[int]:
        """The closes in ticks."""
        return [bar.close for bar in self.bars]


def panel_rows(panel: MarketPanel, start: int, stop: int, maker_wait: int) -> Iterator[BarRow]:
    """Yield the rows ``[start, stop)`` of a panel.

    Args:
        maker_wait: How long a resting limit waits, seconds; what the market does meanwhile is
            interpolated from the bar's own prices.
    """
    step, bar_s = panel.timeframe.milliseconds, panel.timeframe.seconds
    missing = int(BarState.MISSING)
    for first in range(start, stop, _CHUNK):
        part = slice(first, min(first + _CHUNK, stop))
        # Lists first: reading NumPy scalars one by one would cost more than the step itself.
        columns = [
            array[part].tolist()
            for array in (
                panel.open,
                panel.high,
                panel.low,
                panel.close,
                panel.volume,
                panel.state,
                panel.funding_open,
                panel.funding_inside,
            )
        ]
        times = panel.open_time[part].tolist()
        for offset, (open_time, *values) in enumerate(zip(times, *columns, strict=True)):
            bars = []
            for o, h, low, c, volume, state, at_open, inside in zip(*values, strict=True):
                wait = interpolate_wait(o, h, low, c, maker_wait, bar_s)
                bars.append(
                    AssetBar(
                        o,
                        h,
                        low,
                        c,
                        volume,
                        state == missing,
                        at_open,
                        inside,
                        wait.low,
                        wait.high,
                        wait.price_buy,
                        wait.price_sell,
                    )
                )
            index = first + offset
            yield BarRow(
                open_time,
                open_time + step,
                panel.open[index],
                panel.high[index],
                panel.low[index],
                panel.close[index],
                panel.volume[index],
                panel.state[index],
                tuple(bars),
            )
