"""The tables of a run. Money is whole 1e-8 units or exact text, times are integers."""

from __future__ import annotations

from typing import Annotated

from sqlalchemy import Float, ForeignKey, ForeignKeyConstraint, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from .columns import Base, Id, Name, Small, Whole

RunKey = Annotated[str, mapped_column(String(80), ForeignKey("runs.run_id"), primary_key=True)]

_IN_THE_KEY = {"sqlite_with_rowid": False}
"""Rows lie in the tree of their key: each bar is written once, not beside an index too."""


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
    __table_args__ = _IN_THE_KEY

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
    __table_args__ = _IN_THE_KEY

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
        _IN_THE_KEY,
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


class EquityMarkRow(Base):
    """The account at one close."""

    __tablename__ = "equity_marks"
    __table_args__ = _IN_THE_KEY

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
