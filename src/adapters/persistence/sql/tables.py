"""The tables of the journal. Money is whole 1e-8 units or exact text, times are integers."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any

from sqlalchemy import (
    BigInteger,
    Dialect,
    Float,
    ForeignKey,
    ForeignKeyConstraint,
    Integer,
    LargeBinary,
    String,
    Text,
    TypeDecorator,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class ExactDecimal(TypeDecorator[Decimal]):
    """A Decimal as text: SQLite's NUMERIC is a float underneath and loses digits."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, _dialect: Dialect) -> str | None:
        """Write all digits, without an exponent."""
        return None if value is None else f"{value:f}"

    def process_result_value(self, value: Any | None, _dialect: Dialect) -> Decimal | None:
        """Read them back."""
        return None if value is None else Decimal(value)


Id = Annotated[str, mapped_column(String(80))]
Name = Annotated[str, mapped_column(String(40))]
Whole = Annotated[int, mapped_column(BigInteger)]
"""Ticks, lots, 1e-8 units or Unix milliseconds."""
Small = Annotated[int, mapped_column(Integer)]
RunKey = Annotated[str, mapped_column(String(80), ForeignKey("runs.run_id"), primary_key=True)]


class Base(DeclarativeBase):
    """The declarative root."""


class RunRow(Base):
    """One session."""

    __tablename__ = "runs"

    run_id: Mapped[Id] = mapped_column(primary_key=True)
    kind: Mapped[Name]
    agent: Mapped[str] = mapped_column(Text)
    timeframe: Mapped[Name]
    symbols: Mapped[str] = mapped_column(Text)
    venue: Mapped[Name]
    quote: Mapped[Name]
    initial_cash: Mapped[Whole]
    plan: Mapped[str] = mapped_column(Text)
    synthetic: Mapped[bool]
    created_at: Mapped[Whole] = mapped_column(index=True)
    status: Mapped[Name]
    ended_at: Mapped[Whole | None]
    message: Mapped[str] = mapped_column(Text)


class SeenBarRow(Base):
    """One bar of one asset as it was seen."""

    __tablename__ = "seen_bars"

    run_id: Mapped[RunKey]
    open_time: Mapped[Whole] = mapped_column(primary_key=True)
    place: Mapped[Small] = mapped_column(primary_key=True)
    symbol: Mapped[Name]
    open: Mapped[Whole]
    high: Mapped[Whole]
    low: Mapped[Whole]
    close: Mapped[Whole]
    volume: Mapped[Whole]
    state: Mapped[Small]
    funding_open: Mapped[Whole]
    funding_inside: Mapped[Whole]
    seen_at: Mapped[Whole]
    chain: Mapped[str] = mapped_column(String(64))


class DecisionRow(Base):
    """One decision over all assets."""

    __tablename__ = "decisions"

    run_id: Mapped[RunKey]
    bar_time: Mapped[Whole] = mapped_column(primary_key=True)
    decided_at: Mapped[Whole]
    recorded_at: Mapped[Whole]
    equity: Mapped[Whole]


class AssetDecisionRow(Base):
    """What was decided for one asset."""

    __tablename__ = "asset_decisions"
    __table_args__ = (
        ForeignKeyConstraint(["run_id", "bar_time"], ["decisions.run_id", "decisions.bar_time"]),
    )

    run_id: Mapped[Id] = mapped_column(primary_key=True)
    bar_time: Mapped[Whole] = mapped_column(primary_key=True)
    place: Mapped[Small] = mapped_column(primary_key=True)
    symbol: Mapped[Name]
    action: Mapped[float | None] = mapped_column(Float(53))
    wanted: Mapped[Whole | None]
    current: Mapped[Whole]
    target_lots: Mapped[Whole | None]
    change: Mapped[Whole]
    verdict: Mapped[str] = mapped_column(Text)


class OrderRow(Base):
    """An intent and its state."""

    __tablename__ = "orders"

    client_order_id: Mapped[Id] = mapped_column(primary_key=True)
    run_id: Mapped[Id] = mapped_column(ForeignKey("runs.run_id"), index=True)
    place: Mapped[Whole]
    kind: Mapped[Name]
    purpose: Mapped[Name]
    account: Mapped[Id]
    symbol: Mapped[Name]
    side: Mapped[Small]
    lots: Mapped[Whole]
    closes: Mapped[Whole]
    decided_at: Mapped[Whole]
    attempt: Mapped[Small]
    state: Mapped[Name] = mapped_column(index=True)
    filled: Mapped[Whole]
    reason: Mapped[str] = mapped_column(Text)
    unknown_since: Mapped[Whole | None]
    venue_order_id: Mapped[Id]
    recorded_at: Mapped[Whole]
    updated_at: Mapped[Whole]


class FillRow(Base):
    """One execution."""

    __tablename__ = "fills"
    __table_args__ = (UniqueConstraint("run_id", "trade_id"),)

    run_id: Mapped[RunKey]
    sequence: Mapped[Whole] = mapped_column(primary_key=True)
    trade_id: Mapped[Id]
    client_order_id: Mapped[Id] = mapped_column(ForeignKey("orders.client_order_id"))
    symbol: Mapped[Name]
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


class LedgerEntryRow(Base):
    """One balanced entry."""

    __tablename__ = "ledger_entries"
    __table_args__ = (UniqueConstraint("run_id", "kind", "reference"),)

    run_id: Mapped[RunKey]
    sequence: Mapped[Whole] = mapped_column(primary_key=True)
    kind: Mapped[Name]
    reference: Mapped[Id]
    occurred_at: Mapped[Whole]
    recorded_at: Mapped[Whole]


class PostingRow(Base):
    """One leg of an entry."""

    __tablename__ = "ledger_postings"
    __table_args__ = (
        ForeignKeyConstraint(
            ["run_id", "sequence"], ["ledger_entries.run_id", "ledger_entries.sequence"]
        ),
    )

    run_id: Mapped[Id] = mapped_column(primary_key=True)
    sequence: Mapped[Whole] = mapped_column(primary_key=True)
    place: Mapped[Small] = mapped_column(primary_key=True)
    account: Mapped[Id]
    asset: Mapped[Name]
    amount: Mapped[Decimal] = mapped_column(ExactDecimal)


class EquityMarkRow(Base):
    """The account at one close."""

    __tablename__ = "equity_marks"

    run_id: Mapped[RunKey]
    bar_time: Mapped[Whole] = mapped_column(primary_key=True)
    marked_at: Mapped[Whole]
    recorded_at: Mapped[Whole]
    equity: Mapped[Whole]
    cash: Mapped[Whole]
    gross: Mapped[Whole]
    realised: Mapped[Whole]
    unrealised: Mapped[Whole]
    fees: Mapped[Whole]
    funding: Mapped[Whole]


class SnapshotRow(Base):
    """A state that is slow to rebuild."""

    __tablename__ = "snapshots"

    run_id: Mapped[RunKey]
    name: Mapped[Name] = mapped_column(primary_key=True)
    bar_time: Mapped[Whole]
    content: Mapped[bytes] = mapped_column(LargeBinary)
