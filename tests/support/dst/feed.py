"""Candles as they reach a process: final when the venue's clock says so."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from mettle.adapters.venues.exchange import FaultyFeed, SimulatedExchange
from mettle.application.market import MarketPanel
from mettle.application.market.row import BarRow, panel_rows
from mettle.application.ports.bar_feed import BarFeed
from mettle.application.ports.clock import Clock

_GRACE = 1_000
_MAKER_WAIT = 120
_CHUNK = 32


@dataclass(frozen=True)
class Candles:
    """The candles of a world, for each life of each process a feed of its own."""

    panel: MarketPanel
    start: int
    exchange: SimulatedExchange
    account: str

    def feed(self, clock: Clock) -> BarFeed:
        """Return a fresh feed, which goes wrong as the exchange's faults have it."""
        return FaultyFeed(PunctualFeed(self, clock), self.exchange, self.account, clock)


class PunctualFeed:
    """Implements ``BarFeed``: bars are had once the venue's clock is past their close."""

    def __init__(self, candles: Candles, clock: Clock) -> None:
        self._candles = candles
        self._clock = clock
        self._rows: Iterator[BarRow] = iter(())
        self._next: BarRow | None = None
        self.seek(None)

    def history(self) -> Iterator[BarRow]:
        """Yield the rows before the start."""
        return panel_rows(self._candles.panel, 0, self._candles.start, _MAKER_WAIT)

    def seek(self, after: int | None) -> None:
        """Go on behind a bar."""
        panel, first = self._candles.panel, self._candles.start
        if after is not None:
            first = (after - int(panel.open_time[0])) // panel.timeframe.milliseconds + 1
        self._rows = _rows(panel, first)
        self._next = next(self._rows, None)

    def next_due(self) -> int | None:
        """Return when to look again, by the process's clock."""
        if self._next is None:
            return None
        ahead = self._next.close_time + _GRACE - self._candles.exchange.floor.server_time
        return self._clock.now_ms() + max(ahead, 0)

    def take(self) -> BarRow | None:
        """Return the next row if the venue says that it is final."""
        row = self._next
        due = self._candles.exchange.floor.server_time
        if row is None or due < row.close_time + _GRACE:
            return None
        self._next = next(self._rows, None)
        return row


def _rows(panel: MarketPanel, first: int) -> Iterator[BarRow]:
    """Yield rows a few at a time: a life is short, and a panel is long."""
    for start in range(first, len(panel), _CHUNK):
        yield from panel_rows(panel, start, min(start + _CHUNK, len(panel)), _MAKER_WAIT)
