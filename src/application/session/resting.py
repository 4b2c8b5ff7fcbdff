"""Protective stops that rest at the venue, so that a position is guarded while nobody looks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...domain.market import Instrument, Symbol
from ...domain.orders import Open, Partial, Purpose, Reduction, Side, stop_limit
from ...domain.risk import Approved, RiskProfile
from ..execution.board import Working, lots_of
from ..execution.desk import OrderDesk
from ..execution.docket import at_its_own_time
from ..execution.pricing import too_small
from .books import Books
from .guard import Guard
from .stops import has_stops, levels_of

_PAUSE = 30_000
"""Least time between two stops of one symbol, milliseconds: a refusal is not repeated at once."""
_GRACE = 5_000
"""How long a stop that was touched may take to do its work before the session sends the exit."""
_FORGOTTEN = 10_000


@dataclass(frozen=True, slots=True)
class _Wanted:
    """The stop that a position should have.

    Attributes:
        trigger: Ticks.
    """

    side: Side
    lots: int
    trigger: int
    purpose: Purpose


class RestingStops:
    """Keeps one stop at the venue for each open position, and takes it away with the position.

    Each is an order like any other: judged, written ahead, followed, reconciled. It is replaced
    where size or level have changed and nothing else is under way on the symbol. Between two stops,
    and where a stop is not filled, the session's own watch sends the exit.
    """

    def __init__(
        self,
        account: str,
        instruments: Sequence[Instrument],
        desk: OrderDesk,
        books: Books,
        guard: Guard,
        profile: RiskProfile,
    ) -> None:
        self._account = account
        self._instruments = {one.symbol: one for one in instruments}
        self._desk = desk
        self._books = books
        self._guard = guard
        self._profile = profile
        able = desk.bench.gear.venue.capabilities
        self._able = able.stops and not able.bar_orders
        self._cap = desk.bench.plan.policy.stop_cap
        self._needed = has_stops(profile)
        self._tried: dict[Symbol, int] = {}
        self._touched: dict[Symbol, tuple[int, int]] = {}

    def keep(self, now: int) -> None:
        """Place, replace and take away stops as the positions ask for it.

        Raises:
            StorageError: If a stop could not be written down; then it was not sent.
            RefusedForSafety: If the account is no longer ours to trade.
        """
        if not self._able or self._guard.is_gated:
            return
        if not (self._needed or any(one.rests for one in self._desk.board.working.values())):
            return
        for symbol in self._instruments:
            wanted, current = self._wanted(symbol), self._desk.board.resting(symbol)
            if current is None:
                if wanted is not None and self._is_time(symbol, now):
                    self._place(symbol, wanted, now)
            elif wanted is None or (not self._fits(current, wanted) and self._is_time(symbol, now)):
                self._desk.stand_down(symbol)

    def covers(self, symbol: Symbol, now: int) -> bool:
        """Return whether an exit that is due can be left to the venue's stop for now."""
        wanted, current = self._wanted(symbol), self._desk.board.resting(symbol)
        if wanted is None or current is None or current.stopping:
            return False
        order = self._desk.board.last(current)
        live = order is not None and isinstance(order.state, (Open, Partial))
        if not live or not self._fits(current, wanted):
            return False
        first, last = self._touched.get(symbol, (now, now))
        first = first if 0 <= now - last <= _FORGOTTEN else now
        self._touched[symbol] = first, now
        return now - first < _GRACE

    def _place(self, symbol: Symbol, wanted: _Wanted, now: int) -> None:
        intent = Reduction(self._account, symbol, wanted.side, wanted.lots, now, wanted.purpose)
        verdict = self._guard.judge(at_its_own_time(self._desk.bench, intent), now)
        if isinstance(verdict, Approved):
            self._tried[symbol] = now
            self._desk.rest(verdict, wanted.trigger)

    def _is_time(self, symbol: Symbol, now: int) -> bool:
        tried = self._tried.get(symbol)
        if tried is not None and 0 <= now - tried < _PAUSE:
            return False
        return not self._desk.is_working(symbol)

    def _fits(self, current: Working, wanted: _Wanted) -> bool:
        """Return whether a stop is the wanted one; one that is filling is left to it."""
        order = self._desk.board.last(current)
        if order is None or order.terms is None:
            return True
        left = lots_of(order) - self._desk.board.booked[order.client_order_id]
        found = order.terms.side, left, order.terms.trigger
        return isinstance(order.state, Partial) or found == (
            wanted.side,
            wanted.lots,
            wanted.trigger,
        )

    def _wanted(self, symbol: Symbol) -> _Wanted | None:
        """Return the stop that a position should have; None if there is none to be had."""
        state = self._books.account.assets[self._books.column(symbol)]
        if not state.lots:
            return None
        instrument = self._instruments[symbol]
        levels = levels_of(self._profile, self._books, instrument)
        trigger = levels.nearest(state.lots)
        if trigger is None:
            return None
        purpose = Purpose.STOP if trigger == levels.stop else Purpose.TRAILING_STOP
        side = Side.SELL if state.lots > 0 else Side.BUY
        limit = stop_limit(side is Side.BUY, trigger, self._cap)
        if too_small(abs(state.lots), limit, instrument):
            return None
        return _Wanted(side, abs(state.lots), trigger, purpose)
