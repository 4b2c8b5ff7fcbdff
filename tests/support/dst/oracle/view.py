"""The journal as the oracle knows it: every row that was committed, in order."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from decimal import Decimal

from mettle.application.journal import (
    BreakerRecord,
    DecisionRecord,
    DiscrepancyRecord,
    EquityMark,
    FillRecord,
    IntentRecord,
    LeaseRecord,
    LedgerRecord,
    OrderRecord,
)
from mettle.domain.orders import Opening, intent_id
from mettle.domain.risk import ModeCause

Causes = dict[tuple[str, str], ModeCause]

LIVE = {"Submitting", "Unknown", "Open", "Partial", "Cancelling"}
FINAL = {"Filled", "Expired", "Canceled", "Rejected", "NotPlaced", "Denied"}


def state_name(order: OrderRecord) -> str:
    """Return the state's name."""
    return type(order.state).__name__


def state_filled(order: OrderRecord) -> int:
    """Return how many lots the state says are filled."""
    return int(getattr(order.state, "filled", 0))


def order_lots(order: OrderRecord) -> int:
    """Return the size that was sent."""
    return order.terms.lots if order.terms is not None else order.intent.lots


def opens(order: OrderRecord, view: JournalView) -> bool:
    """Return whether an attempt may raise exposure: an opening's closing part alone may not."""
    intent = order.intent
    if not isinstance(intent, Opening):
        return False
    closed = sum(view.booked[one] for one in view.attempts[intent_id(intent)])
    return order_lots(order) > max(0, intent.closes - closed)


@dataclass
class JournalView:
    """What the tables of one account hold."""

    orders: dict[str, OrderRecord] = field(default_factory=dict)
    attempts: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    possibly_live: dict[str, None] = field(default_factory=dict)
    intents: dict[str, IntentRecord] = field(default_factory=dict)
    fills: dict[tuple[str, str], FillRecord] = field(default_factory=dict)
    booked: Counter[str] = field(default_factory=Counter)
    lots: Counter[str] = field(default_factory=Counter)
    entries: dict[tuple[str, str], LedgerRecord] = field(default_factory=dict)
    balances: dict[tuple[str, str], Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    flows: dict[str, Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    fees: int = 0
    funding: int = 0
    causes: Causes = field(default_factory=dict)
    breakers: dict[str, BreakerRecord] = field(default_factory=dict)
    discrepancies: dict[str, DiscrepancyRecord] = field(default_factory=dict)
    lease: LeaseRecord | None = None
    last_mark: EquityMark | None = None
    decisions: dict[int, DecisionRecord] = field(default_factory=dict)
    closes: dict[tuple[str, int], int] = field(default_factory=dict)
    last_close: dict[str, int] = field(default_factory=dict)

    def put_order(self, order: OrderRecord, *, new: bool) -> None:
        """Take an attempt."""
        order_id = order.client_order_id
        if new:
            self.attempts[intent_id(order.intent)].append(order_id)
            self.orders[order_id] = order
        else:
            known = self.orders[order_id]
            # An update replaces what may change, and nothing else.
            self.orders[order_id] = replace(
                known,
                state=order.state,
                evidence=order.evidence,
                venue_order_id=order.venue_order_id,
                updated_at=order.updated_at,
                fence_at=order.fence_at,
                reserved=order.reserved,
                sent_at=order.sent_at,
                cancel_asked_at=order.cancel_asked_at,
            )
        if state_name(order) in LIVE:
            self.possibly_live[order_id] = None
        else:
            self.possibly_live.pop(order_id, None)

    def put_fill(self, fill: FillRecord) -> None:
        """Take an execution."""
        self.fills[fill.symbol, fill.trade_id] = fill
        self.booked[fill.client_order_id] += fill.lots
        self.lots[fill.symbol] += fill.side * fill.lots
        self.fees += fill.fee

    def put_entry(self, entry: LedgerRecord) -> None:
        """Take a ledger entry."""
        self.entries[entry.kind, entry.reference] = entry
        for leg in entry.postings:
            self.balances[leg.account, leg.asset] += leg.amount
            if entry.kind not in {"fill", "funding"} and leg.account in {"wallet", "contracts"}:
                self.flows[leg.asset] += leg.amount
            if entry.kind == "funding" and leg.account == "wallet":
                self.funding += int(leg.amount * 10**8)

    def open_lots(self, symbol: str) -> tuple[int, int]:
        """Return what attempts that may be live could still buy and sell."""
        buying = selling = 0
        for order_id in self.possibly_live:
            order = self.orders[order_id]
            if str(order.intent.symbol) != symbol:
                continue
            rest = max(0, order_lots(order) - self.booked[order_id])
            if order.intent.side.sign > 0:
                buying += rest
            else:
                selling += rest
        return buying, selling

    def mode(self, symbol: str) -> int:
        """Return the worst mode that the committed causes make."""
        return max(
            (int(one.mode) for (where, _), one in self.causes.items() if where in {"", symbol}),
            default=0,
        )
