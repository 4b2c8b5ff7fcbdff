"""Finding out what became of an order of unknown outcome: never by age, only by evidence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ...domain.errors import VenueError
from ..journal import OrderRecord
from ..ports.venue import Venue, VenueFill, VenueOrder

_EARLY = (500, 1_000, 2_000, 5_000, 10_000)
"""When the first queries are due after an outcome became unknown, milliseconds."""
_LATE = 15_000
_APART = 5_000
"""How far apart two histories must be read to count as two."""
_BEFORE = 300_000
"""How far before the sending a history is read."""


@dataclass(frozen=True, slots=True)
class Shown:
    """The venue has the order."""

    order: VenueOrder


@dataclass(frozen=True, slots=True)
class Absent:
    """Proven never to have been placed."""


@dataclass(frozen=True, slots=True)
class Unclear:
    """Nothing is proven yet."""

    why: str


Finding = Shown | Absent | Unclear


class Inquiry:
    """The questions about one order, and when the next is due.

    Args:
        began: When its outcome became unknown, Unix milliseconds UTC.
        made_at: The present on the clock that nobody sets, in its seconds.

    Attributes:
        contested: Whether nothing but a balance speaks for the order: histories that would be
            conclusive lack it, yet what the account holds has changed as its fills would explain.
            Reconciliation then judges that balance by itself, order or no order.
    """

    def __init__(self, began: int, made_at: float = 0.0) -> None:
        self._began = began
        self.made_at = made_at
        self._asked = 0
        self._passed = 0
        self._absent_since: int | None = None
        self._spoken_since: int | None = None
        self.contested = False
        self.due = began + _EARLY[0]

    def ask(
        self,
        venue: Venue,
        order: OrderRecord,
        now: int,
        moved: Callable[[], bool],
        passed: int = 0,
    ) -> Finding:
        """Ask the venue once, and set when to ask again; a question that fails proves nothing.

        Args:
            moved: Whether the venue's balances differ from our books as this order would explain.
            passed: Milliseconds since this inquiry was made, whoever set clocks meanwhile.
        """
        self._passed = passed
        self._schedule(now)
        try:
            return self._ask(venue, order, now, moved)
        except VenueError as error:
            return Unclear(f"the question failed: {error.message}")

    def set_back(self, by: int) -> None:
        """Follow a clock that was set back, so that nothing is asked later for it."""
        self._began -= by
        self.due -= by
        if self._absent_since is not None:
            self._absent_since -= by
        if self._spoken_since is not None:
            self._spoken_since -= by

    def postpone(self, now: int) -> None:
        """Set when to ask again."""
        self._schedule(now)

    def _schedule(self, now: int) -> None:
        self._asked += 1
        early = self._began + _EARLY[self._asked] if self._asked < len(_EARLY) else 0
        self.due = max(early, now + _EARLY[0]) if early else now + _LATE
        if self._absent_since is not None:
            self.due = min(self.due, max(self._absent_since + _APART, now + _EARLY[0]))

    def _ask(
        self, venue: Venue, order: OrderRecord, now: int, moved: Callable[[], bool]
    ) -> Finding:
        symbol, order_id = order.intent.symbol, order.client_order_id
        if venue.capabilities.lookup_by_id:
            found = venue.order(symbol, order_id)
            if found is not None:
                return Shown(found)
        return self._search(venue, order, now, moved)

    def _search(
        self, venue: Venue, order: OrderRecord, now: int, moved: Callable[[], bool]
    ) -> Finding:
        """Read the full histories; two without the order, both after the fence, are conclusive."""
        server_time = venue.server_time()
        since = sent_after(order, venue.capabilities.fence_ms) - _BEFORE
        for one in (*venue.open_orders(), *venue.orders_since(since)):
            if one.client_order_id == order.client_order_id:
                return Shown(one)
        passed = max(self._passed, now - (order.sent_at or order.recorded_at))
        # Either clock may have been set meanwhile; both must say that it is over.
        fenced = server_time > order.fence_at and passed > venue.capabilities.fence_ms
        filled = any(matches(fill, order) for fill in venue.fills_since(since))
        if filled or moved():
            self._absent_since = None
            self._speak(now, alone=fenced and not filled)
            return Unclear("a fill or a balance speaks for it")
        self._speak(now, alone=False)
        if not fenced:
            return Unclear("the request may still be accepted")
        if self._absent_since is None:
            self._absent_since = now
            self.due = min(self.due, now + _APART)
            return Unclear("one history without it")
        if now - self._absent_since < _APART:
            return Unclear("two histories, too close together")
        return Absent()

    def _speak(self, now: int, *, alone: bool) -> None:
        """Note whether a balance alone speaks for the order, and for how long it does."""
        if not alone:
            self._spoken_since = None
        elif self._spoken_since is None:
            self._spoken_since = now
        self.contested = self._spoken_since is not None and now - self._spoken_since >= _APART


def sent_after(order: OrderRecord, fence_ms: int) -> int:
    """Return a time before the sending, by the machine's clock or the venue's if that is earlier.

    A clock that was an hour ahead when the order was sent must not hide it from a history.
    """
    ours = order.sent_at or order.recorded_at
    return min(ours, order.fence_at - fence_ms) if order.fence_at else ours


def matches(fill: VenueFill, order: OrderRecord) -> bool:
    """Return whether a fill belongs to an order by its id."""
    return fill.client_order_id == order.client_order_id
