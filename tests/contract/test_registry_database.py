"""The registry's tables as users, other processes and older databases meet them."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from mettle.adapters.persistence.sql import SqlModelRegistry, SqlStore
from mettle.application.learning.registry import CHALLENGER, CHAMPION
from mettle.domain.errors import InvalidValue
from sqlalchemy import create_engine, text
from tests.support.journal import run
from tests.support.registry import SIGN, failed, made, record


def ask(database: str | Path, words: str) -> list[tuple[object, ...]]:
    """Return what a user's own query finds."""
    url = str(database).replace("postgresql:", "postgresql+psycopg:")
    engine = create_engine(url if "://" in url else f"sqlite:///{url}")
    with engine.connect() as connection:
        found = [tuple(row) for row in connection.execute(text(words))]
    engine.dispose()
    return found


def test_users_ask_the_view(database: str | Path) -> None:
    """The view ``models`` has a line an attempt, with every documented column."""
    with SqlModelRegistry(database) as registry:
        made(registry, "m1", 1)
        made(registry, "m2", 2, sharpe=2.5, parents=("m1",))
        registry.register(record("m3", 3))
        registry.finish("m3", failed("NaN", "loss is nan"))
        registry.set_alias(CHAMPION, "m2", SIGN)
        registry.set_alias(CHALLENGER, "m2", SIGN)
    rows = ask(database, "SELECT name, sharpe, trades FROM models WHERE sharpe > 0 ORDER BY sharpe")
    assert rows == [("m1", 1.0, 30), ("m2", 2.5, 30)]
    rows = ask(
        database, "SELECT status, error_class, count(*) FROM models GROUP BY 1, 2 ORDER BY 1"
    )
    assert rows == [("completed", "", 2), ("failed", "NaN", 1)]
    ((aliases, parents),) = ask(database, "SELECT aliases, parents FROM models WHERE name = 'm2'")
    assert sorted(str(aliases).split(",")) == [CHALLENGER, CHAMPION]
    assert parents == '["m1"]'


def test_the_registry_shares_the_journals_database(database: str | Path) -> None:
    """Both open it, in any order, and find what they wrote."""
    with SqlStore(database) as store, SqlModelRegistry(database) as registry:
        made(registry, "m1")
        with store.writing() as unit:
            unit.runs.add(run())
            unit.commit()
        assert registry.get("m1").figures.sharpe == 1.0
    with SqlModelRegistry(database) as again:
        assert [one.model_id for one in again.list()] == ["m1"]


def test_one_of_many_registers_a_trial(database: str | Path) -> None:
    """Workers that begin the same attempt at once: one wins, the others are told."""
    SqlModelRegistry(database).close()
    won: list[str] = []
    lost: list[str] = []

    def work(name: str) -> None:
        with SqlModelRegistry(database) as registry:
            for trial in range(5):
                try:
                    registry.register(record(f"{name}-{trial}", trial))
                    won.append(name)
                except InvalidValue:
                    lost.append(name)

    workers = [threading.Thread(target=work, args=(f"w{index}",)) for index in range(4)]
    for one in workers:
        one.start()
    for one in workers:
        one.join()
    assert (len(won), len(lost)) == (5, 15)
    with SqlModelRegistry(database) as registry:
        assert sorted(one.trial for one in registry.list()) == [0, 1, 2, 3, 4]


def test_a_death_within_a_transaction_leaves_nothing(tmp_path: Path) -> None:
    """What was not committed is not there, and the next writer is not kept waiting."""
    with SqlModelRegistry(tmp_path / "mettle.db", lock_timeout_s=0.2) as registry:

        def die() -> None:
            with registry._transaction(writing=True) as rows:
                rows.add(record("m1"))
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            die()
        assert registry.find("m1") is None
        registry.register(record("m1"))
