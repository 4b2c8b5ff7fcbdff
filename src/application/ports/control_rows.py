"""The rows that rule an account, as parts of the unit of work.

Times are Unix milliseconds UTC. Every method raises StorageError when the database cannot take or
give what is asked.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from ...domain.risk import ModeCause
from ..journal import (
    AuditRecord,
    BreakerRecord,
    ControlRecord,
    DiscrepancyRecord,
    IntentRecord,
    LeaseRecord,
)


class Intents(Protocol):
    """Approved intents by account and id."""

    def add(self, intent: IntentRecord) -> None:
        """Write one down; StorageError if the account has its id already."""

    def update(self, intent: IntentRecord) -> None:
        """Replace status, stage, outcome and ``updated_at``; NotFound if it was never added."""

    def find(self, account: str, intent_id: str) -> IntentRecord | None:
        """Return one, or None."""

    def working(self, account: str) -> Sequence[IntentRecord]:
        """Return those that are not done, in order of addition."""

    def latest(self, account: str, limit: int) -> Sequence[IntentRecord]:
        """Return the newest, newest first."""


class Leases(Protocol):
    """One lease an account."""

    def find(self, account: str) -> LeaseRecord | None:
        """Return the lease, expired or not; None if nobody ever held it."""

    def acquire(self, account: str, holder: str, now_ms: int, until_ms: int) -> LeaseRecord | None:
        """Take the lease if it is free, expired or ours by name; None if somebody else holds it.

        The epoch rises by one in every case.

        Raises:
            RefusedForSafety: If the account is of real money and the store is not durable.
        """

    def renew(self, lease: LeaseRecord, until_ms: int) -> bool:
        """Prolong it where account and epoch are still ours; return whether they were."""

    def release(self, lease: LeaseRecord, now_ms: int) -> bool:
        """Let it expire now where the epoch is still ours; return whether it was."""

    def bump(self, account: str, now_ms: int) -> int:
        """Raise the epoch, so that nobody can send under the old one; return the new one.

        An account without a lease gets one of nobody's that has expired.
        """


class Controls(Protocol):
    """Commands to sessions."""

    def add(self, control: ControlRecord) -> None:
        """Write a command down."""

    def find(self, control_id: str) -> ControlRecord | None:
        """Return the one of that id."""

    def pending(self, account: str) -> Sequence[ControlRecord]:
        """Return those not handled, oldest first."""

    def handled(self, control_id: str, handled_at: int, outcome: str) -> None:
        """Say what became of one; NotFound if there is none of that id."""

    def latest(self, account: str, limit: int) -> Sequence[ControlRecord]:
        """Return the newest, newest first."""


class Modes(Protocol):
    """Why an account or a symbol may do less than everything."""

    def all(self, account: str) -> Sequence[ModeCause]:
        """Return every cause that holds."""

    def put(self, cause: ModeCause) -> None:
        """Add a cause or replace that of the same account, symbol and name."""

    def clear(self, account: str, symbol: str, cause: str) -> bool:
        """Remove a cause; return whether there was one."""


class Breakers(Protocol):
    """The state of each breaker."""

    def all(self, account: str) -> Sequence[BreakerRecord]:
        """Return every breaker of an account, by name."""

    def put(self, breaker: BreakerRecord) -> None:
        """Write one down in the place of the last."""


class Discrepancies(Protocol):
    """Differences that are not explained yet."""

    def open(self, account: str) -> Sequence[DiscrepancyRecord]:
        """Return those not closed, oldest first."""

    def put(self, discrepancy: DiscrepancyRecord) -> None:
        """Write one down in the place of that of the same account and id."""


class Cursors(Protocol):
    """How far each stream of the venue has been read."""

    def all(self, account: str) -> Mapping[str, int]:
        """Return time by name."""

    def put(self, account: str, name: str, time_ms: int) -> None:
        """Write one down in the place of the last."""


class Audit(Protocol):
    """What changed what may be done, append-only."""

    def add(
        self, account: str, subject: str, text: str, occurred_at: int, recorded_at: int
    ) -> AuditRecord:
        """Append under the account's next number."""

    def latest(self, account: str, limit: int) -> Sequence[AuditRecord]:
        """Return the newest, newest first."""
