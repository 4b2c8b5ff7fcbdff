"""One transaction: writes are gathered and sent table by table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import cache
from typing import Any

from sqlalchemy import Connection, Engine, Executable, Table, Update, bindparam, insert, update

from ....domain.errors import StorageError
from .engine import WRITING, translated
from .tables import Base

_PAGE = 2_000
"""Rows fetched at a time when a whole table is walked."""

_TABLES = tuple(Base.metadata.sorted_tables)
"""Parents first."""

_INSERTS = {table.name: insert(table) for table in _TABLES}


class SqlSession:
    """A connection whose transaction begins with the first statement.

    Rows to insert wait until a read, an update or the commit needs them, so that a bar costs one
    statement a table. Tables are written parents first.
    """

    def __init__(self, engine: Engine, *, writing: bool) -> None:
        self._engine = engine
        self._writing = writing
        self._name = engine.url.render_as_string(hide_password=True)
        self._connection: Connection | None = None
        self._waiting: dict[str, list[dict[str, Any]]] = {}
        self._updates: dict[str, list[dict[str, Any]]] = {}

    def translated(self) -> AbstractContextManager[None]:
        """Turn the driver's errors into ours while the block runs."""
        return translated(self._name)

    def connection(self) -> Connection:
        """Return the connection, with everything that waits written."""
        if self._connection is None:
            with self.translated():
                fresh = self._engine.connect()
                self._connection = fresh.execution_options(**{WRITING: self._writing})
        self._flush(self._connection)
        return self._connection

    def insert(self, table: type[Base], rows: Sequence[dict[str, Any]]) -> None:
        """Add rows, at the latest by the next commit."""
        self.check_writing()
        self._waiting.setdefault(table.__tablename__, []).extend(rows)

    def update(self, table: type[Base], rows: Sequence[dict[str, Any]]) -> None:
        """Change rows by primary key; a later change of the same row wins."""
        self.check_writing()
        self._updates.setdefault(table.__tablename__, []).extend(rows)

    def execute(self, statement: Executable) -> int:
        """Run a statement that writes; return how many rows it met."""
        self.check_writing()
        with self.translated():
            return self.connection().execute(statement).rowcount

    def rows(self, statement: Executable) -> Iterator[Mapping[str, Any]]:
        """Yield the rows of a query by column name."""
        with self.translated():
            result = self.connection().execute(statement).mappings()
            while page := result.fetchmany(_PAGE):
                for row in page:
                    yield dict(row)

    def scalar(self, statement: Executable) -> Any:
        """Return the first column of the first row, or None."""
        with self.translated():
            return self.connection().execute(statement).scalar()

    def check_writing(self) -> None:
        """Refuse to write in a unit that only reads."""
        if not self._writing:
            raise StorageError("this unit of work only reads", mend="use Store.writing()")

    def commit(self) -> None:
        """Write what waits and make it durable."""
        if self._connection is None and not self._waiting and not self._updates:
            return
        connection = self.connection()
        with self.translated():
            connection.commit()

    def close(self) -> None:
        """Undo what was not committed and give the connection back."""
        self._waiting.clear()
        self._updates.clear()
        if self._connection is not None:
            connection, self._connection = self._connection, None
            with self.translated():
                connection.close()

    def _flush(self, connection: Connection) -> None:
        if not self._waiting and not self._updates:
            return
        waiting, self._waiting = self._waiting, {}
        updates, self._updates = self._updates, {}
        with self.translated():
            for table in _TABLES:
                if rows := waiting.get(table.name):
                    connection.execute(_INSERTS[table.name], rows)
            for table in _TABLES:
                if rows := updates.get(table.name):
                    _update(connection, table, rows)


@cache
def _update_of(table: Table, names: tuple[str, ...]) -> Update:
    """Return the statement that sets all of ``names`` but the primary key, by primary key."""
    keys = {column.name for column in table.primary_key}
    statement = update(table)
    for key in sorted(keys):
        statement = statement.where(table.c[key] == bindparam(f"key_{key}"))
    return statement.values({name: bindparam(f"new_{name}") for name in names if name not in keys})


def _update(connection: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    keys = {column.name for column in table.primary_key}
    bound = [
        {(f"key_{name}" if name in keys else f"new_{name}"): value for name, value in row.items()}
        for row in rows
    ]
    met = connection.execute(_update_of(table, tuple(rows[0])), bound).rowcount
    if met != len(rows):
        raise StorageError(
            f"{table.name}: {len(rows)} rows were to be changed, {met} were there",
            mend="restore a backup; rows have been taken away by something else",
        )
