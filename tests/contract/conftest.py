"""The stores that one contract holds for: memory, SQLite, PostgreSQL."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from mettle.adapters.persistence.memory import MemoryStore
from mettle.adapters.persistence.registry import MemoryModelRegistry
from mettle.adapters.persistence.sql import SqlModelRegistry, SqlStore, schema
from mettle.application.ports.model_registry import ModelRegistry
from mettle.application.ports.unit_of_work import Store
from sqlalchemy import Connection, create_engine, inspect, text
from tests.support.journal import MakeStore, run
from tests.support.postgres import missing, postgres_server


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """Yield the URL of a PostgreSQL server: the one named, else one started for the tests."""
    named = os.environ.get("METTLE_TEST_POSTGRES_URL")
    if named:
        yield named
        return
    if reason := missing():
        pytest.skip(f"no PostgreSQL: {reason}")
    pytest.importorskip("psycopg")
    with postgres_server() as url:
        yield url


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str | Path:
    """Return where a database can be made: there is none yet."""
    if request.param == "sqlite":
        return tmp_path / "mettle.db"
    url: str = request.getfixturevalue("postgres")
    with _connection(url) as connection:
        _drop(connection)
    return url


@pytest.fixture(params=["memory", "sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MakeStore]:
    """Yield a way to open the same store again; memory gives back the same object."""
    opened: list[Store] = []
    if request.param == "memory":
        memory = MemoryStore(lock_timeout_s=0.2)
        yield lambda: memory
        return
    database: str | Path = tmp_path / "mettle.db"
    if request.param == "postgres":
        database = str(request.getfixturevalue("postgres"))
        with _connection(database) as connection:
            _empty(connection)

    def open_again() -> Store:
        opened.append(SqlStore(database, lock_timeout_s=0.2))
        return opened[-1]

    yield open_again
    for store in opened:
        store.close()


@pytest.fixture
def store(make: MakeStore) -> Store:
    """Return a store with one run in it."""
    made = make()
    with made.writing() as unit:
        unit.runs.add(run())
        unit.commit()
    return made


@pytest.fixture(params=["memory", "sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def registry(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ModelRegistry]:
    """Yield an empty model registry of each kind."""
    if request.param == "memory":
        yield MemoryModelRegistry()
        return
    database: str | Path = tmp_path / "mettle.db"
    if request.param == "postgres":
        database = str(request.getfixturevalue("postgres"))
        with _connection(database) as connection:
            _empty(connection)
    with SqlModelRegistry(database) as opened:
        yield opened


@contextmanager
def _connection(url: str) -> Iterator[Connection]:
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        yield connection
    engine.dispose()


def _empty(connection: Connection) -> None:
    """Empty the tables of this version, which costs less than making them; drop all others."""
    known = set(schema.Base.metadata.tables)
    if set(inspect(connection).get_table_names()) == known | {"alembic_version"}:
        connection.execute(text(f"TRUNCATE {', '.join(sorted(known))} CASCADE"))
    else:
        _drop(connection)


def _drop(connection: Connection) -> None:
    connection.execute(text("DROP SCHEMA public CASCADE"))
    connection.execute(text("CREATE SCHEMA public"))
