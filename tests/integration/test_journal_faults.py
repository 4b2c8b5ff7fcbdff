"""Disks and databases that fail: a typed error with a mend, and nothing half written."""

from __future__ import annotations

import os
import resource
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from mettle.adapters.persistence.sql import SqlStore, engine, migrate, schema
from mettle.application.journal import RunStatus
from mettle.application.ports.unit_of_work import Store
from mettle.domain.errors import ConfigError, StorageError
from mettle.domain.simulation import SimulationSettings
from sqlalchemy import create_engine
from tests.support.lockstep import read
from tests.support.sessions import RUN, Moody, panel, session, start_of


def run_session(store: Store) -> None:
    """Run a session of a hundred bars."""
    market, agent = panel(100), Moody()
    session(market, agent, SimulationSettings(), store, start=start_of(market, agent)).run()


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Let no file grow beyond ``size`` bytes: what a full disk does to a database."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("room", [150_000, 250_000, 400_000])
def test_a_full_disk_leaves_whole_bars(tmp_path: Path, room: int) -> None:
    """Wherever the disk fills up, what is on it is a run up to some bar, and it goes on later."""
    with SqlStore(tmp_path / "whole.db") as store:
        run_session(store)
        whole = read(store)
    database = tmp_path / "mettle.db"
    full = pytest.raises(StorageError, match="free some disk space")
    with SqlStore(database) as store, largest_file(room), full:
        run_session(store)
    with SqlStore(database) as store:
        kept = read(store)
        assert kept.marks == whole.marks[: len(kept.marks)]
        assert len(kept.decisions) == len(kept.marks) < len(whole.marks)
        run_session(store)
        assert read(store) == whole


@contextmanager
def write_protected(folder: Path) -> Iterator[None]:
    """Take the right to write to a folder and its files away; root gives itself up meanwhile."""
    root = os.geteuid() == 0
    for path in folder.iterdir():
        path.chmod(0o444)
    folder.chmod(0o555)
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)
        folder.chmod(0o755)


def test_a_read_only_database_is_a_storage_error() -> None:
    """A file that may not be written says so, and stays as it was."""

    def end_run(database: Path) -> None:
        with SqlStore(database) as store, store.writing() as unit:
            unit.runs.set_status(RUN, RunStatus.STOPPED, 1)
            unit.commit()

    with tempfile.TemporaryDirectory() as name:
        database = Path(name) / "mettle.db"
        with SqlStore(database) as store:
            run_session(store)
        content = database.read_bytes()
        with write_protected(Path(name)), pytest.raises(StorageError, match="writable"):
            end_run(database)
        assert database.read_bytes() == content
        end_run(database)


def test_a_locked_database_is_a_storage_error(tmp_path: Path) -> None:
    """A writer of another process is waited for, then named."""
    database = tmp_path / "mettle.db"
    with SqlStore(database, lock_timeout_s=0.1) as store:
        other = sqlite3.connect(database, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageError, match="end the other"):
            run_session(store)
        other.execute("ROLLBACK")
        other.close()
        run_session(store)


def test_what_is_no_database_is_refused(tmp_path: Path) -> None:
    """A file of another kind, a folder that does not exist and a foreign URL are named."""
    file = tmp_path / "mettle.db"
    file.write_bytes(b"not a database at all" * 100)
    with pytest.raises(StorageError, match="not a database"):
        SqlStore(file)
    with pytest.raises(StorageError, match="folder exists"):
        SqlStore(tmp_path / "nowhere" / "mettle.db")
    with pytest.raises(ConfigError, match="SQLite or PostgreSQL"):
        SqlStore("mysql://somewhere/else")
    with pytest.raises(ConfigError, match="not a database URL"):
        SqlStore("://")


@pytest.mark.parametrize("content", [b"\0", b"x", b"SQLite format 3", b"SQLite format 4\0" * 9])
def test_a_stump_is_not_written_over(tmp_path: Path, content: bytes) -> None:
    """SQLite takes what is shorter than its header for an empty file; an empty one is taken."""
    file = tmp_path / "mettle.db"
    file.write_bytes(content)
    with pytest.raises(StorageError, match="not a database") as refused:
        SqlStore(file)
    assert "move it away" in refused.value.mend
    assert file.read_bytes() == content
    file.write_bytes(b"")
    SqlStore(file).close()


def test_a_newer_database_is_refused(tmp_path: Path) -> None:
    """A database of a later version is left alone, and the message says to upgrade."""
    database = tmp_path / "mettle.db"
    SqlStore(database).close()
    with sqlite3.connect(database) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    content = database.read_bytes()
    with pytest.raises(StorageError, match="upgrade mettle"):
        SqlStore(database)
    assert database.read_bytes() == content


def test_the_migrations_make_the_tables(tmp_path: Path) -> None:
    """What the scripts build is what the code maps, and HEAD is the last script."""
    database = tmp_path / "mettle.db"
    SqlStore(database).close()
    plain = create_engine(f"sqlite:///{database}")
    with plain.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, schema.Base.metadata) == []
    plain.dispose()
    config = Config()
    config.set_main_option("script_location", str(Path(migrate.__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    assert ScriptDirectory.from_config(config).get_heads() == [migrate.HEAD]


def test_a_bar_is_written_once(tmp_path: Path) -> None:
    """What is added for every bar lies in the tree of its key, and in no second one."""
    database = tmp_path / "mettle.db"
    SqlStore(database).close()
    with sqlite3.connect(database) as connection:
        found = connection.execute("SELECT name FROM pragma_table_list WHERE wr").fetchall()
    connection.close()
    assert sorted(found) == [
        ("asset_decisions",),
        ("decisions",),
        ("equity_marks",),
        ("seen_bars",),
    ]


def test_a_failed_migration_leaves_nothing(tmp_path: Path) -> None:
    """A migration that runs out of disk is undone whole; with room it works."""
    database = tmp_path / "mettle.db"
    with largest_file(20_000), pytest.raises(StorageError):
        SqlStore(database)
    with sqlite3.connect(database) as connection:
        found = connection.execute("SELECT name FROM sqlite_master").fetchall()
    connection.close()
    assert found == []
    SqlStore(database).close()


def test_a_commit_is_on_the_disk(tmp_path: Path) -> None:
    """The write-ahead log is on, each commit is synced in full, foreign keys hold."""
    opened = engine.open_engine(tmp_path / "mettle.db")
    with opened.connect() as connection:
        pragmas = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys")
        }
    opened.dispose()
    assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


def test_no_column_is_a_float_of_money() -> None:
    """No amount, price or quantity is kept as a real number; only actions and statistics are."""
    floats = [
        f"{table.name}.{column.name}"
        for table in schema.Base.metadata.sorted_tables
        for column in table.columns
        if column.type.__class__.__name__ in {"Float", "Numeric", "Double", "REAL"}
    ]
    statistics = {"sharpe", "sharpe_low", "sharpe_high", "total_return", "max_drawdown"}
    figures = {f"model_records.{name}" for name in statistics | {"duration_s"}}
    assert set(floats) - figures == {"asset_decisions.action"}
