"""Between the rows that rule an account and their records."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ....application.journal import (
    AuditRecord,
    BreakerRecord,
    ControlRecord,
    ControlVerb,
    DiscrepancyRecord,
    LeaseRecord,
)
from ....domain.risk import Mode, ModeCause
from .codec import Columns
from .statements import Row

_LEASE = Columns(LeaseRecord)
_CONTROL = Columns(ControlRecord)
_CAUSE = Columns(ModeCause)
_BREAKER = Columns(BreakerRecord)
_DISCREPANCY = Columns(DiscrepancyRecord)
_AUDIT = Columns(AuditRecord)


def lease_row(lease: LeaseRecord) -> Row:
    """Return the row of a lease."""
    return _LEASE.row(lease)


def lease_record(row: Mapping[str, Any]) -> LeaseRecord:
    """Return the lease of a row."""
    return LeaseRecord(**row)


def control_row(control: ControlRecord) -> Row:
    """Return the row of a command."""
    return _CONTROL.row(control) | {"verb": control.verb.value}


def control_record(row: Mapping[str, Any]) -> ControlRecord:
    """Return the command of a row."""
    values = {name: row[name] for name in _CONTROL.names}
    return ControlRecord(**{**values, "verb": ControlVerb(row["verb"])})


def cause_row(cause: ModeCause) -> Row:
    """Return the row of a mode's cause."""
    return _CAUSE.row(cause) | {"mode": int(cause.mode)}


def cause_record(row: Mapping[str, Any]) -> ModeCause:
    """Return the cause of a row."""
    return ModeCause(**{**row, "mode": Mode(row["mode"])})


def breaker_row(breaker: BreakerRecord) -> Row:
    """Return the row of a breaker."""
    return _BREAKER.row(breaker)


def breaker_record(row: Mapping[str, Any]) -> BreakerRecord:
    """Return the breaker of a row."""
    return BreakerRecord(**row)


def discrepancy_row(discrepancy: DiscrepancyRecord) -> Row:
    """Return the row of a discrepancy."""
    return _DISCREPANCY.row(discrepancy)


def discrepancy_record(row: Mapping[str, Any]) -> DiscrepancyRecord:
    """Return the discrepancy of a row."""
    return DiscrepancyRecord(**row)


def audit_row(record: AuditRecord) -> Row:
    """Return the row of a note."""
    return _AUDIT.row(record)


def audit_record(row: Mapping[str, Any]) -> AuditRecord:
    """Return the note of a row."""
    return AuditRecord(**row)
