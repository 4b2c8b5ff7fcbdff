"""The oracle: knows the venue's truth and every committed row, and judges each event.

It shares no rule with the product: it reads records and adds up for itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from mettle.application.journal import LeaseRecord
from mettle.application.ports.venue import OrderRequest
from mettle.domain.orders import intent_id
from mettle.domain.risk import RiskProfile

from ..storage import Change
from .contract import ContractRules
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
        profile: The limits that it trades under.
        canaries: Secrets that may show up nowhere.
        lease: Whether only the holder of a lease may send.
    """

    account: str
    initial: int
    interval_ms: int
    profile: RiskProfile = field(default_factory=lambda: RiskProfile("none", leverage=None))
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
        profile = settings.profile
        limits = {
            "position": profile.position,
            "exposure": profile.exposure,
            "leverage": profile.leverage,
        }
        self.control = ControlRules(self.view, truth, self.found, limits)
        self.contract = ContractRules(self.view, truth, self.found, self.control, profile)
        self.data = DataRules(self.view, truth, self.found, settings.interval_ms, settings.canaries)
        self.end = EndRules(self.view, truth, self.found, settings.account)
        self._batch: list[tuple[str, str]] = []
        self._answers: list[tuple[str, str]] = []
        self.use_clocks(lambda _: self.found.time)

    def use_clocks(self, clock_of: Callable[[str], int]) -> None:
        """Say what the clock of each process shows."""
        self.clock_of = self.contract.clock_of = clock_of

    @property
    def violations(self) -> list[Violation]:
        """What was found so far."""
        return self.found.violations

    def tick(self, event: int, time_ms: int) -> None:
        """Judge what the venue did in an event."""
        self.found.event, self.found.time = event, time_ms
        self.data.ticked()
        self.orders.after_event()

    def sends(self, actor: str, request: OrderRequest) -> None:
        """Judge a create as it leaves a process."""
        self.orders.sends(request)
        self.control.sends(actor, request, self.settings.lease)
        order = self.view.orders.get(request.client_order_id)
        if order is not None:
            self.contract.sends(actor, order)

    def flagged(self, reason: str | None) -> None:
        """Take note of the kill flag."""
        if reason is None and self.control.killed:
            self.contract.rearmed(self.control.killed_at)
        elif reason is not None and not self.control.killed:
            self.contract.killed()
        self.control.flag(reason, self.found.time)

    def committed(self, changes: Sequence[Change]) -> None:
        """Judge a transaction that became durable, row by row."""
        money, self._batch, self._answers = False, [], []
        if self.settings.lease:
            self.control.writes(changes)
        for change in changes:
            self.data.said(change.table, repr(change.arguments))
            take = getattr(self, f"_{change.table}", None)
            if take is not None:
                take(change.method, change)
            money = money or change.table in {"fills", "ledger"}
        for change in changes:
            if change.table == "intents" and change.method == "add":
                self.data.intended(change.arguments[0])
        if self._answers:
            # Of several commands at once the last one holds.
            self.contract.obeyed(*self._answers[-1])
        if money:
            self._together()
            self.money.positions()
            self.money.reconciled([one.arguments[0] for one in changes if one.table == "ledger"])

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
        known = self.view.intents.get(record.intent_id)
        if known is not None:
            # An update may change how far it is, never what it was decided on.
            record = replace(record, arrival=known.arrival, deadline=known.deadline)
        self.contract.intended(record)
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
        if entry.kind not in {"fill", "funding", "deposit"}:
            self.contract.transferred()
        if entry.kind == "fill":
            self._batch.append(("ledger", entry.reference))

    def _marks(self, _method: str, change: Change) -> None:
        mark = change.arguments[0]
        self.money.marked(mark)
        self.contract.marked(mark, change.actor)
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
        self.contract.breaker(record, self.view.breakers.get(record.name))
        self.view.breakers[record.name] = record

    def _controls(self, method: str, change: Change) -> None:
        if method == "add":
            self.contract.commanded(change.arguments[0])
        else:
            control_id, _, outcome = change.arguments
            self._answers.append((control_id, outcome))

    def _discrepancies(self, _method: str, change: Change) -> None:
        record = change.arguments[0]
        self.view.discrepancies[record.discrepancy_id] = record

    def _leases(self, method: str, change: Change) -> None:
        result: Any = change.result
        if method == "acquire" and result is not None:
            # The taker's own clock may be wrong; the epoch is what keeps two from sending.
            self.control.took(result, change.arguments[2])
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
            ends = before.expires_at if before is not None else now
            self.view.lease = LeaseRecord(account, holder, result, now, ends)


def _ending(lease: LeaseRecord, until: int) -> LeaseRecord:
    return LeaseRecord(lease.account, lease.holder, lease.epoch, lease.acquired_at, until)
