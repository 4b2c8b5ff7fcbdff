"""The tables of the model registry; the view ``models`` over them is for users' own queries."""

from __future__ import annotations

from typing import Annotated

from sqlalchemy import Double, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from .columns import Base, Id, Name, Place, Small, Whole, Words

ModelId = Annotated[str, mapped_column(String(80), ForeignKey("model_records.model_id"))]
Real = Annotated[float, mapped_column(Double)]
"""A figure of statistics; never money."""


class ModelRow(Base):
    """One attempt at a model."""

    __tablename__ = "model_records"
    __table_args__ = (
        UniqueConstraint("model_id"),
        UniqueConstraint("study", "trial", "attempt"),
        Index("ix_model_records_name", "name", "place"),
        Index("ix_model_records_best", "study", "sharpe"),
    )

    place: Mapped[Place]
    model_id: Mapped[Id]
    name: Mapped[Id]
    study: Mapped[Words]
    trial: Mapped[Whole]
    attempt: Mapped[Small]
    timeframe: Mapped[Name]
    symbols: Mapped[Words]
    status: Mapped[Name]
    stage: Mapped[Name]
    origin: Mapped[Name]
    seed: Mapped[Whole]
    synthetic: Mapped[bool]
    hyperparameters: Mapped[Words]
    sharpe: Mapped[Real | None]
    sharpe_low: Mapped[Real | None]
    sharpe_high: Mapped[Real | None]
    total_return: Mapped[Real | None]
    max_drawdown: Mapped[Real | None]
    trades: Mapped[Whole | None]
    measured_on: Mapped[Words]
    duration_s: Mapped[Real | None]
    error_class: Mapped[Words]
    error: Mapped[Words]
    features_hash: Mapped[Words]
    data_hash: Mapped[Words]
    code: Mapped[Words]
    artefact_hash: Mapped[Words]
    artefact_path: Mapped[Words]
    logs_path: Mapped[Words]
    checkpoints_path: Mapped[Words]
    parents: Mapped[Words]
    created_at: Mapped[Whole]
    finished_at: Mapped[Whole | None]
    collected_at: Mapped[Whole | None]


class ModelParentRow(Base):
    """That one model came from another; what ``parents`` says, made to be searched."""

    __tablename__ = "model_parents"

    parent_id: Mapped[ModelId] = mapped_column(primary_key=True)
    child_id: Mapped[ModelId] = mapped_column(primary_key=True)


class ModelAliasRow(Base):
    """Who has an alias now."""

    __tablename__ = "model_aliases"

    alias: Mapped[Name] = mapped_column(primary_key=True)
    model_id: Mapped[ModelId]


class ModelEventRow(Base):
    """One line of a model's history; only ever added to."""

    __tablename__ = "model_events"
    __table_args__ = (
        Index("ix_model_events_model", "model_id", "place"),
        Index("ix_model_events_subject", "subject", "place"),
    )

    place: Mapped[Place]
    model_id: Mapped[ModelId]
    kind: Mapped[Name]
    subject: Mapped[Name]
    before: Mapped[Words]
    after: Mapped[Words]
    at: Mapped[Whole]
    by: Mapped[Words]
    reason: Mapped[Words]
