"""Write-ahead, send, write the outcome: the three steps of every order."""

from __future__ import annotations

from dataclasses import replace

from ...domain.errors import MettleError, RefusedForSafety, StorageError
from ...domain.orders import (
    Denied,
    Evidence,
    Intended,
    NotPlaced,
    Open,
    OrderState,
    OrderTerms,
    Place,
    Purpose,
    Rejected,
    Submitting,
    Unknown,
    client_order_id,
    move,
)
from ..journal import OrderRecord
from ..ports.unit_of_work import UnitOfWork
from ..ports.venue import Accepted, NotSent, OrderRequest, RefusalKind, Refused
from .bench import Bench
from .board import Working


class Sender:
    """Sends each attempt once, and only what is on the disk."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._written: tuple[str, float] = "", 0.0

    def write_ahead(
        self, unit: UnitOfWork, working: Working, step: Place, terms: OrderTerms, reserved: int
    ) -> OrderRecord:
        """T1: write intent, attempt and reservation, under the lease that is ours.

        Raises:
            RefusedForSafety: If somebody else holds the account's lease by now.
        """
        bench, now = self._bench, self._bench.now
        lease = bench.gear.lease()
        if lease is not None:
            held = unit.leases.find(bench.plan.account)
            if held is None or held.epoch != lease.epoch:
                raise RefusedForSafety(
                    f"account {bench.plan.account} is traded under another lease now",
                    mend="only one trader an account: end the other one, then start again",
                )
        record, venue = working.record, bench.gear.venue
        dry = venue.capabilities.dry
        order_id = client_order_id(
            record.intent,
            venue=venue.name,
            environment=bench.plan.environment,
            leg=step.leg,
            attempt=step.number,
        )
        order = OrderRecord(
            bench.plan.run_id,
            order_id,
            record.intent,
            Intended() if dry else move(Intended(), Submitting()),
            now,
            now,
            step.number,
            leg=step.leg,
            terms=terms,
            payload_hash=terms.payload_hash,
            epoch=lease.epoch if lease is not None else 0,
            fence_at=bench.venue_time + venue.capabilities.fence_ms + bench.plan.clock_margin,
            reserved=reserved,
            sent_at=None if dry else now,
        )
        working.record = replace(record, stage=working.stage(), updated_at=now)
        if working.attempts:
            unit.intents.update(working.record)
        else:
            unit.intents.add(working.record)
        unit.orders.add(order)
        working.attempts.append(order_id)
        self._written = order_id, bench.gear.clock.monotonic()
        bench.board.take(working, (order,))
        return order

    def send(self, order: OrderRecord) -> None:
        """Send once; T2 writes whatever came of it."""
        gear, now = self._bench.gear, self._bench.now
        hindrance = self._hindrance(order, now)
        if hindrance:
            self._outcome(order, _unsent(order, hindrance, now), None, hindrance)
            return
        if order.terms is None:
            raise MettleError(f"order {order.client_order_id} has no terms: a defect of ours")
        request = OrderRequest(order.client_order_id, order.terms)
        try:
            answer = gear.venue.create(request)
        except MettleError as error:
            state = _unsent(order, error.message, gear.clock.now_ms())
            self._outcome(order, state, None, error.message)
            return
        if isinstance(answer, Accepted):
            self._outcome(order, Open(), answer.venue_order_id, "")
        elif isinstance(answer, NotSent):
            self._outcome(order, Denied(answer.reason), None, answer.reason)
        else:
            self._refused(order, answer)

    def _hindrance(self, order: OrderRecord, now: int) -> str:
        """Return why a request must not be sent after all, looked up just before the wire."""
        reason = self._bench.gear.kill_switch.reason(self._bench.plan.account)
        if reason is not None and order.intent.purpose is not Purpose.FLATTEN:
            return f"killed before it was sent: {reason}"
        lease = self._bench.gear.lease()
        if lease is not None and (lease.epoch != order.epoch or now >= lease.expires_at):
            return "the lease ended before it was sent"
        if lease is not None and not self._is_current(order):
            return "the lease ended before it was sent: its epoch is another one by now"
        if max(now - (order.sent_at or now), self._waited(order)) > self._bench.plan.send_within:
            return "it could not be sent in time"
        return ""

    def _is_current(self, order: OrderRecord) -> bool:
        """Return whether the journal still has the epoch that an attempt was written under.

        A kill raises it, and may do so between T1 and the wire; what cannot be read is not current.
        """
        try:
            with self._bench.gear.store.reading() as unit:
                held = unit.leases.find(self._bench.plan.account)
        except StorageError:
            return False
        return held is not None and held.epoch == order.epoch

    def _waited(self, order: OrderRecord) -> float:
        """Return for how long an attempt has been written, by the clock that nobody sets."""
        order_id, at = self._written
        if order_id != order.client_order_id:
            return 0.0
        return (self._bench.gear.clock.monotonic() - at) * 1_000

    def _refused(self, order: OrderRecord, answer: Refused) -> None:
        now = self._bench.now
        if answer.kind is RefusalKind.REPEATED_ID:
            # Not a refusal of the order: it was placed before.
            self._outcome(order, Unknown(0, now), None, answer.reason)
            return
        if answer.kind is RefusalKind.INSUFFICIENT_FUNDS:
            self._bench.alarms.append("the venue says that funds are insufficient")
        working = self._bench.board.of(order)
        if working is not None:
            if answer.kind is RefusalKind.WOULD_CROSS:
                working.crossed.add(order.client_order_id)
            working.retry_at = now + answer.retry_after_ms if answer.retry_after_ms else 0
        self._outcome(order, Rejected(answer.reason), None, answer.reason)

    def _outcome(
        self, order: OrderRecord, state: OrderState, venue_order_id: str | None, why: str
    ) -> None:
        """T2: write the outcome, in a transaction of its own where the venue is a real one."""
        now = self._bench.now
        current = self._bench.board.orders.get(order.client_order_id, order)
        if venue_order_id:
            current = replace(current, venue_order_id=venue_order_id)
            self._bench.board.orders[order.client_order_id] = current
        told = not isinstance(state, (Unknown, Denied))
        evidence = Evidence.ACKNOWLEDGEMENT if told else None
        changed = self._bench.board.changed(current, state, now, evidence)
        if self._bench.gear.venue.capabilities.bar_orders:
            # A venue that lives on bars is rebuilt after a crash: the next bar's transaction tells.
            self._bench.late.append(order.client_order_id)
            if isinstance(state, Unknown):
                self._look(changed, why, now)
            return
        working = self._bench.board.of(order)

        def write(unit: UnitOfWork) -> None:
            unit.orders.update(changed)
            if working is not None:
                working.record = replace(working.record, stage=working.stage(), updated_at=now)
                unit.intents.update(working.record)
            if isinstance(state, Unknown):
                self._bench.note_unknown(unit, changed, why, now)

        self._bench.write(write)

    def _look(self, order: OrderRecord, why: str, now: int) -> None:
        """Settle an outcome that is unknown where the venue is rebuilt with us: it has it or not.

        Nothing is ever on its way to such a venue, so a single look is conclusive.
        """
        if self._bench.gear.venue.order(order.intent.symbol, order.client_order_id) is None:
            self._bench.board.changed(order, NotPlaced(why), now, Evidence.ABSENCE)


def _unsent(order: OrderRecord, why: str, now: int) -> OrderState:
    """Return the state of an order that met a hindrance: only what stays here is surely unsent."""
    return Denied(why) if isinstance(order.state, Intended) else Unknown(0, now)
