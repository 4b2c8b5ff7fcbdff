"""The oracle: knows the venue's truth and every committed row, and judges each event.

It shares no rule with the product: it reads records and adds up for itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from mettle.application.journal import LeaseRecord
from mettle.application.ports.venue import OrderRequest
from mettle.domain.orders import intent_id

from ..storage import Change
from .control import ControlRules
from .data import DataRules
from .ending import EndRules
from .money import MoneyRules
from .orders import OrderRules
from .truth import Truth
from .view import JournalView, state_name
from .violations import Findings, Violation

__all__ = ["Oracle", "OracleSettings", "Truth", "Violation"]


@dataclass(frozen=True)
class OracleSettings:
    """What the oracle is told about the account.

    Attributes:
        initial: Opening cash, 1e-8 of the quote currency.
        limits: ``position``, ``exposure``, ``leverage``, millionths of equity.
        canaries: Secrets that may show up nowhere.
        lease: Whether only the holder of a lease may send.
    """

    account: str
    initial: int
    interval_ms: int
    limits: dict[str, int | None] = field(default_factory=dict)
    canaries: Sequence[str] = ()
    lease: bool = True


class Oracle:
    """Judges one account."""

    def __init__(self, settings: OracleSettings, truth: Truth) -> None:
        self.settings = settings
        self.view = JournalView()
        self.found = Findings()
        self.orders = OrderRules(self.view, truth, self.found)
        self.money = MoneyRules(self.view, truth, self.found, settings.initial)
        self.control = ControlRules(self.view, truth, self.found, settings.limits)
        self.data = DataRules(self.view, truth, self.found, settings.interval_ms, settings.canaries)
        self.end = EndRules(self.view, truth, self.found, settings.account)
        self._batch: list[tuple[str, str]] = []
        self.clock_of: Callable[[str], int] = lambda _: self.found.time

    @property
    def violations(self) -> list[Violation]:
        """What was found so far."""
        return self.found.violations

    def tick(self, event: int, time_ms: int) -> None:
        """Judge what the venue did in an event."""
        self.found.event, self.found.time = event, time_ms
        self.orders.after_event()

    def sends(self, actor: str, request: OrderRequest) -> None:
        """Judge a create as it leaves a process."""
        self.orders.sends(request)
        self.control.sends(actor, request, self.settings.lease)

    def committed(self, changes: Sequence[Change]) -> None:
        """Judge a transaction that became durable, row by row."""
        money, self._batch = False, []
        for change in changes:
            self.data.said(change.table, repr(change.arguments))
            take = getattr(self, f"_{change.table}", None)
            if take is not None:
                take(change.method, change)
            money = money or change.table in {"fills", "ledger"}
        for change in changes:
            if change.table == "intents" and change.method == "add":
                self.data.intended(change.arguments[0])
        if money:
            self._together()
            self.money.positions()

    def _together(self) -> None:
        """A fill and its postings are one transaction."""
        booked = sorted(key for table, key in self._batch if table == "fills")
        entered = sorted(key for table, key in self._batch if table == "ledger")
        whole = len(booked) == len(entered) and all(
            any(key.split("|")[1] in one and key.split("|")[0] in one for one in entered)
            for key in booked
        )
        self.found.need(
            whole, "T2", f"fills {booked} and postings {entered} were not committed together"
        )

    def _orders(self, method: str, change: Change) -> None:
        order = change.arguments[0]
        new = method == "add"
        if new:
            self.view.put_order(order, new=True)
            self.orders.changed(order, new=True)
            known = intent_id(order.intent) in self.view.intents or state_name(order) == "Filled"
            self.found.need(known, "I4", f"{order.client_order_id} was written before its intent")
        else:
            self.orders.changed(order, new=False)
            if order.client_order_id in self.view.orders:
                self.view.put_order(order, new=False)

    def _intents(self, _method: str, change: Change) -> None:
        record = change.arguments[0]
        self.view.intents[record.intent_id] = record

    def _fills(self, _method: str, change: Change) -> None:
        fill = change.arguments[0]
        again = (fill.symbol, fill.trade_id) in self.view.fills
        self.view.put_fill(fill)
        self.orders.booked(fill, again=again)
        self.money.filled(fill)
        self._batch.append(("fills", f"{fill.symbol}|{fill.trade_id}"))

    def _ledger(self, _method: str, change: Change) -> None:
        entry = change.arguments[0]
        again = (entry.kind, entry.reference) in self.view.entries
        self.money.entered(entry, again=again)
        self.view.put_entry(entry)
        if entry.kind == "fill":
            self._batch.append(("ledger", entry.reference))

    def _marks(self, _method: str, change: Change) -> None:
        mark = change.arguments[0]
        self.money.marked(mark)
        self.view.last_mark = mark
        self.control.equity = mark.equity

    def _bars(self, _method: str, change: Change) -> None:
        for bar in change.arguments[0]:
            self.data.seen(bar)

    def _decisions(self, _method: str, change: Change) -> None:
        decision = change.arguments[0]
        self.data.decided(decision)
        self.view.decisions[decision.bar_time] = decision
        if len(self.view.decisions) > 512:
            del self.view.decisions[next(iter(self.view.decisions))]

    def _modes(self, method: str, change: Change) -> None:
        if method == "put":
            cause = change.arguments[0]
            self.view.causes[cause.symbol, cause.cause] = cause
        else:
            _, symbol, cause_name = change.arguments
            self.view.causes.pop((symbol, cause_name), None)

    def _breakers(self, _method: str, change: Change) -> None:
        record = change.arguments[0]
        self.control.breaker(record, self.clock_of(change.actor))
        self.view.breakers[record.name] = record

    def _discrepancies(self, _method: str, change: Change) -> None:
        record = change.arguments[0]
        self.view.discrepancies[record.discrepancy_id] = record

    def _leases(self, method: str, change: Change) -> None:
        result: Any = change.result
        if method == "acquire" and result is not None:
            self.control.took(result, self.clock_of(change.actor))
            self.view.lease = result
        elif method == "renew" and result:
            lease, until = change.arguments
            self.view.lease = _ending(lease, until)
        elif method == "release" and result:
            lease, now = change.arguments
            self.view.lease = _ending(lease, now)
        elif method == "bump":
            account, now = change.arguments
            before = self.view.lease
            holder = before.holder if before is not None else ""
            self.view.lease = LeaseRecord(account, holder, result, now, now)


def _ending(lease: LeaseRecord, until: int) -> LeaseRecord:
    return LeaseRecord(lease.account, lease.holder, lease.epoch, lease.acquired_at, until)
