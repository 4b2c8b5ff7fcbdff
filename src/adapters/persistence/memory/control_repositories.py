"""The repositories in memory of the rows that rule an account."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

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
from .views import View


class MemoryLeases:
    """One lease an account."""

    def __init__(self, view: View[LeaseRecord]) -> None:
        self._view = view

    def find(self, account: str) -> LeaseRecord | None:
        """Return the lease, expired or not."""
        return self._view.get((account,))

    def acquire(self, account: str, holder: str, now_ms: int, until_ms: int) -> LeaseRecord | None:
        """Take the lease if it is free, expired or ours by name."""
        self._view.lock()
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
        self._view.lock()
        found = self.find(account)
        if found is None:
            return self._put(LeaseRecord(account, "", 1, now_ms, now_ms)).epoch
        return self._put(replace(found, epoch=found.epoch + 1)).epoch

    def _put(self, lease: LeaseRecord) -> LeaseRecord:
        self._view.put((lease.account,), lease)
        return lease

    def _expire(self, lease: LeaseRecord, at: int) -> bool:
        self._view.lock()
        found = self.find(lease.account)
        if found is None or (found.epoch, found.holder) != (lease.epoch, lease.holder):
            return False
        self._put(replace(found, expires_at=at))
        return True


class MemoryControls:
    """Commands to sessions, in order of addition."""

    def __init__(self, view: View[ControlRecord]) -> None:
        self._view = view

    def add(self, control: ControlRecord) -> None:
        """Write a command down."""
        self._view.add((control.control_id,), control)

    def find(self, control_id: str) -> ControlRecord | None:
        """Return the one of that id."""
        return self._view.get((control_id,))

    def pending(self, account: str) -> Sequence[ControlRecord]:
        """Return those not handled."""
        return self._view.group("pending", (account,))

    def handled(self, control_id: str, handled_at: int, outcome: str) -> None:
        """Say what became of one."""
        self._view.lock()
        found = self._view.get((control_id,))
        if found is None:
            raise NotFound(f"no command {control_id!r}")
        changed = replace(found, handled_at=handled_at, outcome=outcome)
        self._view.put((control_id,), changed)

    def latest(self, account: str, limit: int) -> Sequence[ControlRecord]:
        """Return the newest."""
        return self._of(account)[::-1][:limit]

    def _of(self, account: str) -> list[ControlRecord]:
        return self._view.group("account", (account,))


class MemoryModes:
    """Why an account or a symbol may do less than everything."""

    def __init__(self, view: View[ModeCause]) -> None:
        self._view = view

    def all(self, account: str) -> Sequence[ModeCause]:
        """Return every cause that holds, by symbol and name."""
        causes = self._view.group("account", (account,))
        return sorted(causes, key=lambda one: (one.symbol, one.cause))

    def put(self, cause: ModeCause) -> None:
        """Add a cause or replace it."""
        self._view.put((cause.account, cause.symbol, cause.cause), cause)

    def clear(self, account: str, symbol: str, cause: str) -> bool:
        """Remove a cause."""
        return self._view.remove((account, symbol, cause))


class MemoryBreakers:
    """The state of each breaker."""

    def __init__(self, view: View[BreakerRecord]) -> None:
        self._view = view

    def all(self, account: str) -> Sequence[BreakerRecord]:
        """Return every breaker, by name."""
        breakers = self._view.group("account", (account,))
        return sorted(breakers, key=lambda one: one.name)

    def put(self, breaker: BreakerRecord) -> None:
        """Write one down."""
        self._view.put((breaker.account, breaker.name), breaker)


class MemoryDiscrepancies:
    """Differences that are not explained yet."""

    def __init__(self, view: View[DiscrepancyRecord]) -> None:
        self._view = view

    def open(self, account: str) -> Sequence[DiscrepancyRecord]:
        """Return those not closed, oldest first."""
        found = self._view.group("open", (account,))
        return sorted(found, key=lambda one: (one.opened_at, one.discrepancy_id))

    def put(self, discrepancy: DiscrepancyRecord) -> None:
        """Write one down."""
        self._view.put((discrepancy.account, discrepancy.discrepancy_id), discrepancy)


class MemoryCursors:
    """How far each stream of the venue has been read."""

    def __init__(self, view: View[tuple[str, str, int]]) -> None:
        self._view = view

    def all(self, account: str) -> Mapping[str, int]:
        """Return time by name."""
        return {name: time for _, name, time in self._view.group("account", (account,))}

    def put(self, account: str, name: str, time_ms: int) -> None:
        """Write one down."""
        self._view.put((account, name), (account, name, time_ms))


class MemoryAudit:
    """What changed what may be done."""

    def __init__(self, view: View[AuditRecord], ends: View[int]) -> None:
        self._view = view
        self._ends = ends

    def add(
        self, account: str, subject: str, text: str, occurred_at: int, recorded_at: int
    ) -> AuditRecord:
        """Append under the account's next number."""
        self._view.lock()
        sequence = self._ends.get(("audit", account)) or 0
        record = AuditRecord(account, sequence, subject, text, occurred_at, recorded_at)
        self._view.add((account, sequence), record)
        self._ends.put(("audit", account), sequence + 1)
        return record

    def latest(self, account: str, limit: int) -> Sequence[AuditRecord]:
        """Return the newest."""
        return self._view.group("account", (account,))[::-1][:limit]
