"""Watching the stops of open positions between the bars."""

from __future__ import annotations

from collections.abc import Iterator

from ...domain.errors import VenueError
from ...domain.market import Instrument
from ...domain.orders import Purpose, Reduction, Side
from ...domain.risk import RiskProfile, StopLevels, protective_levels
from ...domain.simulation.account import AssetState
from ..execution.pricing import unusable
from ..ports.venue import Quote, Venue
from .books import Books
from .ranges import needs_ranges

_EVERY = 2_000
"""How often the touch of a protected position is read, milliseconds."""


class StopWatch:
    """Compares the touch with each position's stop levels.

    For venues that keep no stops of their own for us. A touch that cannot be read stops nothing and
    is read again; the marks of the bars still move the trailing level.
    """

    def __init__(self, account: str, venue: Venue, books: Books, profile: RiskProfile) -> None:
        self._account = account
        self._venue = venue
        self._books = books
        self._profile = profile
        self._read = 0

    @property
    def is_needed(self) -> bool:
        """Whether the profile sets any stop."""
        return has_stops(self._profile)

    def due(self, instruments: tuple[Instrument, ...], now: int) -> Iterator[Reduction]:
        """Yield an exit for each position whose level the touch has reached."""
        if not self.is_needed or 0 <= now - self._read < _EVERY:
            return
        self._read = now
        for one, state in zip(instruments, self._books.account.assets, strict=True):
            if not state.lots:
                continue
            levels = levels_of(self._profile, self._books, one)
            quote = self._quote(one)
            if quote is not None and (purpose := reached(levels, state, quote)) is not None:
                side = Side.SELL if state.lots > 0 else Side.BUY
                yield Reduction(self._account, one.symbol, side, abs(state.lots), now, purpose)

    def _quote(self, instrument: Instrument) -> Quote | None:
        try:
            quote = self._venue.quote(instrument.symbol)
        except VenueError:
            return None
        return None if unusable(quote, quote.at) else quote


def has_stops(profile: RiskProfile) -> bool:
    """Return whether a profile sets any stop."""
    plain = profile.stop_loss is not None or profile.trailing_stop is not None
    return plain or needs_ranges(profile)


def levels_of(profile: RiskProfile, books: Books, instrument: Instrument) -> StopLevels:
    """Return where the stops of a position that is held lie."""
    column = books.column(instrument.symbol)
    atr = None if books.ranges is None else books.ranges.stops(column)
    return protective_levels(profile, books.account.assets[column], instrument.unit_value, atr)


def reached(levels: StopLevels, state: AssetState, quote: Quote) -> Purpose | None:
    """Return which stop the touch has reached: the price that an exit would get counts."""
    long = state.lots > 0
    price = quote.bid if long else quote.ask
    for level, purpose in (
        (levels.stop, Purpose.STOP),
        (levels.trailing, Purpose.TRAILING_STOP),
    ):
        if level is not None and (price <= level if long else price >= level):
            return purpose
    return None
