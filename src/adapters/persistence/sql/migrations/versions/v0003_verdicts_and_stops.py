"""What the risk engine said of each intent, stops that rest at a venue, and orders by time."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add two columns and an index; what was written before has neither verdict nor trigger."""
    op.add_column("intents", sa.Column("verdict", sa.Text(), nullable=False, server_default=""))
    op.add_column("orders", sa.Column("trigger_ticks", sa.BigInteger(), nullable=True))
    op.create_index("ix_orders_since", "orders", ["account", "recorded_at"])
