"""Opening a database so that what was committed is on the disk."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, IntegrityError, SQLAlchemyError

from ....domain.errors import ConfigError, StorageError

WRITING = "mettle_writing"
"""Execution option of a connection whose transactions take the write lock at once."""

_WRITER_LOCK = 0x6D6574746C65
"""PostgreSQL's advisory lock of the one writer."""


def open_engine(database: str | Path, *, lock_timeout_s: float = 5.0) -> Engine:
    """Return an engine for a file of SQLite or for a URL.

    SQLite runs with a write-ahead log, a full sync at each commit, and foreign keys on.

    Raises:
        ConfigError: If the URL names neither SQLite nor PostgreSQL.
    """
    text = str(database)
    try:
        url = make_url(text) if "://" in text else URL.create("sqlite", database=text)
    except ArgumentError as error:
        raise ConfigError(f"not a database URL: {text!r}", mend="see `mettle config`") from error
    if url.get_backend_name() == "sqlite":
        return _open_sqlite(url, lock_timeout_s)
    if url.get_backend_name() == "postgresql":
        return _open_postgres(url, lock_timeout_s)
    raise ConfigError(
        f"the database must be SQLite or PostgreSQL, was {url.get_backend_name()}",
        mend="give a path, or a URL such as postgresql://user@host/name",
    )


def _open_sqlite(url: URL, lock_timeout_s: float) -> Engine:
    # The driver's own transactions would begin late and read-only; ours begin with BEGIN IMMEDIATE.
    engine = create_engine(
        url,
        connect_args={
            "timeout": lock_timeout_s,
            "isolation_level": None,
            "check_same_thread": False,
        },
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _: Any) -> None:
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writing = connection.get_execution_options().get(WRITING, False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")

    return engine


def _open_postgres(url: URL, lock_timeout_s: float) -> Engine:
    if url.drivername == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
    try:
        engine = create_engine(url)
    except ImportError as error:
        raise ConfigError(
            "PostgreSQL needs the psycopg driver", mend="pip install 'mettle-trader[postgres]'"
        ) from error

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        if connection.get_execution_options().get(WRITING, False):
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = {int(lock_timeout_s * 1000)}")
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_WRITER_LOCK})")
        else:
            connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")

    return engine


@contextmanager
def translated(database: str) -> Iterator[None]:
    """Turn every error of the driver into a StorageError that says what to do.

    Args:
        database: What to call the database in the message, without a password.
    """
    try:
        yield
    except IntegrityError as error:
        raise StorageError(
            f"{database}: already written, or without its parent: {error.orig}"
        ) from error
    except DBAPIError as error:
        detail = str(error.orig)
        raise StorageError(f"{database}: {detail}", mend=_mend(detail)) from error
    except (SQLAlchemyError, OverflowError) as error:
        raise StorageError(f"{database}: {error}") from error


def _mend(detail: str) -> str:
    text = detail.lower()
    causes = {
        "readonly": "make the file and its folder writable, or name another with --workspace",
        "read-only": "make the file and its folder writable, or name another with --workspace",
        "locked": "end the other `mettle` process that writes to it, or wait for it",
        "lock timeout": "end the other `mettle` process that writes to it, or wait for it",
        "full": "free some disk space; nothing of the last step was kept",
        "disk i/o": "free some disk space or check the disk; nothing of the last step was kept",
        "no space": "free some disk space; nothing of the last step was kept",
        "malformed": "restore a backup; the file is damaged",
        "not a database": "restore a backup; the file is not a mettle database",
        "unable to open": "check that the folder exists and is writable",
    }
    return next((mend for cause, mend in causes.items() if cause in text), "")
