"""Opening a database so that what was committed is on the disk."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from ....domain.errors import ConfigError, StorageError

WRITING = "mettle_writing"
"""Execution option of a connection whose transactions take the write lock at once."""

_SMALLEST = 512
"""Bytes of a database of one page of the smallest size."""

_NO_LIMIT = -1
"""As many connections as units of work at once: none waits half a minute for another's end."""

_WRITER_LOCK = 0x6D6574746C65
"""PostgreSQL's advisory lock of the one writer."""


def open_engine(
    database: str | Path, *, lock_timeout_s: float = 5.0, durable: bool = True
) -> Engine:
    """Return an engine for a file of SQLite or for a URL.

    SQLite runs with a write-ahead log, a full sync at each commit, and foreign keys on.

    Args:
        durable: False leaves the sync out; see :class:`~.store.ThrowawaySqlStore`.

    Raises:
        ConfigError: If the URL names neither SQLite nor PostgreSQL.
    """
    text = str(database)
    try:
        url = make_url(text) if "://" in text else URL.create("sqlite", database=text)
    except ArgumentError as error:
        raise ConfigError(f"not a database URL: {text!r}", mend="see `mettle config`") from error
    backend = url.get_backend_name()
    if backend == "sqlite":
        engine = _open_sqlite(url, lock_timeout_s, durable=durable)
    elif backend == "postgresql":
        engine = _open_postgres(url, durable=durable)
    else:
        raise ConfigError(
            f"the database must be SQLite or PostgreSQL, was {backend}",
            mend="give a path, or a URL such as postgresql://user@host/name",
        )
    # A pool that is interrupted while it closes would print a traceback of its own.
    logging.getLogger("sqlalchemy.pool").addHandler(logging.NullHandler())
    reading = begin_words(backend, lock_timeout_s, writing=False)
    writing = begin_words(backend, lock_timeout_s, writing=True)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get(WRITING, False)
        connection.exec_driver_sql(writing if writes else reading)

    return engine


def begin_words(backend: str, lock_timeout_s: float, *, writing: bool) -> str:
    """Return what begins a transaction: writers take the one write lock at once."""
    if backend == "sqlite":
        return "BEGIN IMMEDIATE" if writing else "BEGIN"
    if not writing:
        return "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"
    wait = int(lock_timeout_s * 1000)
    return f"SET LOCAL lock_timeout = {wait}; SELECT pg_advisory_xact_lock({_WRITER_LOCK})"


def _open_sqlite(url: URL, lock_timeout_s: float, *, durable: bool) -> Engine:
    if not url.database or url.database == ":memory:":
        raise ConfigError(
            "a database in memory keeps no journal", mend="give a path, such as mettle.db"
        )
    _refuse_other_files(Path(url.database))
    # The driver's own transactions would begin late and read-only; ours begin with BEGIN IMMEDIATE.
    engine = create_engine(
        url,
        connect_args={
            "timeout": lock_timeout_s,
            "isolation_level": None,
            "check_same_thread": False,
        },
        max_overflow=_NO_LIMIT,
    )
    synchronous = "FULL" if durable else "OFF"

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _: Any) -> None:
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", f"synchronous={synchronous}", "foreign_keys=ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    return engine


def _refuse_other_files(database: Path) -> None:
    """Refuse a file too short for a database: SQLite would take it for empty and write over it.

    It is not opened: closing it again would drop every lock that this process holds on it, and
    other processes would write into what is being written (https://sqlite.org/howtocorrupt.html).
    What is longer and something else SQLite refuses itself.

    Raises:
        StorageError: If it is neither empty nor as long as the smallest database.
    """
    try:
        size = database.stat().st_size
    except OSError:
        return  # what cannot be read SQLite tells
    if 0 < size < _SMALLEST:
        raise StorageError(
            f"{database}: file is not a database, it has {size} bytes",
            mend="restore a backup, or move it away to begin with an empty journal",
        )


def _open_postgres(url: URL, *, durable: bool) -> Engine:
    if url.drivername == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
    options = {} if durable else {"options": "-c synchronous_commit=off"}
    try:
        return create_engine(url, connect_args=options, max_overflow=_NO_LIMIT)
    except ImportError as error:
        raise ConfigError(
            "PostgreSQL needs the psycopg driver", mend="pip install 'mettle-trader[postgres]'"
        ) from error


@contextmanager
def translated(engine: Engine) -> Iterator[None]:
    """Turn every error of the driver into a StorageError that says what to do."""
    try:
        yield
    except (SQLAlchemyError, OverflowError, engine.dialect.loaded_dbapi.Error) as error:
        raise storage_error(engine, error) from error


def place_of(engine: Engine) -> str:
    """Return what people call a database: a file's path, or a URL without its password."""
    if engine.dialect.name == "sqlite" and engine.url.database:
        return engine.url.database
    return engine.url.render_as_string(hide_password=True)


def storage_error(engine: Engine, error: Exception) -> StorageError:
    """Return an error of the driver, wrapped by SQLAlchemy or not, as ours."""
    name = place_of(engine)
    if isinstance(error, DBAPIError) and isinstance(error.orig, Exception):
        error = error.orig
    if isinstance(error, engine.dialect.loaded_dbapi.IntegrityError):
        return StorageError(f"{name}: already written, or without its parent: {error}")
    return StorageError(f"{name}: {error}", mend=_mend(str(error)))


_SERVER = "see that the database server runs, then start again: what it has kept is read first"


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
        "input/output error": "check the disk; nothing of the last step was kept",
        "terminating connection": _SERVER,
        "server closed the connection": _SERVER,
        "connection is closed": _SERVER,
        "connection refused": _SERVER,
        "malformed": "restore a backup; the file is damaged",
        "not a database": "restore a backup; the file is not a mettle database",
        "unable to open": "check that the folder exists and is writable",
    }
    return next((mend for cause, mend in causes.items() if cause in text), "")
