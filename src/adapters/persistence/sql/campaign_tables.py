"""The tables of campaigns: what is tried, and who tries it."""

from __future__ import annotations

from sqlalchemy import ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from .columns import Base, Id, Name, Small, Whole, Words

OPEN = text("status IN ('queued', 'running')")
UNTOLD = text("told = 0")


class CampaignRow(Base):
    """One campaign."""

    __tablename__ = "campaigns"

    study: Mapped[Id] = mapped_column(primary_key=True)
    definition: Mapped[Words]
    created_at: Mapped[Whole]
    stop_requested: Mapped[Small]


class TrialAttemptRow(Base):
    """One attempt at a trial; a trial has at most one that is open."""

    __tablename__ = "trial_attempts"
    __table_args__ = (
        Index(
            "ix_trial_attempts_open",
            "study",
            "number",
            unique=True,
            sqlite_where=OPEN,
            postgresql_where=OPEN,
        ),
        Index("ix_trial_attempts_status", "study", "status"),
        Index("ix_trial_attempts_untold", "study", sqlite_where=UNTOLD, postgresql_where=UNTOLD),
    )

    study: Mapped[str] = mapped_column(String(80), ForeignKey("campaigns.study"), primary_key=True)
    number: Mapped[Small] = mapped_column(primary_key=True)
    attempt: Mapped[Small] = mapped_column(primary_key=True)
    lineage: Mapped[Id]
    status: Mapped[Name]
    epoch: Mapped[Small]
    worker: Mapped[Words]
    not_before: Mapped[Whole]
    claimed_at: Mapped[Whole | None]
    heartbeat_at: Mapped[Whole | None]
    ended_at: Mapped[Whole | None]
    environments: Mapped[Small]
    batch: Mapped[Small]
    reseeds: Mapped[Small]
    error_class: Mapped[Name]
    error: Mapped[Words]
    checkpoint: Mapped[Words]
    parameters: Mapped[Words]
    figures: Mapped[Words]
    digest: Mapped[str] = mapped_column(String(64))
    told: Mapped[Small]
