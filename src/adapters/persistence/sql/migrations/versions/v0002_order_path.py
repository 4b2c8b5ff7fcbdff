"""The order path: intents, attempts with what was sent, accounts, and what rules them.

Orders, fills and the ledger were a run's and become an account's. Every run so far was on paper,
where account and run have one name, so nothing changes its owner.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_PAGE = 1_000
_WORKING = sa.text("status = 'working'")
_NOT_FINAL = sa.text(
    "state NOT IN ('filled', 'expired', 'canceled', 'rejected', 'not_placed', 'denied')"
)
_PENDING = sa.text("handled_at IS NULL")
_UNSETTLED = sa.text("closed_at IS NULL")
_TYPES = {"rebalance": "opening", "exit": "reduction"}
_NO_TERMS = dict.fromkeys(("kind", "order_lots", "time_in_force", "post_only", "reduce_only"))
_SENT = frozenset({"rebalance", "margin", "ruin"})
"""Purposes of orders that we sent; the others are a venue's own."""


def upgrade() -> None:
    """Rebuild what an account owns, and add what rules it."""
    op.drop_index("ix_orders_run_id", "orders")
    op.drop_index("ix_orders_state", "orders")
    for name in ("orders", "fills", "ledger_entries", "ledger_postings"):
        op.rename_table(name, f"old_{name}")
    _create_intents()
    _create_orders()
    _create_fills()
    _create_ledger()
    _create_rulers()
    _create_findings()
    _copy("orders", "place, client_order_id", _order)
    _copy("fills", "run_id, sequence", _fill)
    _copy("ledger_entries", "run_id, sequence", _entry)
    _copy("ledger_postings", "run_id, sequence, place", _posting)
    for name in ("ledger_postings", "ledger_entries", "fills", "orders"):
        op.drop_table(f"old_{name}")


def _copy(name: str, order: str, convert: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    connection = op.get_bind()
    target = sa.Table(name, sa.MetaData(), autoload_with=connection)
    old = connection.execute(sa.text(f"SELECT * FROM old_{name} ORDER BY {order}")).mappings()  # noqa: S608 - names from above
    while rows := old.fetchmany(_PAGE):
        connection.execute(target.insert(), [convert(dict(row)) for row in rows])


def _order(row: dict[str, Any]) -> dict[str, Any]:
    # Counted again over all runs, in the order of each.
    del row["place"]
    account = row["account"] = row["run_id"]
    key = f"{account}|{row['symbol']}|{row['decided_at']}|{row['purpose']}"
    reduces = _TYPES[row.pop("kind")] == "reduction"
    return row | {
        "type": "reduction" if reduces else "opening",
        "closes": row["lots"] if reduces else 0,
        **(_bar_terms(row, reduces=reduces) if row["purpose"] in _SENT else _NO_TERMS),
        "intent_id": hashlib.sha256(key.encode()).hexdigest()[:32],
        "leg": "bar",
        "payload_hash": "",
        "epoch": 0,
        "fence_at": 0,
        "reserved": 0,
        "evidence": "",
    }


def _bar_terms(row: dict[str, Any], *, reduces: bool) -> dict[str, Any]:
    """Return what was sent: all orders were for the next bar, but those of a ruin."""
    return {
        "kind": "last close" if row["purpose"] == "ruin" else "next open",
        "order_lots": row["lots"],
        "time_in_force": "good till cancelled",
        "post_only": False,
        "reduce_only": reduces,
    }


def _fill(row: dict[str, Any]) -> dict[str, Any]:
    quote = row["symbol"].split("/")[1].split(":")[0]
    amount = Decimal(row["fee"]).scaleb(-8)
    row["account"] = row.pop("run_id")
    return row | {"maker": bool(row["maker"]), "fee_asset": quote, "fee_amount": f"{amount:f}"}


def _entry(row: dict[str, Any]) -> dict[str, Any]:
    row["account"] = row.pop("run_id")
    return row


def _posting(row: dict[str, Any]) -> dict[str, Any]:
    row["book"] = row["account"]
    row["account"] = row.pop("run_id")
    return row


def _place() -> sa.Column[int]:
    kind = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    return sa.Column("place", kind, primary_key=True, autoincrement=True, nullable=False)


def _text(name: str, length: int | None = None, *, nullable: bool = False) -> sa.Column[str]:
    kind = sa.Text() if length is None else sa.String(length=length)
    return sa.Column(name, kind, nullable=nullable)


def _whole(name: str, *, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=nullable)


def _small(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), nullable=False)


def _intent_columns() -> list[sa.Column[Any]]:
    return [
        _text("type", 40),
        _text("purpose", 40),
        _text("symbol", 80),
        _small("side"),
        _whole("lots"),
        _whole("closes"),
        _whole("decided_at"),
    ]


def _part_index(name: str, table: str, where: sa.TextClause) -> None:
    op.create_index(name, table, ["account"], sqlite_where=where, postgresql_where=where)


def _create_intents() -> None:
    op.create_table(
        "intents",
        _place(),
        _text("account", 80),
        _text("intent_id", 32),
        _text("run_id", 80),
        *_intent_columns(),
        _text("plan", 40),
        _whole("arrival"),
        _whole("deadline"),
        _text("status", 40),
        _text("stage"),
        _text("outcome"),
        _whole("recorded_at"),
        _whole("updated_at"),
        sa.UniqueConstraint("account", "intent_id"),
    )
    _part_index("ix_intents_working", "intents", _WORKING)


def _create_orders() -> None:
    op.create_table(
        "orders",
        _place(),
        _text("client_order_id", 80),
        _text("run_id", 80),
        _text("account", 80),
        _text("intent_id", 32),
        *_intent_columns(),
        _text("leg", 40),
        _small("attempt"),
        _text("kind", 40, nullable=True),
        _whole("order_lots", nullable=True),
        _whole("limit_ticks", nullable=True),
        _text("time_in_force", 40, nullable=True),
        _whole("expires_at", nullable=True),
        sa.Column("post_only", sa.Boolean(), nullable=True),
        sa.Column("reduce_only", sa.Boolean(), nullable=True),
        _text("payload_hash", 64),
        _whole("epoch"),
        _whole("fence_at"),
        _whole("reserved"),
        _whole("sent_at", nullable=True),
        _whole("cancel_asked_at", nullable=True),
        _text("state", 40),
        _whole("filled"),
        _text("reason"),
        _whole("unknown_since", nullable=True),
        _text("evidence", 40),
        _text("venue_order_id", 80),
        _whole("recorded_at"),
        _whole("updated_at"),
        sa.UniqueConstraint("client_order_id"),
    )
    op.create_index("ix_orders_intent", "orders", ["account", "intent_id"])
    _part_index("ix_orders_live", "orders", _NOT_FINAL)


def _create_fills() -> None:
    op.create_table(
        "fills",
        _text("account", 80),
        _whole("sequence"),
        _text("trade_id", 80),
        _text("client_order_id", 80, nullable=True),
        _text("symbol", 80),
        _whole("bar_time"),
        _whole("occurred_at"),
        _whole("recorded_at"),
        _small("side"),
        _whole("lots"),
        _whole("ticks"),
        _whole("reference"),
        _whole("fee"),
        _whole("realised"),
        sa.Column("maker", sa.Boolean(), nullable=False),
        _small("reason"),
        _text("fee_asset", 40),
        _text("fee_amount"),
        _text("fee_price", nullable=True),
        sa.ForeignKeyConstraint(["client_order_id"], ["orders.client_order_id"]),
        sa.PrimaryKeyConstraint("account", "sequence"),
        sa.UniqueConstraint("account", "symbol", "trade_id"),
    )
    op.create_index("ix_fills_client_order_id", "fills", ["client_order_id"])


def _create_ledger() -> None:
    op.create_table(
        "ledger_entries",
        _text("account", 80),
        _whole("sequence"),
        _text("kind", 40),
        _text("reference", 160),
        _whole("occurred_at"),
        _whole("recorded_at"),
        sa.PrimaryKeyConstraint("account", "sequence"),
        sa.UniqueConstraint("account", "kind", "reference"),
    )
    op.create_table(
        "ledger_postings",
        _text("account", 80),
        _whole("sequence"),
        _small("place"),
        _text("book", 80),
        _text("asset", 40),
        _text("amount"),
        sa.ForeignKeyConstraint(
            ["account", "sequence"], ["ledger_entries.account", "ledger_entries.sequence"]
        ),
        sa.PrimaryKeyConstraint("account", "sequence", "place"),
    )


def _create_rulers() -> None:
    op.create_table(
        "leases",
        _text("account", 80),
        _text("holder"),
        _whole("epoch"),
        _whole("acquired_at"),
        _whole("expires_at"),
        sa.PrimaryKeyConstraint("account"),
    )
    op.create_table(
        "controls",
        _place(),
        _text("control_id", 80),
        _text("account", 80),
        _text("verb", 40),
        _text("argument"),
        _text("issued_by"),
        _whole("issued_at"),
        _whole("handled_at", nullable=True),
        _text("outcome"),
        sa.UniqueConstraint("control_id"),
    )
    op.create_index("ix_controls_account", "controls", ["account", "place"])
    _part_index("ix_controls_pending", "controls", _PENDING)
    op.create_table(
        "mode_causes",
        _text("account", 80),
        _text("symbol", 80),
        _text("cause", 80),
        _small("mode"),
        _whole("since"),
        _text("reason"),
        sa.PrimaryKeyConstraint("account", "symbol", "cause"),
    )
    op.create_table(
        "breakers",
        _text("account", 80),
        _text("name", 80),
        _text("state", 40),
        _text("content"),
        _whole("updated_at"),
        sa.PrimaryKeyConstraint("account", "name"),
    )


def _create_findings() -> None:
    op.create_table(
        "discrepancies",
        _text("account", 80),
        _text("discrepancy_id", 160),
        _text("symbol", 80),
        _text("kind", 40),
        _text("ours"),
        _text("theirs"),
        _whole("opened_at"),
        _whole("closed_at", nullable=True),
        _text("note"),
        sa.PrimaryKeyConstraint("account", "discrepancy_id"),
    )
    _part_index("ix_discrepancies_open", "discrepancies", _UNSETTLED)
    op.create_table(
        "cursors",
        _text("account", 80),
        _text("name", 80),
        _whole("time_ms"),
        sa.PrimaryKeyConstraint("account", "name"),
    )
    op.create_table(
        "audit",
        _text("account", 80),
        _whole("sequence"),
        _text("subject"),
        _text("text"),
        _whole("occurred_at"),
        _whole("recorded_at"),
        sa.PrimaryKeyConstraint("account", "sequence"),
    )
