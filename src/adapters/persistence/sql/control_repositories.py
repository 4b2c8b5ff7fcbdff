"""The repositories over SQL of the rows that rule an account."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from sqlalchemy import delete, func, select, update

from ....application.journal import (
    AuditRecord,
    BreakerRecord,
    ControlRecord,
    DiscrepancyRecord,
    LeaseRecord,
)
from ....domain.errors import NotFound
from ....domain.risk import ModeCause
from . import control_codec as codec
from .control_tables import (
    PENDING,
    UNSETTLED,
    AuditRow,
    BreakerRow,
    ControlRow,
    CursorRow,
    DiscrepancyRow,
    LeaseRow,
    ModeCauseRow,
)
from .session import SqlSession


class SqlLeases:
    """One lease an account; the write lock makes reading and changing it one step."""

    def __init__(self, session: SqlSession) -> None:
        self._session = session

    def find(self, account: str) -> LeaseRecord | None:
        """Return the lease, expired or not."""
        rows = self._session.rows(select(LeaseRow.__table__).where(LeaseRow.account == account))
        return next(map(codec.lease_record, rows), None)

    def acquire(self, account: str, holder: str, now_ms: int, until_ms: int) -> LeaseRecord | None:
        """Take the lease if it is free, expired or ours by name."""
        self._session.check_writing()
        found = self.find(account)
        if found is not None and found.holder != holder and found.expires_at > now_ms:
            return None
        epoch = 1 if found is None else found.epoch + 1
        return self._put(LeaseRecord(account, holder, epoch, now_ms, until_ms))

    def renew(self, lease: LeaseRecord, until_ms: int) -> bool:
        """Prolong it where account and epoch are still ours."""
        return self._expire(lease, until_ms)

    def release(self, lease: LeaseRecord, now_ms: int) -> bool:
        """Let it expire now where the epoch is still ours."""
        return self._expire(lease, now_ms)

    def bump(self, account: str, now_ms: int) -> int:
        """Raise the epoch."""
        self._session.check_writing()
        found = self.find(account)
        if found is None:
            return self._put(LeaseRecord(account, "", 1, now_ms, now_ms)).epoch
        return self._put(replace(found, epoch=found.epoch + 1)).epoch

    def _put(self, lease: LeaseRecord) -> LeaseRecord:
        self._session.put(LeaseRow, codec.lease_row(lease))
        return lease

    def _expire(self, lease: LeaseRecord, at: int) -> bool:
        ours = (LeaseRow.account == lease.account) & (LeaseRow.epoch == lease.epoch)
        change = update(LeaseRow).where(ours, LeaseRow.holder == lease.holder)
        return self._session.execute(change.values(expires_at=at)) > 0


class SqlControls:
    """Commands to sessions."""

    def __init__(self, session: SqlSession) -> None:
        self._session = session

    def add(self, control: ControlRecord) -> None:
        """Write a command down."""
        self._session.insert(ControlRow, [codec.control_row(control)])

    def pending(self, account: str) -> Sequence[ControlRecord]:
        """Return those not handled, in order of addition."""
        query = select(ControlRow.__table__).where(ControlRow.account == account, PENDING)
        rows = self._session.rows(query.order_by(ControlRow.place))
        return [codec.control_record(row) for row in rows]

    def handled(self, control_id: str, handled_at: int, outcome: str) -> None:
        """Say what became of one."""
        change = update(ControlRow).where(ControlRow.control_id == control_id)
        met = self._session.execute(change.values(handled_at=handled_at, outcome=outcome))
        if met == 0:
            raise NotFound(f"no command {control_id!r}")

    def latest(self, account: str, limit: int) -> Sequence[ControlRecord]:
        """Return the newest."""
        query = select(ControlRow.__table__).where(ControlRow.account == account)
        rows = self._session.rows(query.order_by(ControlRow.place.desc()).limit(limit))
        return [codec.control_record(row) for row in rows]


class SqlModes:
    """Why an account or a symbol may do less than everything."""

    def __init__(self, session: SqlSession) -> None:
        self._session = session

    def all(self, account: str) -> Sequence[ModeCause]:
        """Return every cause that holds, by symbol and name."""
        query = select(ModeCauseRow.__table__).where(ModeCauseRow.account == account)
        causes = [codec.cause_record(row) for row in self._session.rows(query)]
        return sorted(causes, key=lambda one: (one.symbol, one.cause))

    def put(self, cause: ModeCause) -> None:
        """Add a cause or replace it."""
        self._session.put(ModeCauseRow, codec.cause_row(cause))

    def clear(self, account: str, symbol: str, cause: str) -> bool:
        """Remove a cause."""
        row = ModeCauseRow
        there = (row.account == account) & (row.symbol == symbol) & (row.cause == cause)
        return self._session.execute(delete(row).where(there)) > 0


class SqlBreakers:
    """The state of each breaker."""

    def __init__(self, session: SqlSession) -> None:
        self._session = session

    def all(self, account: str) -> Sequence[BreakerRecord]:
        """Return every breaker, by name."""
        query = select(BreakerRow.__table__).where(BreakerRow.account == account)
        breakers = [codec.breaker_record(row) for row in self._session.rows(query)]
        return sorted(breakers, key=lambda one: one.name)

    def put(self, breaker: BreakerRecord) -> None:
        """Write one down."""
        self._session.put(BreakerRow, codec.breaker_row(breaker))


class SqlDiscrepancies:
    """Differences that are not explained yet."""

    def __init__(self, session: SqlSession) -> None:
        self._session = session

    def open(self, account: str) -> Sequence[DiscrepancyRecord]:
        """Return those not closed, oldest first."""
        query = select(DiscrepancyRow.__table__)
        query = query.where(DiscrepancyRow.account == account, UNSETTLED)
        found = [codec.discrepancy_record(row) for row in self._session.rows(query)]
        return sorted(found, key=lambda one: (one.opened_at, one.discrepancy_id))

    def put(self, discrepancy: DiscrepancyRecord) -> None:
        """Write one down."""
        self._session.put(DiscrepancyRow, codec.discrepancy_row(discrepancy))


class SqlCursors:
    """How far each stream of the venue has been read."""

    def __init__(self, session: SqlSession) -> None:
        self._session = session

    def all(self, account: str) -> Mapping[str, int]:
        """Return time by name."""
        query = select(CursorRow.name, CursorRow.time_ms).where(CursorRow.account == account)
        return {row["name"]: row["time_ms"] for row in self._session.rows(query)}

    def put(self, account: str, name: str, time_ms: int) -> None:
        """Write one down."""
        self._session.put(CursorRow, {"account": account, "name": name, "time_ms": time_ms})


class SqlAudit:
    """What changed what may be done."""

    def __init__(self, session: SqlSession) -> None:
        self._session = session

    def add(
        self, account: str, subject: str, text: str, occurred_at: int, recorded_at: int
    ) -> AuditRecord:
        """Append under the account's next number."""
        self._session.check_writing()
        query = select(func.max(AuditRow.sequence)).where(AuditRow.account == account)
        last = self._session.scalar(query)
        sequence = 0 if last is None else int(last) + 1
        record = AuditRecord(account, sequence, subject, text, occurred_at, recorded_at)
        self._session.insert(AuditRow, [codec.audit_row(record)])
        return record

    def latest(self, account: str, limit: int) -> Sequence[AuditRecord]:
        """Return the newest."""
        query = select(AuditRow.__table__).where(AuditRow.account == account)
        rows = self._session.rows(query.order_by(AuditRow.sequence.desc()).limit(limit))
        return [codec.audit_record(row) for row in rows]
