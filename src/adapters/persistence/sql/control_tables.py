"""The tables by which processes rule an account."""

from __future__ import annotations

from sqlalchemy import Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from .columns import Base, Id, Name, Place, Small, Whole, Words

PENDING = text("handled_at IS NULL")
UNSETTLED = text("closed_at IS NULL")


class LeaseRow(Base):
    """Who may trade an account."""

    __tablename__ = "leases"

    account: Mapped[Id] = mapped_column(primary_key=True)
    holder: Mapped[Words]
    epoch: Mapped[Whole]
    acquired_at: Mapped[Whole]
    expires_at: Mapped[Whole]


class ControlRow(Base):
    """A command to a session."""

    __tablename__ = "controls"
    __table_args__ = (
        UniqueConstraint("control_id"),
        Index("ix_controls_account", "account", "place"),
        Index("ix_controls_pending", "account", sqlite_where=PENDING, postgresql_where=PENDING),
    )

    place: Mapped[Place]
    control_id: Mapped[Id]
    account: Mapped[Id]
    verb: Mapped[Name]
    argument: Mapped[Words]
    issued_by: Mapped[Words]
    issued_at: Mapped[Whole]
    handled_at: Mapped[Whole | None]
    outcome: Mapped[Words]


class ModeCauseRow(Base):
    """Why less than everything is allowed."""

    __tablename__ = "mode_causes"

    account: Mapped[Id] = mapped_column(primary_key=True)
    symbol: Mapped[Id] = mapped_column(primary_key=True)
    cause: Mapped[Id] = mapped_column(primary_key=True)
    mode: Mapped[Small]
    since: Mapped[Whole]
    reason: Mapped[Words]


class BreakerRow(Base):
    """A breaker as it stands."""

    __tablename__ = "breakers"

    account: Mapped[Id] = mapped_column(primary_key=True)
    name: Mapped[Id] = mapped_column(primary_key=True)
    state: Mapped[Name]
    content: Mapped[Words]
    updated_at: Mapped[Whole]


class DiscrepancyRow(Base):
    """A difference to the venue."""

    __tablename__ = "discrepancies"
    __table_args__ = (
        Index(
            "ix_discrepancies_open", "account", sqlite_where=UNSETTLED, postgresql_where=UNSETTLED
        ),
    )

    account: Mapped[Id] = mapped_column(primary_key=True)
    discrepancy_id: Mapped[str] = mapped_column(String(160), primary_key=True)
    symbol: Mapped[Id]
    kind: Mapped[Name]
    ours: Mapped[Words]
    theirs: Mapped[Words]
    opened_at: Mapped[Whole]
    closed_at: Mapped[Whole | None]
    note: Mapped[Words]


class CursorRow(Base):
    """How far a stream of the venue has been read."""

    __tablename__ = "cursors"

    account: Mapped[Id] = mapped_column(primary_key=True)
    name: Mapped[Id] = mapped_column(primary_key=True)
    time_ms: Mapped[Whole]


class AuditRow(Base):
    """What changed what may be done."""

    __tablename__ = "audit"

    account: Mapped[Id] = mapped_column(primary_key=True)
    sequence: Mapped[Whole] = mapped_column(primary_key=True)
    subject: Mapped[Words]
    text: Mapped[Words]
    occurred_at: Mapped[Whole]
    recorded_at: Mapped[Whole]
