"""The tables of an account: intents, attempts, fills, ledger. Units as in :mod:`.tables`.

An account is named, not listed: a paper run is one of its own, a live one outlives its runs. So
``run_id`` is a remark here, and refers to nothing.
"""

from __future__ import annotations

from sqlalchemy import ForeignKey, ForeignKeyConstraint, Index, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from .columns import Base, Exact, Id, Name, Place, Small, Whole, Words

WORKING = text("status = 'working'")
NOT_FINAL = text(
    "state NOT IN ('filled', 'expired', 'canceled', 'rejected', 'not_placed', 'denied')"
)
"""As literal text: a query uses a partial index only if it repeats the index's own words."""


class IntentRow(Base):
    """An approved intent and how far its plan has come."""

    __tablename__ = "intents"
    __table_args__ = (
        UniqueConstraint("account", "intent_id"),
        Index("ix_intents_working", "account", sqlite_where=WORKING, postgresql_where=WORKING),
    )

    place: Mapped[Place]
    account: Mapped[Id]
    intent_id: Mapped[str] = mapped_column(String(32))
    run_id: Mapped[Id]
    type: Mapped[Name]
    purpose: Mapped[Name]
    symbol: Mapped[Id]
    side: Mapped[Small]
    lots: Mapped[Whole]
    closes: Mapped[Whole]
    decided_at: Mapped[Whole]
    plan: Mapped[Name]
    arrival: Mapped[Whole]
    deadline: Mapped[Whole]
    status: Mapped[Name]
    stage: Mapped[Words]
    outcome: Mapped[Words]
    recorded_at: Mapped[Whole]
    updated_at: Mapped[Whole]
    verdict: Mapped[Words] = mapped_column(server_default="")


class OrderRow(Base):
    """One attempt: the intent that it serves, what was sent, and its state."""

    __tablename__ = "orders"
    __table_args__ = (
        UniqueConstraint("client_order_id"),
        Index("ix_orders_intent", "account", "intent_id"),
        Index("ix_orders_live", "account", sqlite_where=NOT_FINAL, postgresql_where=NOT_FINAL),
    )

    place: Mapped[Place]
    client_order_id: Mapped[Id]
    run_id: Mapped[Id]
    account: Mapped[Id]
    intent_id: Mapped[str] = mapped_column(String(32))
    type: Mapped[Name]
    purpose: Mapped[Name]
    symbol: Mapped[Id]
    side: Mapped[Small]
    lots: Mapped[Whole]
    closes: Mapped[Whole]
    decided_at: Mapped[Whole]
    leg: Mapped[Name]
    attempt: Mapped[Small]
    kind: Mapped[Name | None]
    order_lots: Mapped[Whole | None]
    limit_ticks: Mapped[Whole | None]
    time_in_force: Mapped[Name | None]
    expires_at: Mapped[Whole | None]
    post_only: Mapped[bool | None]
    reduce_only: Mapped[bool | None]
    payload_hash: Mapped[str] = mapped_column(String(64))
    epoch: Mapped[Whole]
    fence_at: Mapped[Whole]
    reserved: Mapped[Whole]
    sent_at: Mapped[Whole | None]
    cancel_asked_at: Mapped[Whole | None]
    state: Mapped[Name]
    filled: Mapped[Whole]
    reason: Mapped[Words]
    unknown_since: Mapped[Whole | None]
    evidence: Mapped[Name]
    venue_order_id: Mapped[Id]
    recorded_at: Mapped[Whole]
    updated_at: Mapped[Whole]
    trigger_ticks: Mapped[Whole | None]


class FillRow(Base):
    """One execution; without an order where none of ours caused it."""

    __tablename__ = "fills"
    __table_args__ = (UniqueConstraint("account", "symbol", "trade_id"),)

    account: Mapped[Id] = mapped_column(primary_key=True)
    sequence: Mapped[Whole] = mapped_column(primary_key=True)
    trade_id: Mapped[Id]
    client_order_id: Mapped[Id | None] = mapped_column(
        ForeignKey("orders.client_order_id"), index=True
    )
    symbol: Mapped[Id]
    bar_time: Mapped[Whole]
    occurred_at: Mapped[Whole]
    recorded_at: Mapped[Whole]
    side: Mapped[Small]
    lots: Mapped[Whole]
    ticks: Mapped[Whole]
    reference: Mapped[Whole]
    fee: Mapped[Whole]
    realised: Mapped[Whole]
    maker: Mapped[bool]
    reason: Mapped[Small]
    fee_asset: Mapped[Name]
    fee_amount: Mapped[Exact]
    fee_price: Mapped[Exact | None]


class LedgerEntryRow(Base):
    """One balanced entry."""

    __tablename__ = "ledger_entries"
    __table_args__ = (UniqueConstraint("account", "kind", "reference"),)

    account: Mapped[Id] = mapped_column(primary_key=True)
    sequence: Mapped[Whole] = mapped_column(primary_key=True)
    kind: Mapped[Name]
    reference: Mapped[str] = mapped_column(String(160))
    occurred_at: Mapped[Whole]
    recorded_at: Mapped[Whole]


class PostingRow(Base):
    """One leg of an entry; ``book`` is the ledger's account, ``account`` ours."""

    __tablename__ = "ledger_postings"
    __table_args__ = (
        ForeignKeyConstraint(
            ["account", "sequence"], ["ledger_entries.account", "ledger_entries.sequence"]
        ),
    )

    account: Mapped[Id] = mapped_column(primary_key=True)
    sequence: Mapped[Whole] = mapped_column(primary_key=True)
    place: Mapped[Small] = mapped_column(primary_key=True)
    book: Mapped[Id]
    asset: Mapped[Name]
    amount: Mapped[Exact]
