"""Sending and cancelling over a network that fails: what arrives, and what the sender hears."""

from __future__ import annotations

from ....application.ports.venue import (
    Acknowledgement,
    CancelAnswer,
    OutcomeUnknown,
    RateLimited,
    RefusalKind,
    Refused,
    VenueOrderStatus,
)
from ....domain.market import Symbol
from ....domain.orders import TimeInForce
from .exchange import SimulatedExchange
from .faults import Fault, Site
from .network import Network, StampRefused
from .records import NewOrder, Order
from .rules import PostOnlyShape

_SHAPES = {
    Fault.POST_ONLY_ERROR: PostOnlyShape.ERROR,
    Fault.POST_ONLY_REJECTED: PostOnlyShape.REJECTED,
    Fault.POST_ONLY_LATE_CANCEL: PostOnlyShape.LATE_CANCEL,
}
_RESYNC_MS = 1_000


class OrderCalls:
    """The two requests that change something."""

    def __init__(self, network: Network, exchange: SimulatedExchange, account: str) -> None:
        self._network = network
        self._exchange = exchange
        self._account = account

    def create(self, new: NewOrder) -> Acknowledgement:
        """Send an order once.

        Raises:
            OutcomeUnknown: If nobody knows whether it was placed.
        """
        network, stamp = self._network, self._network.stamp
        try:
            network.reach(new.client_id)
        except RateLimited as error:
            return Refused(error.message, RefusalKind.RATE_LIMIT, error.retry_after_ms)
        except StampRefused as error:
            return Refused(error.message, RefusalKind.OTHER, _RESYNC_MS)
        fault = network.pick(Site.CREATE)
        if fault in _SHAPES and not (new.post_only and self._exchange.rules.post_only):
            fault = None
        if fault is not None:
            network.fire(fault, new.client_id)
        if fault is Fault.REQUEST_LOST:
            network.lose_answer("the request was sent")
        if fault is Fault.ARRIVES_LATE:
            self._arrive_late(new, stamp)
            network.lose_answer("the request was sent")
        answer = self._place(new, fault)
        self._answer(fault)
        return answer

    def cancel(self, symbol: Symbol, client_id: str) -> CancelAnswer:
        """Ask to end an order.

        Raises:
            VenueError: If nobody knows whether the request arrived.
        """
        network = self._network
        network.reach(client_id)
        order = self._exchange.order(self._account, client_id)
        fault = network.pick(Site.CANCEL) if order is not None and order.is_open else None
        if fault is not None:
            network.fire(fault, client_id)
        if fault is Fault.CANCEL_LOST:
            network.lose_answer("the cancellation was sent")
        answer = self._spoil_cancel(fault, order) if fault and order is not None else None
        if answer is None:
            answer = self._exchange.reception.cancel(self._account, symbol, client_id)
        if fault is Fault.CANCEL_RESPONSE_LOST:
            network.lose_answer("the cancellation was sent")
        network.come_back()
        return answer

    def _spoil_cancel(self, fault: Fault, order: Order) -> CancelAnswer | None:
        """Let a fault strike a cancellation; None lets it go on as usual."""
        dice = self._network.dice
        if fault is Fault.FILL_BEFORE_CANCEL:
            self._exchange.force_fill(order, order.remaining)
            if not order.is_open:
                return dice.one_of((CancelAnswer.TOO_LATE, CancelAnswer.NOT_FOUND))
        elif fault is Fault.PARTIAL_THEN_CANCEL:
            self._exchange.force_fill(order, dice.between(1, max(1, order.remaining - 1)))
        elif fault is Fault.CANCEL_UNKNOWN:
            if dice.hit(0.5):
                self._exchange.floor.end(order, VenueOrderStatus.CANCELED, "cancelled")
            return CancelAnswer.NOT_FOUND
        return None

    def _place(self, new: NewOrder, fault: Fault | None) -> Acknowledgement:
        hidden = 0
        if fault is Fault.VISIBLE_LATE:
            hidden = self._network.dice.between(500, self._exchange.rules.fence_ms * 9 // 10)
        shape = _SHAPES.get(fault) if fault is not None else None
        answer, order = self._exchange.reception.place(
            self._account, new, refuse=shape, hidden_ms=hidden
        )
        if order is not None and order.is_open and new.time_in_force is not TimeInForce.IOC:
            self._unsettle(order, fault)
        return answer

    def _answer(self, fault: Fault | None) -> None:
        """Let the answer come back, or fail on the way."""
        if fault in (Fault.RESPONSE_LOST, Fault.VISIBLE_LATE):
            self._network.lose_answer("the request was sent")
        self._network.come_back()
        if fault is Fault.GATEWAY_TIMEOUT:
            raise OutcomeUnknown("the exchange answered 504 Gateway Timeout")
        if fault is Fault.GARBLED_ACK:
            raise OutcomeUnknown("the answer could not be read")
        if fault is Fault.ERROR_THEN_FILL:
            raise OutcomeUnknown("-1000: an unknown error occurred while processing the request")

    def _arrive_late(self, new: NewOrder, stamp: int) -> None:
        """Let the request arrive some time before, or where stamps are checked after, its fence."""
        exchange, rules = self._exchange, self._exchange.rules
        most = rules.fence_ms * (15 if rules.stamped else 9) // 10
        resets = exchange.resets

        def arrive() -> None:
            expired = rules.stamped and exchange.floor.server_time > stamp + rules.fence_ms
            if exchange.resets == resets and not expired:
                self._place(new, None)

        delay = self._network.dice.between(self._network.latency.timeout // 2, most)
        exchange.floor.timeline.at(exchange.floor.now + delay, arrive)

    def _unsettle(self, order: Order, fault: Fault | None) -> None:
        """Plan what befalls an order that rests."""
        exchange, dice = self._exchange, self._network.dice
        if fault is Fault.ERROR_THEN_FILL:
            due = exchange.floor.now + dice.between(1_000, 60_000)
            exchange.floor.timeline.at(due, lambda: exchange.force_fill(order, order.remaining))
            return
        found = self._network.pick(Site.RESTING)
        if found is None:
            return
        if found is Fault.PARTIAL_FILL:
            lots = dice.between(1, max(1, order.remaining - 1))
        else:
            lots = order.remaining - dice.between(1, max(1, order.remaining // 100))

        def strike() -> None:
            if exchange.faults.is_over or not order.is_open:
                return
            exchange.faults.fire(found, order.account, order.new.client_id)
            if found is not Fault.UNASKED_CANCEL:
                exchange.force_fill(order, lots)
            if found is not Fault.PARTIAL_FILL:
                exchange.floor.end(order, VenueOrderStatus.CANCELED, "cancelled")

        exchange.floor.timeline.at(exchange.floor.now + dice.between(200, 60_000), strike)
