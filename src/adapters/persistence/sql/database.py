"""Connections of one database: lent out, begun, committed, and given back."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any, cast

from sqlalchemy import Engine, PoolProxiedConnection
from sqlalchemy.engine.interfaces import DBAPICursor

from ....domain.errors import StorageError
from .engine import begin_words, storage_error, translated
from .statements import Query, Row, Statement, Values

_KEPT = 8
"""Connections that wait for the next unit; those of a crowd are closed after it."""


class Found:
    """The rows of a query that are still to be fetched; its transaction's end is theirs, too."""

    def __init__(self, lent: Lent, cursor: DBAPICursor) -> None:
        self._lent = lent
        self._cursor = cursor
        self._over = False

    def page(self, size: int) -> Sequence[tuple[Any, ...]]:
        """Return the next rows, none at the end."""
        if self._over:
            return ()
        try:
            rows = self._cursor.fetchmany(size)
        except self._lent.errors as error:
            raise self._lent.error(error) from error
        if len(rows) < size:
            self._over = True
            self.close()
        return rows

    def close(self) -> None:
        """Fetch no more; whoever asks for more rows nevertheless gets an error, not an end."""
        self._lent.fetching.discard(self)
        self._cursor.close()


class Lent:
    """A connection while one unit of work has it."""

    def __init__(self, connection: PoolProxiedConnection, engine: Engine) -> None:
        self._connection = connection
        # The driver's own: the pool's proxy looks each method up anew.
        self._plain = cast("Any", connection.dbapi_connection)
        self._engine = engine
        self._dialect = engine.dialect
        self._cursor: DBAPICursor = self._plain.cursor()
        self._begun = False
        self._touched = False
        self.broken = False
        self.fetching: set[Found] = set()
        self.errors = (engine.dialect.loaded_dbapi.Error, OverflowError)

    def begin(self, words: str) -> None:
        """Begin a transaction, if none has begun."""
        if not self._begun:
            self._touched = True
            try:
                self._cursor.execute(words)
            except self.errors as error:
                raise self.error(error) from error
            self._begun = True

    def run(self, statement: Statement, rows: Sequence[Row | Values]) -> int:
        """Run a statement for each row; return how many rows it met."""
        compiled = statement.on(self._dialect)
        try:
            if len(rows) == 1:
                self._cursor.execute(compiled.sql, compiled.bind(rows[0]))
            else:
                bound: list[Any] = [compiled.bind(row) for row in rows]
                self._cursor.executemany(compiled.sql, bound)
        except self.errors as error:
            raise self.error(error) from error
        return self._cursor.rowcount

    def fetch(self, query: Query, values: Row) -> Found:
        """Run a query; several may be fetched from side by side."""
        compiled = query.on(self._dialect)
        cursor: DBAPICursor = self._plain.cursor()
        try:
            cursor.execute(compiled.sql, compiled.bind(values))
        except self.errors as error:
            raise self.error(error) from error
        found = Found(self, cursor)
        self.fetching.add(found)
        return found

    def commit(self) -> None:
        """Commit; the next statement begins anew."""
        self._let_go()
        try:
            self._plain.commit()
        except self.errors as error:
            raise self.error(error) from error
        self._begun = self._touched = False

    def undo(self) -> None:
        """Undo what was not committed; a connection that cannot is broken."""
        if not self._touched:
            return
        self._begun = self._touched = False
        try:
            self._let_go()
            self._plain.rollback()
        except self.errors:
            # What was not committed goes with the connection.
            self.broken = True

    def _let_go(self) -> None:
        """Fetch no more from any query.

        One that was left half-way, by an error for example, would keep SQLite's connection at what
        the database was then: once another writes, this one never could again.
        """
        for found in tuple(self.fetching):
            found.close()

    def close(self) -> None:
        """Close the connection."""
        self._connection.invalidate()

    def error(self, error: Exception) -> StorageError:
        """Return the driver's error as ours."""
        if isinstance(error, self._dialect.loaded_dbapi.Error):
            self.broken |= self._dialect.is_disconnect(error, self._plain, None)
        return storage_error(self._engine, error)


class Database:
    """Lends the connections of an engine, the one given back last first.

    The pool of SQLAlchemy would do the same at the price of half a transaction. The last connection
    still has the pages of the file, and no other has written since.
    """

    def __init__(self, engine: Engine, *, lock_timeout_s: float) -> None:
        self._engine = engine
        backend = engine.dialect.name
        self.read = begin_words(backend, lock_timeout_s, writing=False)
        self.write = begin_words(backend, lock_timeout_s, writing=True)
        self._idle: list[Lent] = []

    def lend(self) -> Lent:
        """Return a connection for one unit of work."""
        # One atomic step: several threads may ask at once.
        with suppress(IndexError):
            return self._idle.pop()
        with translated(self._engine):
            return Lent(self._engine.raw_connection(), self._engine)

    def take_back(self, lent: Lent) -> None:
        """Undo what was not committed, and keep the connection for the next unit."""
        lent.undo()
        if lent.broken or len(self._idle) >= _KEPT:
            lent.close()
        else:
            self._idle.append(lent)

    def close(self) -> None:
        """Close every connection that is not lent."""
        while self._idle:
            self._idle.pop().close()
        self._engine.dispose()
