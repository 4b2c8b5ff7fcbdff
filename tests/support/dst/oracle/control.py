"""I9 … I11, I16, I17 and the modes: whether a create may leave at all."""

from __future__ import annotations

import json
from collections.abc import Sequence

from mettle.application.journal import BreakerRecord, LeaseRecord, OrderRecord
from mettle.application.ports.venue import OrderRequest, Quote
from mettle.domain.orders import Leg, Purpose, TimeInForce

from ..storage import Change
from .truth import Truth
from .view import JournalView, opens, order_lots, state_name
from .violations import Findings

_ALLOWED: dict[int, frozenset[Purpose]] = {
    2: frozenset(
        {
            Purpose.STOP,
            Purpose.TRAILING_STOP,
            Purpose.MARGIN,
            Purpose.RUIN,
            Purpose.OPERATOR,
            Purpose.FLATTEN,
        }
    ),
    3: frozenset({Purpose.FLATTEN}),
}
_SYMBOL_PATIENCE = 120_000
_ACCOUNT_PATIENCE = 900_000
_SLACK = 20_000
"""How long noticing may take: the longest pause between two questions, and some."""

_TRADERS = ("session", "rival")
_OWN = frozenset(
    {
        "bars", "marks", "decisions", "intents", "orders", "fills", "ledger", "modes", "breakers",
        "discrepancies", "cursors", "snapshots",
    }
)  # fmt: skip
"""Tables in which only the trader of an account writes."""


class ControlRules:
    """Watches what rules the account.

    Args:
        limits: ``position``, ``exposure``, ``leverage`` in millionths of equity; None is no limit.
        price_slack: Share of a limit, millionths, for the price's way between judging and sending.
    """

    def __init__(
        self,
        view: JournalView,
        truth: Truth,
        found: Findings,
        limits: dict[str, int | None],
        price_slack: int = 30_000,
    ) -> None:
        self._view = view
        self._truth = truth
        self._found = found
        self._limits = limits
        self._slack = price_slack
        self._instruments = {str(one.symbol): one for one in truth.instruments}
        self._half_open: dict[str, int] = {}
        self.killed: str = ""
        self.killed_at = 0
        self.equity = 0
        self.quotes: dict[tuple[str, str], Quote] = {}

    def flag(self, reason: str | None, now: int) -> None:
        """Take note of the kill flag."""
        if reason is None:
            self.killed = ""
        elif not self.killed:
            self.killed, self.killed_at = reason or "killed", now

    def sends(self, actor: str, request: OrderRequest, lease_needed: bool) -> None:
        """Judge a create at the moment it leaves the process."""
        order = self._view.orders.get(request.client_order_id)
        if order is None:
            return
        purpose, order_id = order.intent.purpose, order.client_order_id
        flat = purpose is Purpose.FLATTEN
        self._found.need(
            not self.killed or flat, "I11", f"{order_id} was sent after the kill: {self.killed}"
        )
        mode = self._view.mode(str(order.intent.symbol))
        opening = opens(order, self._view)
        allowed = mode == 0 or (mode == 1 and not opening) or purpose in _ALLOWED.get(mode, ())
        self._found.need(allowed, "mode", f"{order_id} ({purpose.value}) was sent in mode {mode}")
        self._held(actor, order, lease_needed)
        self._age(order)
        if opening:
            self._opens(order)
        self._price(actor, order, request)

    def _held(self, actor: str, order: OrderRecord, needed: bool) -> None:
        lease = self._view.lease
        if lease is None:
            self._found.need(not needed, "I17", f"{order.client_order_id}: {actor} has no lease")
            return
        self._found.need(
            lease.epoch == order.epoch,
            "I17",
            f"{order.client_order_id} of epoch {order.epoch} was sent by {actor} in epoch "
            f"{lease.epoch}",
        )
        self._found.need(
            actor in lease.holder or not needed,
            "I17",
            f"{order.client_order_id} was sent by {actor}, the lease is {lease.holder}'s",
        )

    def _age(self, order: OrderRecord) -> None:
        record = next(
            (one for one in self._view.intents.values() if one.intent == order.intent), None
        )
        if record is None:
            self._found.broken("I4", f"{order.client_order_id} has no committed intent")
            return
        again = order.attempt > 1 or order.leg is Leg.TAKER
        late = self._found.time - record.deadline > 100_000
        self._found.need(
            not (again and late and opens(order, self._view)),
            "age",
            f"{order.client_order_id} was sent {self._found.time - record.deadline} ms too late",
        )

    def _opens(self, order: OrderRecord) -> None:
        view, order_id, symbol = self._view, order.client_order_id, str(order.intent.symbol)
        for name, breaker in view.breakers.items():
            if name.partition(" ")[2] not in {"", symbol}:
                continue
            self._found.need(
                breaker.state != "open", "I10", f"{order_id} opens while {name} is open"
            )
            if breaker.state == "half open":
                self._half_open[name] = self._half_open.get(name, 0) + (order.attempt == 1)
        now = self._found.time
        for other_id in view.possibly_live:
            other = view.orders[other_id]
            if state_name(other) != "Unknown":
                continue
            age = now - int(getattr(other.state, "since", now))
            same = str(other.intent.symbol) == symbol
            self._found.need(
                age <= _ACCOUNT_PATIENCE + _SLACK
                and not (same and age > _SYMBOL_PATIENCE + _SLACK),
                "unknown",
                f"{order_id} opens while {other_id} is unknown for {age} ms",
            )
        self._worst(order)

    def _worst(self, order: OrderRecord) -> None:
        """I9: position, open and unknown orders at their worst, this one among them."""
        if not self.equity:
            return
        gross = 0
        for symbol, instrument in self._instruments.items():
            close = self._view.last_close.get(symbol)
            if close is None:
                return
            buying, selling = self._view.open_lots(symbol)
            lots = self._view.lots[symbol]
            worst = max(abs(lots + buying), abs(lots - selling))
            value = worst * close * instrument.unit_value
            gross += value
            if symbol == str(order.intent.symbol):
                self._within(order, "position", value, close * instrument.unit_value)
        self._within(order, "exposure", gross, 0)
        self._within(order, "leverage", gross, 0)

    def _within(self, order: OrderRecord, name: str, value: int, one_lot: int) -> None:
        limit = self._limits.get(name)
        if limit is None:
            return
        most = self.equity * limit // 1_000_000
        most += most * self._slack // 1_000_000 + one_lot
        self._found.need(
            value <= most,
            "I9",
            f"{order.client_order_id} ({order_lots(order)} lots): worst {name} {value} over {most}",
        )

    def _price(self, actor: str, order: OrderRecord, request: OrderRequest) -> None:
        quote = self.quotes.get((actor, str(order.intent.symbol)))
        limit = request.terms.limit
        if quote is None or limit is None:
            return
        side = order.intent.side.sign
        touch = quote.ask if side > 0 else quote.bid
        if request.terms.time_in_force is TimeInForce.IOC:
            beyond = (limit - touch) * side
            self._found.need(
                beyond * 10_000 <= 30 * touch,
                "cap",
                f"{order.client_order_id}: limit {limit} beyond 30 bps of {touch}",
            )
        elif request.terms.post_only:
            self._found.need(
                (touch - limit) * side > 0,
                "maker",
                f"{order.client_order_id}: a post-only limit of {limit} at the touch {touch}",
            )

    def writes(self, changes: Sequence[Change]) -> None:
        """I17: only who holds the lease writes of the account, the commands he obeys too."""
        lease = self._view.lease
        for one in changes:
            own = one.table in _OWN or (one.table, one.method) == ("controls", "handled")
            if own and lease is not None and one.actor in _TRADERS:
                self._found.need(
                    one.actor in lease.holder,
                    "I17",
                    f"{one.actor} wrote {one.table}.{one.method}, the lease is {lease.holder}'s",
                )

    def took(self, lease: LeaseRecord, now: int) -> None:
        """I17: a lease passes on only when it has ended."""
        before = self._view.lease
        if before is not None:
            self._found.need(
                lease.epoch > before.epoch, "I17", f"epoch {before.epoch} became {lease.epoch}"
            )
            free = before.holder == lease.holder or before.expires_at <= now
            self._found.need(
                free, "I17", f"{lease.holder} took the lease that {before.holder} still held"
            )

    def breaker(self, record: BreakerRecord, now: int) -> None:
        """I16: a trip ends no earlier than it said, whoever was restarted meanwhile."""
        before = self._view.breakers.get(record.name)
        if before is not None and before.state == "open":
            old, new = json.loads(before.content), json.loads(record.content)
            end = int(old["until"])
            if record.state == "open":
                self._found.need(
                    int(new["until"]) >= end,
                    "I16",
                    f"{record.name}: its end moved from {end} to {new['until']}",
                )
            else:
                self._found.need(
                    now >= end,
                    "I16",
                    f"{record.name} left OPEN at {now}, before {end}",
                )
                self._found.need(
                    not old["critical"] or old["acknowledged"] or new["acknowledged"],
                    "I16",
                    f"{record.name} is critical and left OPEN without an operator",
                )
        if record.state != "half open":
            self._half_open.pop(record.name, None)
