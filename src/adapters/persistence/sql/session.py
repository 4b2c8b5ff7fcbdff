"""One transaction: writes are gathered and sent table by table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import cache
from typing import Any

from sqlalchemy import Connection, Engine, Executable, Table, Update, bindparam, insert, update
from sqlalchemy.dialects import postgresql, sqlite

from ....domain.errors import NotFound, StorageError
from .codec import Row
from .engine import WRITING, translated
from .schema import Base

_PAGE = 2_000
"""Rows fetched at a time when a whole table is walked."""

_TABLES = tuple(Base.metadata.sorted_tables)
"""Parents first."""
_BY_NAME = {table.name: table for table in _TABLES}

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
        self._waiting: dict[str, list[Row]] = {}
        self._updates: dict[tuple[str, tuple[str, ...]], list[Row]] = {}

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

    def insert(self, table: type[Base], rows: Sequence[Row]) -> None:
        """Add rows, at the latest by the next commit."""
        self.check_writing()
        self._waiting.setdefault(table.__tablename__, []).extend(rows)

    def update(self, table: type[Base], key: Row, values: Row) -> None:
        """Change the row of a key, at the latest by the next commit; NotFound if there is none."""
        self.check_writing()
        changed = (table.__tablename__, tuple(key))
        self._updates.setdefault(changed, []).append({**_bound(key), **values})

    def put(self, table: type[Base], row: Row) -> None:
        """Add a row, or replace that of the same primary key."""
        self.check_writing()
        with self.translated():
            connection = self.connection()
            connection.execute(_put_of(_BY_NAME[table.__tablename__], connection.dialect.name), row)

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
            for (name, keys), rows in updates.items():
                statement = _update_of(_BY_NAME[name], keys)
                met = connection.execute(statement, rows).rowcount
                if met != len(rows):
                    raise NotFound(f"{name}: {len(rows)} rows were to be changed, {met} were there")


def _bound(key: Row) -> Row:
    return {f"key_{name}": value for name, value in key.items()}


@cache
def _update_of(table: Table, keys: tuple[str, ...]) -> Update:
    return update(table).where(*(table.c[key] == bindparam(f"key_{key}") for key in keys))


@cache
def _put_of(table: Table, dialect: str) -> Executable:
    keys = [column.name for column in table.primary_key]
    rest = [column.name for column in table.columns if column.name not in keys]
    if dialect == "postgresql":
        on_postgres = postgresql.insert(table)
        values = {name: on_postgres.excluded[name] for name in rest}
        return on_postgres.on_conflict_do_update(index_elements=keys, set_=values)
    on_sqlite = sqlite.insert(table)
    values = {name: on_sqlite.excluded[name] for name in rest}
    return on_sqlite.on_conflict_do_update(index_elements=keys, set_=values)
