"""BarRow: the bars of all assets at one instant, as a session receives them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from ...domain.market import BarState
from ...domain.simulation.records import AssetBar, interpolate_wait
from ...domain.simulation.settings import RATE_SCALE
from ..journal import BarNumbers
from .panel import Int64Array, MarketPanel

_CHUNK = 1024

_T = TypeVar("_T")


class BarRow(NamedTuple):
    """One closed bar of each asset.

    Attributes:
        open_time, close_time: Unix milliseconds UTC.
        open, high, low, close: Ticks, shape (A,), int64; a missing bar holds the last close.
        volume: Lots, shape (A,), int64.
        state: ``BarState`` values, shape (A,), uint8.
        bars: The same as the market step reads it, in column order.
        closes: The closes in ticks, as the account is marked with them.
        numbers: The same as the journal keeps it.
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
    closes: list[int]
    numbers: tuple[BarNumbers, ...]


def panel_rows(panel: MarketPanel, start: int, stop: int, maker_wait: int) -> Iterator[BarRow]:
    """Yield the rows ``[start, stop)`` of a panel.

    Args:
        maker_wait: How long a resting limit waits, seconds; what the market does meanwhile is
            interpolated from the bar's own prices.
    """
    step, assets = panel.timeframe.milliseconds, len(panel.instruments)
    for first in range(start, stop, _CHUNK):
        part = slice(first, min(first + _CHUNK, stop))
        times: list[int] = panel.open_time[part].tolist()
        # Without a line of Python a row: a session asks for each of them.
        yield from map(
            BarRow,
            times,
            [time + step for time in times],
            panel.open[part],
            panel.high[part],
            panel.low[part],
            panel.close[part],
            panel.volume[part],
            panel.state[part],
            _instants(_bars(panel, part, maker_wait), assets),
            panel.close[part].tolist(),
            _instants(_numbers(panel, part), assets),
        )


def _instants(items: Iterable[_T], assets: int) -> Iterator[tuple[_T, ...]]:
    """Yield what belongs to one instant together: ``assets`` items that follow each other."""
    return zip(*[iter(items)] * assets, strict=True)


def _numbers(panel: MarketPanel, part: slice) -> Iterator[Any]:
    """Return what the journal keeps of each bar, asset by asset within each instant."""
    columns = (
        np.broadcast_to(panel.open_time[part, None], panel.open[part].shape),
        panel.open[part],
        panel.high[part],
        panel.low[part],
        panel.close[part],
        panel.volume[part],
        panel.state[part],
        panel.funding_open[part],
        panel.funding_inside[part],
    )
    return zip(*(column.ravel().tolist() for column in columns), strict=True)


def _bars(panel: MarketPanel, part: slice, maker_wait: int) -> list[AssetBar]:
    """Return the bars of a stretch, asset by asset within each instant.

    Column by column: a whole stretch costs about what its last bar would cost number by number.
    """
    prices: list[Any] = [array[part] for array in (panel.open, panel.high, panel.low, panel.close)]
    seconds = panel.timeframe.seconds
    if int(prices[1].max(initial=0)) * max(RATE_SCALE, seconds) >= 2**63:
        # Products would leave 64 bits: whole numbers of any size go the same way.
        prices = [array.astype(object) for array in prices]
    open_, high, low, close = prices
    wait: Any = interpolate_wait(open_, high, low, close, maker_wait, seconds)
    columns = (
        *prices,
        panel.volume[part],
        panel.state[part] == int(BarState.MISSING),
        panel.funding_open[part],
        panel.funding_inside[part],
        wait.low,
        wait.high,
        wait.price_buy,
        wait.price_sell,
    )
    return list(map(AssetBar, *(column.ravel().tolist() for column in columns)))
