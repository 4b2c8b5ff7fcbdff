"""I3 … I8: attempts, fills and states against the venue's truth."""

from __future__ import annotations

from mettle.application.journal import FillRecord, OrderRecord
from mettle.application.ports.venue import OrderRequest, VenueFill, VenueOrder, VenueOrderStatus
from mettle.domain.orders import intent_id

from .truth import Truth
from .view import FINAL, JournalView, order_lots, state_filled, state_name
from .violations import Findings

_ARROWS = {
    "Intended": {"Submitting", "Denied"},
    "Submitting": {"Open", "Partial", "Rejected", "Filled", "Expired", "Canceled", "Unknown"},
    "Unknown": {
        "Open", "Partial", "Rejected", "Filled", "Expired", "Canceled", "Unknown", "NotPlaced"
    },
    "Open": {
        "Open", "Partial", "Rejected", "Filled", "Expired", "Canceled", "Cancelling", "Unknown"
    },
    "Partial": {
        "Open", "Partial", "Rejected", "Filled", "Expired", "Canceled", "Cancelling", "Unknown"
    },
    "Cancelling": {"Canceled", "Filled", "Expired", "Cancelling", "Unknown"},
    "Expired": {"Expired", "Filled"},
    "Canceled": {"Canceled", "Filled"},
}  # fmt: skip
_FIRST = {"Intended", "Submitting", "Denied"}
_ENDED = {VenueOrderStatus.FILLED, VenueOrderStatus.CANCELED, VenueOrderStatus.EXPIRED}


class OrderRules:
    """Watches attempts."""

    def __init__(self, view: JournalView, truth: Truth, found: Findings) -> None:
        self._view = view
        self._truth = truth
        self._found = found
        self._payloads: dict[str, str] = {}
        self._sent: dict[str, int] = {}
        self._fills_seen = 0
        self._placed_seen = 0
        self._true_fills: dict[tuple[str, str], VenueFill] = {}
        self._true_lots: dict[str, int] = {}

    @property
    def true_fills(self) -> dict[tuple[str, str], VenueFill]:
        """Every execution that happened, by symbol and trade id."""
        return self._true_fills

    def sends(self, request: OrderRequest) -> None:
        """Judge a create at the moment it leaves the process."""
        need, order_id = self._found.need, request.client_order_id
        order = self._view.orders.get(order_id)
        if order is None:
            self._found.broken("I4", f"{order_id} was sent without a committed attempt")
            return
        written = order.payload_hash
        need(written == request.terms.payload_hash, "I4", f"{order_id}: sent other than written")
        need(state_name(order) == "Submitting", "I4", f"{order_id} was sent as {state_name(order)}")
        known = self._payloads.setdefault(order_id, request.terms.payload_hash)
        need(known == request.terms.payload_hash, "I6", f"{order_id} carries two payloads")
        self._sent[order_id] = self._sent.get(order_id, 0) + 1
        need(self._sent[order_id] == 1, "I6", f"{order_id} was sent {self._sent[order_id]} times")
        self._alone(order, request)

    def _alone(self, order: OrderRecord, request: OrderRequest) -> None:
        """I5: nothing else of the intent may be live, and no more than the rest is asked for."""
        filled = 0
        for other_id in self._view.attempts[intent_id(order.intent)]:
            if other_id == order.client_order_id:
                continue
            other = self._view.orders[other_id]
            self._found.need(
                other_id not in self._view.possibly_live,
                "I5",
                f"{order.client_order_id} was sent while {other_id} is {state_name(other)}",
            )
            for shown in self._truth.orders(other_id):
                filled += shown.filled
                self._found.need(
                    shown.status is not VenueOrderStatus.OPEN,
                    "I5",
                    f"{order.client_order_id} was sent while {other_id} is open at the venue",
                )
        asked = request.terms.lots + filled
        self._found.need(
            asked <= order.intent.lots,
            "I5",
            f"{order.client_order_id}: {asked} lots asked or filled for an intent of "
            f"{order.intent.lots}",
        )

    def changed(self, order: OrderRecord, *, new: bool) -> None:
        """Judge one committed state."""
        order_id, name = order.client_order_id, state_name(order)
        self._catch_up()
        if new:
            protective = name == "Filled" and order.terms is None
            self._found.need(name in _FIRST or protective, "I7", f"{order_id} was born as {name}")
            attempts = self._view.attempts[intent_id(order.intent)]
            others = [one for one in attempts if one != order_id]
            live = [one for one in others if one in self._view.possibly_live]
            self._found.need(
                not live or protective, "I5", f"{order_id} was written while {live[:1]} may live"
            )
        else:
            before = self._view.orders.get(order_id)
            if before is None:
                self._found.broken("I7", f"{order_id} changed before it was written")
                return
            self._arrow(before, order)
        if name in FINAL:
            self._evidenced(order, name)

    def _arrow(self, before: OrderRecord, order: OrderRecord) -> None:
        old, name = state_name(before), state_name(order)
        same = before.state == order.state
        self._found.need(
            same or name in _ARROWS.get(old, set()),
            "I7",
            f"{order.client_order_id} went from {old} to {name}",
        )
        self._found.need(
            state_filled(order) >= state_filled(before),
            "I7",
            f"{order.client_order_id} lost fills: {before.state} to {order.state}",
        )
        if old in FINAL and not same:
            self._found.need(
                state_filled(order) > state_filled(before),
                "I7",
                f"{order.client_order_id}: {before.state} was amended to {order.state}",
            )

    def _evidenced(self, order: OrderRecord, name: str) -> None:
        """I8: a final state is so at the venue."""
        order_id = order.client_order_id
        if order.terms is None:
            return
        shown = self._truth.orders(order_id)
        say = f"{order_id} is {name} here, at the venue {[one.status.value for one in shown]}"
        if name in {"NotPlaced", "Denied"}:
            self._found.need(not shown, "I8", say)
            return
        if name == "Rejected":
            live = [one for one in shown if one.status is not VenueOrderStatus.REJECTED]
            self._found.need(not live, "I8", say)
            return
        # What was refused after we had asked to end it was taken once, and is called expired.
        over = _ENDED | {VenueOrderStatus.REJECTED} if name == "Expired" else _ENDED
        self._found.need(any(one.status in over for one in shown), "I8", say)
        most = max((one.filled for one in shown), default=0)
        self._found.need(
            state_filled(order) <= most, "I8", f"{order_id}: {order.state}, the venue filled {most}"
        )

    def booked(self, fill: FillRecord, *, again: bool) -> None:
        """I3: a fill is the venue's, once, and within its order."""
        self._catch_up()
        key = (fill.symbol, fill.trade_id)
        self._found.need(not again, "I3", f"trade {key} was booked twice")
        true = self._true_fills.get(key)
        if true is None:
            self._found.broken("I3", f"trade {key} was booked and never happened")
            return
        mine = (fill.side, fill.lots, fill.ticks, fill.fee_asset, fill.fee_amount, fill.maker)
        theirs = (
            true.side, true.lots, true.ticks, true.fee.currency, true.fee.amount, true.maker
        )  # fmt: skip
        self._found.need(mine == theirs, "I3", f"trade {key}: booked {mine}, was {theirs}")
        if true.protects is None:
            ours = true.client_order_id in self._view.orders
            self._found.need(
                fill.client_order_id == (true.client_order_id if ours else ""),
                "I3",
                f"trade {key} of {true.client_order_id!r} was booked on {fill.client_order_id!r}",
            )
        order = self._view.orders.get(fill.client_order_id)
        if order is not None:
            total = self._view.booked[fill.client_order_id]
            self._found.need(
                total <= order_lots(order),
                "I3",
                f"{fill.client_order_id}: {total} lots booked of {order_lots(order)}",
            )

    def after_event(self) -> None:
        """Look at orders that the venue took since the last event."""
        self._catch_up()
        placed = self._truth.placed()
        for shown in placed[self._placed_seen :]:
            self._taken(shown)
        self._placed_seen = len(placed)

    def _taken(self, shown: VenueOrder) -> None:
        order = self._view.orders.get(shown.client_order_id)
        if order is None:
            self._found.broken("I4", f"the venue took {shown.client_order_id}, never written")
            return
        name = state_name(order)
        self._found.need(
            name not in {"NotPlaced", "Denied", "Rejected"},
            "I8",
            f"the venue took {shown.client_order_id} after it was called {name}",
        )
        self._found.need(
            len(self._truth.orders(shown.client_order_id)) == 1,
            "I5",
            f"the venue took {shown.client_order_id} twice",
        )
        live = [
            one
            for one in self._view.attempts[intent_id(order.intent)]
            if any(it.status is VenueOrderStatus.OPEN for it in self._truth.orders(one))
        ]
        self._found.need(len(live) <= 1, "I5", f"live at once for one intent: {live}")

    def _catch_up(self) -> None:
        fills = self._truth.fills()
        for fill in fills[self._fills_seen :]:
            self._true_fills[str(fill.symbol), fill.trade_id] = fill
        self._fills_seen = len(fills)
