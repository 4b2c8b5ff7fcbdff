"""Get: a venue's candles into the lake, page by page, resumable at any point."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ...domain.errors import InvalidValue, NotFound, VenueError
from ...domain.market import Instrument, Symbol, Timeframe
from ..ports.bar_store import BarStore, StoredSeries
from ..ports.market_data import MarketData, VenueBar
from .series import find_gaps
from .venue_bars import to_series

GRACE_MS = 3000
"""A bar is final this long after its close."""
PAGES_PER_WRITE = 10
"""Pages kept in memory; an interruption writes what has come so far."""


@dataclass(frozen=True, slots=True)
class Downloaded:
    """What a download did.

    Attributes:
        stored: The lake's series after it.
        new_bars: Bars that the lake did not hold before.
        revised: Held bars that the venue now states differently; the new ones count.
        pages: Requests for bars.
    """

    stored: StoredSeries
    new_bars: int
    revised: int
    pages: int


@dataclass(frozen=True, slots=True)
class DownloadRequest:
    """What to get.

    Attributes:
        since_ms, until_ms: Opens wanted, Unix milliseconds, end exclusive; until None is now.
        fill_gaps: Whether to ask again for what is missing inside the held series.
    """

    symbol: Symbol
    timeframe: Timeframe
    since_ms: int
    until_ms: int | None = None
    fill_gaps: bool = False


class DownloadBars:
    """The use case: asks for what the lake lacks of a period, and nothing else."""

    def __init__(self, store: BarStore, venue: MarketData) -> None:
        self._store = store
        self._venue = venue

    def __call__(
        self, request: DownloadRequest, on_page: Callable[[int, int], None] | None = None
    ) -> Downloaded:
        """Download one series.

        Args:
            request: What to get.
            on_page: Told after each page how many milliseconds are done, of how many.

        Raises:
            NotFound: If the venue lacks the symbol or timeframe, or has no bar in the period.
            VenueError: If the venue fails; what came before is in the lake.
            TimedOut: If it does not answer; what came before is in the lake.
            StorageError: If the disk cannot take it.
        """
        run = _Run(self._store, self._venue, request, self._venue.instrument(request.symbol))
        return run.all(on_page)


class _Run:
    """One download under way."""

    def __init__(
        self, store: BarStore, venue: MarketData, request: DownloadRequest, instrument: Instrument
    ) -> None:
        self._store, self._venue, self._request = store, venue, request
        self._instrument = instrument
        self._step = request.timeframe.milliseconds
        self._waiting: list[VenueBar] = []
        self._stored: StoredSeries | None = None
        self._new = self._revised = self._pages = 0

    def all(self, on_page: Callable[[int, int], None] | None) -> Downloaded:
        closed = (self._venue.server_time() - GRACE_MS) // self._step * self._step
        until = min(
            closed, self._request.until_ms if self._request.until_ms is not None else closed
        )
        since = -(-self._request.since_ms // self._step) * self._step
        if since >= until:
            raise InvalidValue(
                f"no {self._request.timeframe} bar has closed in the period asked for",
                mend="choose an earlier start",
            )
        ranges = self._lacking(since, until)
        total, done = sum(b - a for a, b in ranges), 0
        for first, end in ranges:
            self._range(first, end, (lambda at: on_page(at, total)) if on_page else None, done)
            done += end - first
        stored = self._stored or self._held()
        if stored is None:
            raise NotFound(
                f"{self._venue.venue} has no {self._request.timeframe} bars of "
                f"{self._request.symbol} in the period asked for",
                mend="choose another period or venue",
            )
        return Downloaded(stored, self._new, self._revised, self._pages)

    def _held(self) -> StoredSeries | None:
        wanted = (self._request.symbol, self._request.timeframe)
        for line in self._store.catalogue():
            if (line.instrument.symbol, line.timeframe) == wanted:
                return line
        return None

    def _lacking(self, since: int, until: int) -> list[tuple[int, int]]:
        """Return the periods to ask for; the last held bar is asked for again as an overlap."""
        held = self._held()
        if held is None:
            return [(since, until)]
        ranges = []
        if since < held.first:
            ranges.append((since, min(until, held.first + self._step)))
        if self._request.fill_gaps and held.gaps:
            series = self._store.read(self._request.symbol, self._request.timeframe)
            for gap in find_gaps(series.open_time, self._step):
                a, b = max(gap.first, since), min(gap.last + self._step, until)
                if a < b:
                    ranges.append((a, b))
        if until > held.last + self._step:
            ranges.append((max(since, held.last), until))
        return ranges

    def _range(
        self, first: int, end: int, on_page: Callable[[int], None] | None, done: int
    ) -> None:
        at = first
        try:
            while at < end:
                at = self._page(at, end)
                if on_page is not None:
                    on_page(done + min(at, end) - first)
                if self._pages % PAGES_PER_WRITE == 0:
                    self._flush()
        finally:
            # Whatever stops a download, what has come is kept: the next one goes on from there.
            self._flush()

    def _page(self, at: int, end: int) -> int:
        """Ask for the bars from ``at`` on, keep those before ``end``, return where to go on."""
        limit = self._venue.page_limit
        bars = self._venue.bars(self._request.symbol, self._request.timeframe, at, limit)
        self._pages += 1
        _check_page(bars, self._request.timeframe, self._venue.venue)
        self._waiting.extend(bar for bar in bars if at <= bar.open_time < end)
        if not bars:
            return at + self._step * limit
        # A full page goes on at its last bar, which is then seen twice; a short one after it. What
        # lies before its first bar the venue does not have.
        last = bars[-1].open_time
        return max(last if len(bars) >= limit else last + self._step, at + self._step)

    def _flush(self) -> None:
        if not self._waiting:
            return
        bars, self._waiting = self._waiting, []
        series = to_series(
            bars,
            self._instrument,
            self._request.timeframe,
            source=f"{self._venue.venue} download",
            fill=not self._venue.sends_empty_bars,
        )
        before = self._held()
        if before is not None:
            self._revised += self._count_revised(bars, before)
        self._stored = self._store.write(series)
        self._new += self._stored.bars - (before.bars if before is not None else 0)

    def _count_revised(self, bars: Sequence[VenueBar], held: StoredSeries) -> int:
        fresh = [bar for bar in bars if held.first <= bar.open_time <= held.last]
        if not fresh:
            return 0
        series = self._store.read(self._request.symbol, self._request.timeframe)
        tick = series.instrument.tick_size
        closes = dict(zip(series.open_time.tolist(), series.close.tolist(), strict=True))
        return sum(
            1
            for bar in {bar.open_time: bar for bar in fresh}.values()
            if bar.open_time in closes and closes[bar.open_time] * tick != bar.close
        )


def _check_page(bars: Sequence[VenueBar], timeframe: Timeframe, venue: str) -> None:
    previous = None
    for bar in bars:
        if bar.open_time % timeframe.milliseconds:
            raise VenueError(f"{venue} sent a bar at {bar.open_time}, off the grid of {timeframe}")
        if previous is not None and bar.open_time <= previous:
            raise VenueError(f"{venue} sent bars out of order at {bar.open_time}")
        previous = bar.open_time
