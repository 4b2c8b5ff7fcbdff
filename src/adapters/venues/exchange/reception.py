"""Where orders come in: every check between a request and the book."""

from __future__ import annotations

from ....application.ports.venue import (
    Accepted,
    Acknowledgement,
    CancelAnswer,
    RefusalKind,
    Refused,
    RepeatedId,
    VenueOrderStatus,
)
from ....domain.market import Symbol
from ....domain.orders import TimeInForce
from .accounts import Account
from .floor import Floor
from .records import NewOrder, Order
from .rules import PostOnlyShape

CROSSED = "post-only would cross"
_LATE = 1_500
"""How long the late shape of refusal lets a post-only order live, milliseconds."""


class Reception:
    """Takes, checks and places orders."""

    def __init__(self, floor: Floor) -> None:
        self._floor = floor

    def place(
        self,
        name: str,
        new: NewOrder,
        *,
        refuse: PostOnlyShape | None = None,
        hidden_ms: int = 0,
    ) -> tuple[Acknowledgement, Order | None]:
        """Place an order; return the answer, and the order if there is one now.

        Args:
            refuse: Turn a post-only order away in this shape, as if it would cross.
            hidden_ms: How long queries and pushes do not know of it.
        """
        floor = self._floor
        account = floor.account(name)
        floor.note("create", name, new, f"{new!r}")
        known = account.latest(new.client_id)
        answer = self._repeated(account, known, new) if known is not None else None
        answer = answer or self._refusal(account, new)
        if answer is not None:
            floor.note("answer", name, answer, f"{answer!r}")
            return answer, None
        order = Order(
            floor.next_number(), name, new, floor.server_time, floor.server_time,
            visible_at=floor.now + hidden_ms,
        )  # fmt: skip
        crossing = new.post_only and (
            refuse is not None or floor.book(new.symbol).crosses(new.side, new.limit, floor.now)
        )
        if crossing:
            return self._turn_away(account, order, refuse or floor.rules.post_only_shape)
        lacking = self._lock(account, order)
        if lacking:
            return Refused(lacking, RefusalKind.INSUFFICIENT_FUNDS), None
        self._keep(account, order)
        book = floor.book(new.symbol)
        if new.trigger is not None:
            book.wait(order)
        else:
            book.enter(order, floor.now)
        if order.is_open and order.filled == 0:
            floor.tell(order)
        if order.is_open and new.time_in_force is TimeInForce.GTD:
            self.watch_end(order)
        return Accepted(order.venue_id), order

    def cancel(self, name: str, symbol: Symbol, client_id: str) -> CancelAnswer:
        """Cancel the open order of a client id."""
        order = self._floor.account(name).latest(client_id)
        if order is None or order.new.symbol != symbol or order.visible_at > self._floor.now:
            return CancelAnswer.NOT_FOUND
        if not order.is_open:
            return CancelAnswer.TOO_LATE
        self._floor.end(order, VenueOrderStatus.CANCELED, "cancelled")
        return CancelAnswer.TAKEN

    def watch_end(self, order: Order) -> None:
        """Let a GTD order end when the exchange's clock has reached its date."""
        floor = self._floor
        due = (order.new.expires_at or 0) - floor.skew_ms

        def end() -> None:
            if not order.is_open:
                return
            if floor.server_time >= (order.new.expires_at or 0):
                floor.expire(order, "good till date")
            else:
                self.watch_end(order)

        floor.timeline.at(due, end)

    def _repeated(self, account: Account, known: Order, new: NewOrder) -> Acknowledgement | None:
        """Return the answer to an id that was used before; None places the order all the same."""
        policy = self._floor.rules.repeated_id
        if policy is RepeatedId.UNIQUE_AMONG_OPEN:
            if any(one.is_open for one in account.by_client[new.client_id]):
                return Refused("Duplicate order sent.", RefusalKind.REPEATED_ID)
            return None
        if policy is RepeatedId.REFUSED:
            return Refused("client_order_id must be unique", RefusalKind.REPEATED_ID)
        if known.new != new:
            return Refused("DUPLICATE_CLIENT_ORDER_ID", RefusalKind.REPEATED_ID)
        return Accepted(known.venue_id)

    def _refusal(self, account: Account, new: NewOrder) -> Refused | None:
        """Return why an order is refused whatever the account holds; None if it is not."""
        floor = self._floor
        if new.symbol not in floor.books:
            return Refused(f"{new.symbol} does not trade here", RefusalKind.NOT_PERMITTED)
        if new.post_only and not floor.rules.post_only:
            return Refused("post-only is not known here", RefusalKind.NOT_PERMITTED)
        if new.trigger is not None and not floor.rules.stops:
            return Refused("stops are not known here", RefusalKind.NOT_PERMITTED)
        unit = floor.instruments[new.symbol].unit_value
        broken = floor.filters[new.symbol].broken_by(new, unit)
        if broken:
            return Refused(broken, RefusalKind.FILTER)
        pointless = self._pointless(account, new)
        return Refused(pointless) if pointless else None

    def _pointless(self, account: Account, new: NewOrder) -> str:
        """Return why an order could never do what it says; empty if it could."""
        floor = self._floor
        if new.expires_at is not None and new.expires_at <= floor.server_time:
            return "the order's end has passed"
        book = floor.book(new.symbol)
        if new.trigger is not None and book.triggered(new.side, new.trigger, floor.now):
            return "the stop would trigger immediately"
        held = account.position(new.symbol).lots if new.symbol.is_perpetual else 1
        if new.reduce_only and held * new.side >= 0:
            return "reduce-only: there is nothing to reduce"
        return ""

    def _turn_away(
        self, account: Account, order: Order, shape: PostOnlyShape
    ) -> tuple[Acknowledgement, Order | None]:
        floor = self._floor
        if shape is PostOnlyShape.ERROR:
            return Refused(CROSSED, RefusalKind.WOULD_CROSS), None
        self._keep(account, order)
        if shape is PostOnlyShape.REJECTED:
            floor.end(order, VenueOrderStatus.REJECTED, CROSSED)
        else:
            floor.tell(order)
            floor.timeline.at(
                floor.now + _LATE, lambda: floor.end(order, VenueOrderStatus.CANCELED, CROSSED)
            )
        return Accepted(order.venue_id), order

    def _lock(self, account: Account, order: Order) -> str:
        """Lock what an order needs; return what is lacking, empty if nothing is."""
        floor, new = self._floor, order.new
        if new.symbol.is_perpetual:
            needed = floor.margin.needed(account, new.symbol, new.side * new.lots, new.limit)
            if needed and needed > floor.margin.available(account, new.symbol.settle):
                return f"insufficient margin in {new.symbol.settle}"
            order.locked = needed
            return ""
        asset, needed = floor.settlement.lock_for(account, order, new.lots)
        if needed > account.holdings.free(asset):
            return f"insufficient balance in {asset}"
        order.lock_asset, order.locked = asset, needed
        account.holdings.lock(asset, needed)
        return ""

    def _keep(self, account: Account, order: Order) -> None:
        account.order_times.add(account.orders, order, self._floor.now)
        account.working[order.number] = order
        if order.new.client_id:
            account.by_client.setdefault(order.new.client_id, []).append(order)
        text = f"{order.venue_id} {order.new.client_id}"
        self._floor.note("order", order.account, order, text)
