"""Candles from a venue, as a port."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from ...domain.market import Instrument, Symbol, Timeframe


@dataclass(frozen=True, slots=True)
class VenueBar:
    """A bar as the venue states it, exact.

    Attributes:
        open_time: Unix milliseconds, UTC.
        volume: Base units.
    """

    open_time: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal


class MarketData(Protocol):
    """Read access to a venue's candles. Adapter: ccxt.

    Reads are repeated on their own where that can help (429, 5xx, broken connections), within a
    bounded time. Not thread-safe.
    """

    @property
    def venue(self) -> str:
        """The venue's name."""

    @property
    def page_limit(self) -> int:
        """The most bars that one call returns."""

    @property
    def sends_empty_bars(self) -> bool:
        """Whether the venue answers with bars in which nobody traded.

        If it does, a bar that it leaves out is missing; if it does not, the bar is empty.
        """

    def instrument(self, symbol: Symbol) -> Instrument:
        """Return what trades under ``symbol``, with the venue's tick, lot and fees.

        Raises:
            NotFound: If the venue does not list it.
            VenueError: If the venue cannot be reached or answers nonsense.
            TimedOut: If it does not answer in time.
        """

    def bars(
        self, symbol: Symbol, timeframe: Timeframe, since_ms: int, limit: int
    ) -> Sequence[VenueBar]:
        """Return up to ``limit`` bars from ``since_ms`` on, rising; the last may still be open.

        Raises:
            NotFound: If the venue lacks the symbol or the timeframe.
            VenueError: If the venue cannot be reached or answers nonsense.
            TimedOut: If it does not answer in time.
        """

    def server_time(self) -> int:
        """Return the venue's clock, Unix milliseconds.

        Raises:
            VenueError: If the venue cannot be reached or answers nonsense.
            TimedOut: If it does not answer in time.
        """
