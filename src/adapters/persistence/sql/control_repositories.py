"""The repositories over SQL of the rows that rule an account."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from sqlalchemy import func, select

from ....application.journal import (
    AuditRecord,
    BreakerRecord,
    ControlRecord,
    DiscrepancyRecord,
    LeaseRecord,
)
from ....domain.errors import NotFound
from ....domain.risk import ModeCause
from ..durability import refuse_live
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
from .statements import Query, changing, given, removing

_ACCOUNT = given("account")
_LIMIT = given("limit")


class SqlLeases:
    """One lease an account; the write lock makes reading and changing it one step."""

    _FIND = Query(select(LeaseRow.__table__).where(LeaseRow.account == _ACCOUNT))
    _EXPIRE = changing(LeaseRow, ("account", "epoch", "holder"), ("expires_at",))

    def __init__(self, session: SqlSession, *, durable: bool) -> None:
        self._session = session
        self._durable = durable

    def find(self, account: str) -> LeaseRecord | None:
        """Return the lease, expired or not."""
        found = self._session.records(self._FIND, {"account": account}, codec.lease_record)
        return next(found, None)

    def acquire(self, account: str, holder: str, now_ms: int, until_ms: int) -> LeaseRecord | None:
        """Take the lease if it is free, expired or ours by name."""
        self._session.check_writing()
        if not self._durable:
            refuse_live(account)
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
        ours = {
            "key_account": lease.account,
            "key_epoch": lease.epoch,
            "key_holder": lease.holder,
        }
        return self._session.write(self._EXPIRE, {**ours, "expires_at": at}) > 0


class SqlControls:
    """Commands to sessions."""

    _OF = select(ControlRow.__table__).where(ControlRow.account == _ACCOUNT)
    _FIND = Query(select(ControlRow.__table__).where(ControlRow.control_id == given("control_id")))
    _PENDING = Query(_OF.where(PENDING).order_by(ControlRow.place))
    _LATEST = Query(_OF.order_by(ControlRow.place.desc()).limit(_LIMIT))
    _HANDLED = changing(ControlRow, ("control_id",), ("handled_at", "outcome"))

    def __init__(self, session: SqlSession) -> None:
        self._session = session

    def add(self, control: ControlRecord) -> None:
        """Write a command down."""
        self._session.insert(ControlRow, [codec.control_row(control)])

    def find(self, control_id: str) -> ControlRecord | None:
        """Return the one of that id."""
        values = {"control_id": control_id}
        return next(self._session.records(self._FIND, values, codec.control_record), None)

    def pending(self, account: str) -> Sequence[ControlRecord]:
        """Return those not handled, in order of addition."""
        found = self._session.records(self._PENDING, {"account": account}, codec.control_record)
        return list(found)

    def handled(self, control_id: str, handled_at: int, outcome: str) -> None:
        """Say what became of one."""
        values = {"key_control_id": control_id, "handled_at": handled_at, "outcome": outcome}
        if self._session.write(self._HANDLED, values) == 0:
            raise NotFound(f"no command {control_id!r}")

    def latest(self, account: str, limit: int) -> Sequence[ControlRecord]:
        """Return the newest."""
        values = {"account": account, "limit": limit}
        return list(self._session.records(self._LATEST, values, codec.control_record))


class SqlModes:
    """Why an account or a symbol may do less than everything."""

    _ALL = Query(select(ModeCauseRow.__table__).where(ModeCauseRow.account == _ACCOUNT))
    _CLEAR = removing(ModeCauseRow, ("account", "symbol", "cause"))

    def __init__(self, session: SqlSession) -> None:
        self._session = session

    def all(self, account: str) -> Sequence[ModeCause]:
        """Return every cause that holds, by symbol and name."""
        causes = self._session.records(self._ALL, {"account": account}, codec.cause_record)
        return sorted(causes, key=lambda one: (one.symbol, one.cause))

    def put(self, cause: ModeCause) -> None:
        """Add a cause or replace it."""
        self._session.put(ModeCauseRow, codec.cause_row(cause))

    def clear(self, account: str, symbol: str, cause: str) -> bool:
        """Remove a cause."""
        key = {"account": account, "symbol": symbol, "cause": cause}
        return self._session.write(self._CLEAR, key) > 0


class SqlBreakers:
    """The state of each breaker."""

    _ALL = Query(select(BreakerRow.__table__).where(BreakerRow.account == _ACCOUNT))

    def __init__(self, session: SqlSession) -> None:
        self._session = session

    def all(self, account: str) -> Sequence[BreakerRecord]:
        """Return every breaker, by name."""
        breakers = self._session.records(self._ALL, {"account": account}, codec.breaker_record)
        return sorted(breakers, key=lambda one: one.name)

    def put(self, breaker: BreakerRecord) -> None:
        """Write one down."""
        self._session.put(BreakerRow, codec.breaker_row(breaker))


class SqlDiscrepancies:
    """Differences that are not explained yet."""

    _OPEN = Query(
        select(DiscrepancyRow.__table__).where(DiscrepancyRow.account == _ACCOUNT, UNSETTLED)
    )

    def __init__(self, session: SqlSession) -> None:
        self._session = session

    def open(self, account: str) -> Sequence[DiscrepancyRecord]:
        """Return those not closed, oldest first."""
        found = self._session.records(self._OPEN, {"account": account}, codec.discrepancy_record)
        return sorted(found, key=lambda one: (one.opened_at, one.discrepancy_id))

    def put(self, discrepancy: DiscrepancyRecord) -> None:
        """Write one down."""
        self._session.put(DiscrepancyRow, codec.discrepancy_row(discrepancy))


class SqlCursors:
    """How far each stream of the venue has been read."""

    _ALL = Query(select(CursorRow.name, CursorRow.time_ms).where(CursorRow.account == _ACCOUNT))

    def __init__(self, session: SqlSession) -> None:
        self._session = session

    def all(self, account: str) -> Mapping[str, int]:
        """Return time by name."""
        rows = self._session.rows(self._ALL, {"account": account})
        return {row["name"]: row["time_ms"] for row in rows}

    def put(self, account: str, name: str, time_ms: int) -> None:
        """Write one down."""
        self._session.put(CursorRow, {"account": account, "name": name, "time_ms": time_ms})


class SqlAudit:
    """What changed what may be done."""

    _LAST = Query(select(func.max(AuditRow.sequence)).where(AuditRow.account == _ACCOUNT))
    _LATEST = Query(
        select(AuditRow.__table__)
        .where(AuditRow.account == _ACCOUNT)
        .order_by(AuditRow.sequence.desc())
        .limit(_LIMIT)
    )

    def __init__(self, session: SqlSession) -> None:
        self._session = session

    def add(
        self, account: str, subject: str, text: str, occurred_at: int, recorded_at: int
    ) -> AuditRecord:
        """Append under the account's next number."""
        self._session.check_writing()
        last = self._session.scalar(self._LAST, {"account": account})
        sequence = 0 if last is None else int(last) + 1
        record = AuditRecord(account, sequence, subject, text, occurred_at, recorded_at)
        self._session.insert(AuditRow, [codec.audit_row(record)])
        return record

    def latest(self, account: str, limit: int) -> Sequence[AuditRecord]:
        """Return the newest."""
        values = {"account": account, "limit": limit}
        return list(self._session.records(self._LATEST, values, codec.audit_record))
