"""The model registry: attempts, lineage, aliases, history, and the view ``models``."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_VIEW = (
    "model_id, name, study, trial, attempt, timeframe, symbols, status, stage, origin, "
    "sharpe, sharpe_low, sharpe_high, total_return, max_drawdown, trades, measured_on, duration_s, "
    "seed, synthetic, hyperparameters, error_class, error, features_hash, data_hash, code, "
    "artefact_hash, artefact_path, logs_path, checkpoints_path, parents, created_at, finished_at, "
    "collected_at"
)


def upgrade() -> None:
    """Add the tables and the view."""
    _create_records()
    op.create_table(
        "model_parents",
        _text("parent_id", 80),
        _text("child_id", 80),
        sa.ForeignKeyConstraint(["parent_id"], ["model_records.model_id"]),
        sa.ForeignKeyConstraint(["child_id"], ["model_records.model_id"]),
        sa.PrimaryKeyConstraint("parent_id", "child_id"),
    )
    op.create_table(
        "model_aliases",
        _text("alias", 40),
        _text("model_id", 80),
        sa.ForeignKeyConstraint(["model_id"], ["model_records.model_id"]),
        sa.PrimaryKeyConstraint("alias"),
    )
    op.create_table(
        "model_events",
        _place(),
        _text("model_id", 80),
        _text("kind", 40),
        _text("subject", 40),
        _text("before"),
        _text("after"),
        _whole("at"),
        _text("by"),
        _text("reason"),
        sa.ForeignKeyConstraint(["model_id"], ["model_records.model_id"]),
    )
    op.create_index("ix_model_events_model", "model_events", ["model_id", "place"])
    op.create_index("ix_model_events_subject", "model_events", ["subject", "place"])
    gather = "string_agg" if op.get_bind().dialect.name == "postgresql" else "group_concat"
    op.execute(
        f"CREATE VIEW models AS SELECT {_VIEW}, "  # noqa: S608 - names from above
        f"(SELECT {gather}(alias, ',') FROM model_aliases AS a WHERE a.model_id = m.model_id) "
        "AS aliases FROM model_records AS m"
    )


def _create_records() -> None:
    op.create_table(
        "model_records",
        _place(),
        _text("model_id", 80),
        _text("name", 80),
        _text("study"),
        _whole("trial"),
        sa.Column("attempt", sa.Integer(), nullable=False),
        _text("timeframe", 40),
        _text("symbols"),
        *(_text(name, 40) for name in ("status", "stage", "origin")),
        _whole("seed"),
        sa.Column("synthetic", sa.Boolean(), nullable=False),
        _text("hyperparameters"),
        *(_real(name) for name in ("sharpe", "sharpe_low", "sharpe_high")),
        *(_real(name) for name in ("total_return", "max_drawdown")),
        _whole("trades", nullable=True),
        _text("measured_on"),
        _real("duration_s"),
        *(_text(name) for name in ("error_class", "error")),
        *(_text(name) for name in ("features_hash", "data_hash", "code", "artefact_hash")),
        *(_text(name) for name in ("artefact_path", "logs_path", "checkpoints_path", "parents")),
        _whole("created_at"),
        _whole("finished_at", nullable=True),
        _whole("collected_at", nullable=True),
        sa.UniqueConstraint("model_id"),
        sa.UniqueConstraint("study", "trial", "attempt"),
    )
    op.create_index("ix_model_records_name", "model_records", ["name", "place"])
    op.create_index("ix_model_records_best", "model_records", ["study", "sharpe"])


def _place() -> sa.Column[int]:
    kind = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    return sa.Column("place", kind, primary_key=True, autoincrement=True, nullable=False)


def _text(name: str, length: int | None = None) -> sa.Column[Any]:
    kind = sa.Text() if length is None else sa.String(length=length)
    return sa.Column(name, kind, nullable=False)


def _whole(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=nullable)


def _real(name: str) -> sa.Column[float]:
    return sa.Column(name, sa.Double(), nullable=True)
