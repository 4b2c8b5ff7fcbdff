"""Campaigns: what is tried, and who tries it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_OPEN = sa.text("status IN ('queued', 'running')")
_UNTOLD = sa.text("told = 0")


def upgrade() -> None:
    """Add the queue of attempts."""
    op.create_table(
        "campaigns",
        sa.Column("study", sa.String(80), primary_key=True),
        sa.Column("definition", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("stop_requested", sa.Integer, nullable=False),
    )
    op.create_table(
        "trial_attempts",
        sa.Column("study", sa.String(80), sa.ForeignKey("campaigns.study"), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("attempt", sa.Integer, primary_key=True),
        sa.Column("lineage", sa.String(80), nullable=False),
        sa.Column("status", sa.String(40), nullable=False),
        sa.Column("epoch", sa.Integer, nullable=False),
        sa.Column("worker", sa.Text, nullable=False),
        sa.Column("not_before", sa.BigInteger, nullable=False),
        sa.Column("claimed_at", sa.BigInteger),
        sa.Column("heartbeat_at", sa.BigInteger),
        sa.Column("ended_at", sa.BigInteger),
        sa.Column("environments", sa.Integer, nullable=False),
        sa.Column("batch", sa.Integer, nullable=False),
        sa.Column("reseeds", sa.Integer, nullable=False),
        sa.Column("error_class", sa.String(40), nullable=False),
        sa.Column("error", sa.Text, nullable=False),
        sa.Column("checkpoint", sa.Text, nullable=False),
        sa.Column("parameters", sa.Text, nullable=False),
        sa.Column("figures", sa.Text, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("told", sa.Integer, nullable=False),
    )
    op.create_index(
        "ix_trial_attempts_open",
        "trial_attempts",
        ["study", "number"],
        unique=True,
        sqlite_where=_OPEN,
        postgresql_where=_OPEN,
    )
    op.create_index("ix_trial_attempts_status", "trial_attempts", ["study", "status"])
    op.create_index(
        "ix_trial_attempts_untold",
        "trial_attempts",
        ["study"],
        sqlite_where=_UNTOLD,
        postgresql_where=_UNTOLD,
    )
