"""The repositories of an account over tables in memory: intents, attempts, fills, ledger."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from operator import attrgetter

from ....application.journal import (
    FillRecord,
    IntentRecord,
    LedgerRecord,
    OrderRecord,
)
from ....domain.money import add
from ....domain.orders import POSSIBLY_LIVE
from .views import View


class MemoryIntents:
    """Approved intents by account and id, in order of addition."""

    def __init__(self, view: View[IntentRecord]) -> None:
        self._view = view

    def add(self, intent: IntentRecord) -> None:
        """Write one down."""
        self._view.add((intent.account, intent.intent_id), intent)

    def update(self, intent: IntentRecord) -> None:
        """Replace status, stage, outcome and time."""
        self._view.change(
            (intent.account, intent.intent_id),
            lambda known: replace(
                known,
                status=intent.status,
                stage=intent.stage,
                outcome=intent.outcome,
                updated_at=intent.updated_at,
            ),
        )

    def find(self, account: str, intent_id: str) -> IntentRecord | None:
        """Return one, or None."""
        return self._view.get((account, intent_id))

    def working(self, account: str) -> Sequence[IntentRecord]:
        """Return those that are not done."""
        return self._view.group("working", (account,))

    def latest(self, account: str, limit: int) -> Sequence[IntentRecord]:
        """Return the newest."""
        return self._of(account)[::-1][:limit]

    def _of(self, account: str) -> list[IntentRecord]:
        return self._view.group("account", (account,))


class MemoryOrders:
    """Attempts by client order id, in order of addition."""

    def __init__(self, view: View[OrderRecord]) -> None:
        self._view = view

    def add(self, order: OrderRecord) -> None:
        """Write an attempt down."""
        self._view.add((order.client_order_id,), order)

    def update(self, order: OrderRecord) -> None:
        """Replace what changes after the writing down."""
        self._view.change((order.client_order_id,), lambda known: _changed(known, order))

    def find(self, client_order_id: str) -> OrderRecord | None:
        """Return one, or None."""
        return self._view.get((client_order_id,))

    def of_intent(self, account: str, intent_id: str) -> Sequence[OrderRecord]:
        """Return the attempts of an intent."""
        return self._view.group("intent", (account, intent_id))

    def live(self, account: str) -> Sequence[OrderRecord]:
        """Return those in no final state."""
        return self._view.group("live", (account,))

    def possibly_live(self, account: str) -> Sequence[OrderRecord]:
        """Return those that the venue may hold."""
        return [one for one in self.live(account) if isinstance(one.state, POSSIBLY_LIVE)]

    def since(self, account: str, recorded_at: int) -> Sequence[OrderRecord]:
        """Return those written down at ``recorded_at`` or later."""
        return [one for one in self._of(account) if one.recorded_at >= recorded_at]

    def latest(self, account: str, limit: int) -> Sequence[OrderRecord]:
        """Return the newest."""
        return self._of(account)[::-1][:limit]

    def _of(self, account: str) -> list[OrderRecord]:
        return self._view.group("account", (account,))


_FIXED = attrgetter(
    "run_id",
    "intent",
    "recorded_at",
    "attempt",
    "leg",
    "terms",
    "payload_hash",
    "epoch",
)


def _changed(known: OrderRecord, order: OrderRecord) -> OrderRecord:
    """Return what an update makes of an attempt: what was fixed at its adding stays."""
    if _FIXED(known) == _FIXED(order):
        return order
    return replace(
        known,
        state=order.state,
        evidence=order.evidence,
        venue_order_id=order.venue_order_id,
        fence_at=order.fence_at,
        reserved=order.reserved,
        sent_at=order.sent_at,
        cancel_asked_at=order.cancel_asked_at,
        updated_at=order.updated_at,
    )


class MemoryFills:
    """Fills in order of execution."""

    def __init__(
        self,
        view: View[FillRecord],
        trades: View[FillRecord],
        orders: View[OrderRecord],
        ends: View[int],
    ) -> None:
        self._view = view
        self._trades = trades
        self._orders = orders
        self._ends = ends

    def add(self, fill: FillRecord) -> None:
        """Append."""
        if fill.client_order_id and self._orders.get((fill.client_order_id,)) is None:
            self._view.refuse(f"trade {fill.trade_id}: no order {fill.client_order_id}")
        self._trades.add((fill.account, fill.symbol, fill.trade_id), fill)
        self._view.add((fill.account, fill.sequence), fill)
        end = max(self.next_sequence(fill.account), fill.sequence + 1)
        self._ends.put(("fills", fill.account), end)

    def find(self, account: str, symbol: str, trade_id: str) -> FillRecord | None:
        """Return one, or None."""
        return self._trades.get((account, symbol, trade_id))

    def of_order(self, account: str, client_order_id: str) -> Sequence[FillRecord]:
        """Return the fills of an order of ours."""
        fills = self._view.group("order", (account, client_order_id))
        return sorted(fills, key=lambda one: one.sequence)

    def lots_of(self, account: str, client_order_id: str) -> int:
        """Return how many lots of an order of ours were filled."""
        return sum(one.lots for one in self.of_order(account, client_order_id))

    def all(self, account: str) -> Iterator[FillRecord]:
        """Yield every fill."""
        return iter(self._of(account))

    def latest(self, account: str, limit: int) -> Sequence[FillRecord]:
        """Return the newest fills."""
        return self._of(account)[::-1][:limit]

    def count(self, account: str) -> int:
        """Return how many there are."""
        return len(self._of(account))

    def next_sequence(self, account: str) -> int:
        """Return the place of the next fill."""
        return self._ends.get(("fills", account)) or 0

    def _of(self, account: str) -> list[FillRecord]:
        return sorted(self._view.group("account", (account,)), key=lambda one: one.sequence)


class MemoryLedgerEntries:
    """The append-only ledger."""

    def __init__(
        self, view: View[LedgerRecord], causes: View[LedgerRecord], ends: View[int]
    ) -> None:
        self._view = view
        self._causes = causes
        self._ends = ends

    def add(self, entry: LedgerRecord) -> None:
        """Append."""
        self._causes.add((entry.account, entry.kind, entry.reference), entry)
        self._view.add((entry.account, entry.sequence), entry)
        end = max(self.next_sequence(entry.account), entry.sequence + 1)
        self._ends.put(("ledger", entry.account), end)

    def find(self, account: str, kind: str, reference: str) -> LedgerRecord | None:
        """Return the entry that an event caused, or None."""
        return self._causes.get((account, kind, reference))

    def all(self, account: str) -> Iterator[LedgerRecord]:
        """Yield every entry with its postings."""
        entries = self._view.group("account", (account,))
        return iter(sorted(entries, key=lambda one: one.sequence))

    def balances(self, account: str) -> Mapping[tuple[str, str], Decimal]:
        """Return the exact sum of each account and asset."""
        sums: dict[tuple[str, str], Decimal] = {}
        for entry in self.all(account):
            for leg in entry.postings:
                key = (leg.account, leg.asset)
                sums[key] = add(sums.get(key, Decimal(0)), leg.amount)
        return sums

    def next_sequence(self, account: str) -> int:
        """Return the place of the next entry."""
        return self._ends.get(("ledger", account)) or 0
