"""Where the market goes: ticks of touch, depth and volume, from bars or from recorded depth."""

from __future__ import annotations

import itertools
from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np

from ....application.market import MarketPanel
from ....application.ports.randomness import Randomness
from ....domain.errors import DataError
from ....domain.market import BarState, Symbol

Level = tuple[int, int]
"""Price in ticks and lots."""


class Tick(NamedTuple):
    """The market of one symbol at an instant, and what was traded since the tick before.

    Attributes:
        at: Unix milliseconds UTC, true time.
        low, high: Of the trades since the tick before, ticks.
        sold, bought: Lots that sellers took from the bids, and buyers from the asks.
        bids, asks: Recorded depth, best first; empty where it is made from the touch.
    """

    at: int
    bid: int
    ask: int
    bid_lots: int
    ask_lots: int
    low: int
    high: int
    sold: int
    bought: int
    bids: tuple[Level, ...] = ()
    asks: tuple[Level, ...] = ()


class Path(Protocol):
    """The course of one symbol; a pure function of time."""

    def at(self, time_ms: int) -> Tick:
        """Return the last tick at or before an instant; before the first, the first."""

    def between(self, after: int, until: int, low: int, high: int) -> Sequence[Tick]:
        """Return the ticks of ``(after, until]`` in order of time.

        Args:
            low, high: Stretches that stay strictly between these prices may be left out.
        """

    def funding(self, time_ms: int) -> int | None:
        """Return the recorded rate due at an instant, 1e-8; None if none is recorded."""


class BarPath:
    """Ticks drawn inside bars: each begins at its open, touches low and high, ends at its close.

    Only the bars that are asked about are drawn, each from its own stream; so the course does not
    depend on who asks, or how often.

    Args:
        ticks: How many ticks a bar has.
        spread_ppm: Width of the touch, millionths of the price.
        depth: Lots at the touch, as a multiple of an average tick's volume.
    """

    def __init__(
        self,
        panel: MarketPanel,
        symbol: Symbol,
        randomness: Randomness,
        *,
        ticks: int = 60,
        spread_ppm: int = 200,
        depth: int = 4,
    ) -> None:
        if ticks < 4 or panel.timeframe.milliseconds % ticks:
            raise DataError(f"a bar of {panel.timeframe} cannot have {ticks} ticks")
        column = panel.column(symbol)
        self._prices = [
            getattr(panel, name)[:, column].tolist() for name in ("open", "high", "low", "close")
        ]
        self._volume = panel.volume[:, column].tolist()
        self._traded = (panel.state[:, column] != np.uint8(BarState.MISSING)).tolist()
        self._funding = panel.funding_open[:, column].tolist()
        self._start = int(panel.open_time[0])
        self._length = panel.timeframe.milliseconds
        self._randomness, self._symbol = randomness, str(symbol)
        self._ticks, self._spread = ticks, spread_ppm
        self._step = self._length // ticks
        average = int(np.mean(panel.volume[:, column])) // ticks
        self._depth = max(10, average * depth)
        self._drawn: dict[int, list[Tick]] = {}
        self._known_funding = bool(np.any(panel.funding_open[:, column]))

    def at(self, time_ms: int) -> Tick:
        """Return the last tick at or before an instant; before the first, the first."""
        bar = (time_ms - self._start) // self._length
        if bar < 0:
            return self._first()
        bar = min(bar, len(self._volume) - 1)
        index = min((time_ms - self._start - bar * self._length) // self._step, self._ticks - 1)
        while bar >= 0:
            if self._traded[bar]:
                return self._bar(bar)[index]
            bar, index = bar - 1, -1
        return self._first()

    def between(self, after: int, until: int, low: int, high: int) -> Sequence[Tick]:
        """Return the ticks of ``(after, until]``; bars strictly between the prices are left out."""
        # Ticks are counted from the start of the path, so that no bar is drawn to find its ticks.
        first = max(0, (after - self._start) // self._step + 1)
        last = min((until - self._start) // self._step, len(self._volume) * self._ticks - 1)
        if last < first:
            return ()
        _, highs, lows, _ = self._prices
        found: list[Tick] = []
        for bar in range(first // self._ticks, last // self._ticks + 1):
            if self._traded[bar] and not (low < lows[bar] and highs[bar] < high):
                begin = bar * self._ticks
                found += self._bar(bar)[max(0, first - begin) : last - begin + 1]
        return found

    def funding(self, time_ms: int) -> int | None:
        """Return the rate of the bar that opens at an instant; None if none is recorded."""
        bar, inside = divmod(time_ms - self._start, self._length)
        if inside or not self._known_funding or not 0 <= bar < len(self._funding):
            return None
        rate: int = self._funding[bar]
        return rate

    def _first(self) -> Tick:
        bar = self._traded.index(True)
        return self._bar(bar)[0]

    def _bar(self, bar: int) -> list[Tick]:
        found = self._drawn.get(bar)
        if found is None:
            if len(self._drawn) > 64:
                self._drawn.clear()
            found = self._drawn[bar] = self._draw(bar) if self._traded[bar] else []
        return found

    def _draw(self, bar: int) -> list[Tick]:
        count = self._ticks
        random = self._randomness.stream("path", self._symbol, self._start + bar * self._length)
        opening, high, low, close = (prices[bar] for prices in self._prices)
        # Two inner turning points, one at the low and one at the high, in either order.
        turns = np.sort(random.choice(count - 2, 2, replace=False)) + 1
        ends = (low, high) if random.random() < 0.5 else (high, low)
        course = np.interp(
            np.arange(count), [0, *turns, count - 1], [opening, ends[0], ends[1], close]
        )
        course += random.normal(0.0, (high - low) / 20 + 1e-9, count)
        price = np.clip(np.rint(course), low, high).astype(np.int64)
        price[0], price[-1] = opening, close
        price[turns] = ends
        before = np.concatenate((price[:1], price[:-1]))
        spread = np.maximum(1, price * self._spread // 1_000_000)
        bid = np.maximum(1, price - spread // 2)
        weight = random.random(count) + 0.05
        volume = np.floor(self._volume[bar] * weight / weight.sum()).astype(np.int64)
        volume[-1] += self._volume[bar] - int(volume.sum())
        sold = np.floor(volume * random.random(count)).astype(np.int64)
        size = (1 + np.floor(self._depth * (0.2 + 1.8 * random.random((2, count))))).astype(
            np.int64
        )
        begin = self._start + bar * self._length
        times = range(begin, begin + self._length, self._step)
        columns = (
            bid, bid + spread, size[0], size[1], np.minimum(price, before),
            np.maximum(price, before), sold, volume - sold,
        )  # fmt: skip
        return [
            Tick(*values)
            for values in zip(times, *(column.tolist() for column in columns), strict=True)
        ]


class RecordedPath:
    """Ticks as they were recorded: depth snapshots with the trades since the one before.

    Args:
        ticks: In order of time, each later than the one before.
        funding: Instant → rate, 1e-8.
    """

    def __init__(self, ticks: Sequence[Tick], funding: dict[int, int] | None = None) -> None:
        if not ticks or any(b.at <= a.at for a, b in itertools.pairwise(ticks)):
            raise DataError("a recorded market needs ticks, each later than the one before")
        self._ticks = list(ticks)
        self._rates = funding or {}

    def at(self, time_ms: int) -> Tick:
        """Return the last tick at or before an instant; before the first, the first."""
        return self._ticks[max(0, bisect_right(self._ticks, time_ms, key=_time) - 1)]

    def between(self, after: int, until: int, low: int, high: int) -> Sequence[Tick]:
        """Return the ticks of ``(after, until]``."""
        del low, high
        start = bisect_right(self._ticks, after, key=_time)
        return self._ticks[start : bisect_right(self._ticks, until, key=_time)]

    def funding(self, time_ms: int) -> int | None:
        """Return the recorded rate due at an instant."""
        return self._rates.get(time_ms)


def _time(tick: Tick) -> int:
    return tick.at
