"""Rows of bars lie in their key, and orders are no longer found by time."""

from __future__ import annotations

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_TABLES = ("seen_bars", "equity_marks", "asset_decisions", "decisions")
"""One row a bar and run; children before their parents."""


def upgrade() -> None:
    """Drop an index that only cost, and on SQLite a second tree for each of four tables."""
    op.drop_index("ix_orders_since", "orders")
    connection = op.get_bind()
    if connection.dialect.name != "sqlite":
        return
    words = {
        name: connection.exec_driver_sql(
            "SELECT sql FROM sqlite_master WHERE type = 'table' AND name = ?", (name,)
        ).scalar_one()
        for name in _TABLES
    }
    # Parents first, so that what refers to them is written when they are there. Renaming takes the
    # references along: those of the new tables to each other, which nothing else refers to.
    for name in reversed(_TABLES):
        made = words[name].replace(f"CREATE TABLE {name}", f"CREATE TABLE new_{name}", 1)
        made = made.replace("REFERENCES decisions", "REFERENCES new_decisions")
        op.execute(f"{made} WITHOUT ROWID")
        op.execute(f"INSERT INTO new_{name} SELECT * FROM {name}")  # noqa: S608 - names from above
    for name in _TABLES:
        op.execute(f"DROP TABLE {name}")
    for name in reversed(_TABLES):
        op.execute(f"ALTER TABLE new_{name} RENAME TO {name}")
