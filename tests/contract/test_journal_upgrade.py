"""A database of the first version, with orders on their way, becomes one of this version."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config
from mettle.adapters.persistence.sql import SqlStore, engine, migrate
from mettle.application.journal import (
    AssetDecision,
    DecisionRecord,
    EquityMark,
    FillRecord,
    OrderRecord,
    SeenBar,
)
from mettle.domain.errors import StorageError
from mettle.domain.market import Symbol
from mettle.domain.orders import (
    Expired,
    Filled,
    Open,
    Opening,
    OrderKind,
    OrderState,
    OrderTerms,
    Purpose,
    Reduction,
    Side,
    Submitting,
    intent_id,
)
from sqlalchemy import Connection, MetaData, Table
from tests.support.journal import write

BTC = Symbol.parse("BTC/USDT")
ETH = Symbol.parse("ETH/USDT:USDT")
ORDERS: tuple[tuple[Any, ...], ...] = (
    # id, run, place, kind, purpose, symbol, side, lots, state, filled, reason, venue's id
    ("o1", "r1", 0, "rebalance", "rebalance", "BTC/USDT", 1, 9, "filled", 9, "", "v1"),
    ("o2", "r1", 1, "exit", "trailing stop", "BTC/USDT", -1, 9, "filled", 9, "", ""),
    ("o3", "r2", 0, "exit", "rebalance", "BTC/USDT", -1, 4, "open", 0, "", "v3"),
    ("o4", "r1", 2, "rebalance", "rebalance", "ETH/USDT:USDT", -1, 7, "submitting", 0, "", ""),
    ("o5", "r1", 3, "exit", "ruin", "BTC/USDT", -1, 2, "expired", 1, "no volume", "v5"),
)


def first_version(database: str | Path) -> None:
    """Make a database of revision 0001 with two runs, their orders, fills and ledger."""
    opened = engine.open_engine(database)
    config = Config()
    config.set_main_option("script_location", str(Path(migrate.__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    with opened.connect() as fresh:
        connection = fresh.execution_options(**{engine.WRITING: True})
        with connection.begin():
            config.attributes["connection"] = connection
            command.upgrade(config, "0001")
            _fill_tables(connection)
    opened.dispose()


def _fill_tables(connection: Connection) -> None:
    for run in ("r1", "r2"):
        _put(
            connection, "runs", run, "paper", "ema-cross", "1h", "[]", "simulated", "USDT", 5, "{}",
            True, 5, "running", None, "",
        )  # fmt: skip
    for name, run, place, kind, purpose, symbol, side, lots, *state in ORDERS:
        _put(
            connection, "orders", name, run, place, kind, purpose, run, symbol, side, lots, 50, 1,
            *state, 60, 70,
        )  # fmt: skip
    for head, rest in (
        (("r1", 0, "t1", "o1", "BTC/USDT"), (1, 9, 3, 4, -17, 0, True, 2)),
        (("r1", 1, "t2", "o2", "BTC/USDT"), (-1, 9, 3, 4, 123456789012, 5, False, 2)),
        (("r2", 0, "t1", "o3", "ETH/USDT:USDT"), (-1, 1, 3, 4, 0, 0, False, 2)),
    ):
        _put(connection, "fills", *head, 100, 101, 102, *rest)
    for run in ("r1", "r2"):
        _put(connection, "seen_bars", run, 7, 0, "BTC/USDT", 1, 4, 1, 3, 9, 1, 0, 0, 8, "c")
        _put(connection, "decisions", run, 7, 8, 9, 5)
        _put(connection, "asset_decisions", run, 7, 0, "BTC/USDT", None, None, 0, None, 0, "hold")
        _put(connection, "equity_marks", run, 7, 8, 9, 5, 5, 0, 0, 0, 0, 0)
        _put(connection, "ledger_entries", run, 0, "fill", "fill:BTC/USDT:t1", 7, 8)
        _put(connection, "ledger_postings", run, 0, 0, "wallet", "USDT", "0.1")
        _put(connection, "ledger_postings", run, 0, 1, "fees", "USDT", "-0.1")


def _put(connection: Connection, name: str, *row: object) -> None:
    table = Table(name, MetaData(), autoload_with=connection)
    connection.execute(table.insert().values(row))


def order(
    name: str, run: str, intent: Opening | Reduction, state: OrderState, venue_id: str = ""
) -> OrderRecord:
    """Return the record that an old row became."""
    terms = OrderTerms(
        intent.symbol,
        intent.side,
        intent.lots,
        OrderKind.LAST_CLOSE if intent.purpose is Purpose.RUIN else OrderKind.NEXT_OPEN,
        reduce_only=isinstance(intent, Reduction),
    )
    sent = None if intent.purpose is Purpose.TRAILING_STOP else terms
    return OrderRecord(run, name, intent, state, 60, 70, 1, venue_id, terms=sent)


def test_nothing_is_lost(database: str | Path) -> None:
    """Every order, fill and posting is there, under the account that its run was."""
    first_version(database)
    rebalance = Opening("r1", ETH, Side.SELL, 7, 50)
    with SqlStore(database) as store, store.reading() as unit:
        expected = [
            order("o1", "r1", Opening("r1", BTC, Side.BUY, 9, 50), Filled(9), "v1"),
            order(
                "o2", "r1", Reduction("r1", BTC, Side.SELL, 9, 50, Purpose.TRAILING_STOP), Filled(9)
            ),
            order("o4", "r1", rebalance, Submitting()),
            order(
                "o5", "r1", Reduction("r1", BTC, Side.SELL, 2, 50, Purpose.RUIN),
                Expired(1, "no volume"), "v5",
            ),
        ]  # fmt: skip
        assert list(unit.orders.since("r1", 0)) == expected
        assert list(unit.orders.possibly_live("r1")) == [expected[2]]
        assert list(unit.orders.of_intent("r1", intent_id(rebalance))) == [expected[2]]
        kept = order(
            "o3", "r2", Reduction("r2", BTC, Side.SELL, 4, 50, Purpose.REBALANCE), Open(), "v3"
        )
        assert list(unit.orders.live("r2")) == [kept]
        assert list(unit.fills.all("r1")) == [
            fill("t1", 0, "o1", 1, -17, 0, maker=True, paid="-0.00000017"),
            fill("t2", 1, "o2", -1, 123456789012, 5, maker=False, paid="1234.56789012"),
        ]
        assert next(iter(unit.fills.all("r2"))).fee_asset == "USDT"
        for account in ("r1", "r2"):
            assert unit.ledger.balances(account) == {
                ("wallet", "USDT"): Decimal("0.1"), ("fees", "USDT"): Decimal("-0.1"),
            }  # fmt: skip
        assert [one.run_id for one in unit.runs.latest(5)] == ["r2", "r1"]
        decided = AssetDecision("BTC/USDT", None, None, 0, None, 0, "hold")
        for run in ("r1", "r2"):
            seen = SeenBar(run, "BTC/USDT", 7, 1, 4, 1, 3, 9, 1, 0, 0, 8, "c")
            assert list(unit.bars.after(run, None)) == [seen]
            assert unit.decisions.latest(run, 5) == [DecisionRecord(run, 7, 8, 9, 5, (decided,))]
            assert unit.marks.last(run) == EquityMark(run, 7, 8, 9, 5, 5, 0, 0, 0, 0, 0)


def fill(
    trade: str, sequence: int, order_id: str, side: int, fee: int, realised: int, *,
    maker: bool, paid: str,
) -> FillRecord:  # fmt: skip
    """Return the record that an old fill became."""
    return FillRecord(
        "r1", sequence, trade, order_id, "BTC/USDT", 100, 101, 102, side, 9, 3, 4, fee, realised,
        maker, 2, "USDT", Decimal(paid),
    )  # fmt: skip


def test_an_upgraded_journal_goes_on(database: str | Path) -> None:
    """New orders come after the old ones, and what is unique stays so."""
    first_version(database)
    with SqlStore(database) as store:
        late = order("o9", "r1", Opening("r1", BTC, Side.BUY, 1, 90), Submitting())
        with store.writing() as unit:
            unit.orders.add(late)
            unit.commit()
            assert unit.orders.latest("r1", 1) == [late]
            assert unit.fills.next_sequence("r1") == 2
        again = fill("t1", 5, "o1", 1, 0, 0, maker=False, paid="0")
        with pytest.raises(StorageError, match="already written"):
            write(store, lambda unit: unit.fills.add(again))


def test_a_failed_upgrade_leaves_the_first_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An upgrade that dies half-way is undone whole; the next opening makes it."""
    database = tmp_path / "mettle.db"
    first_version(database)
    before = contents(database)
    original: Callable[..., object] = migrate._upgrade

    def dies(*given: object) -> None:
        original(*given)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(migrate, "_upgrade", dies)
        with pytest.raises(KeyboardInterrupt):
            SqlStore(database)
    assert contents(database) == before
    SqlStore(database).close()
    assert contents(database) != before


def contents(database: Path) -> list[str]:
    """Return a database as SQL."""
    with sqlite3.connect(database) as connection:
        lines = list(connection.iterdump())
    connection.close()
    return lines
