"""The order path: what an opening closes, and orders of unknown outcome."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add what the order path writes down."""
    op.add_column(
        "orders", sa.Column("closes", sa.BigInteger(), server_default="0", nullable=False)
    )
    op.add_column("orders", sa.Column("unknown_since", sa.BigInteger(), nullable=True))
    op.execute("UPDATE orders SET kind = 'reduction', closes = lots WHERE kind = 'exit'")
    op.execute("UPDATE orders SET kind = 'opening' WHERE kind = 'rebalance'")
