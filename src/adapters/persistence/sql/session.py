"""One transaction: writes are gathered and sent table by table."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from ....domain.errors import NotFound, StorageError
from .columns import Base
from .database import Database, Lent
from .schema import ROWS
from .statements import Query, Row, Statement, Values, changing, inserting, putting

T = TypeVar("T")
Changed = tuple[type[Base], tuple[str, ...], tuple[str, ...]]

_PAGE = 256
"""Rows fetched at a time when a whole table is walked."""

_INSERTS = {row.__tablename__: inserting(row) for row in ROWS}
_PUTS = {row.__tablename__: putting(row) for row in ROWS}
_CHANGES: dict[Changed, Statement] = {}


class SqlSession:
    """A connection whose transaction begins with the first statement.

    Rows to insert and to change wait until a read, another write or the commit needs them, so that
    a bar costs one statement a table. Tables are written parents first. A session in which anything
    has failed commits nothing any more.
    """

    def __init__(self, database: Database, *, writing: bool) -> None:
        self._database = database
        self._writing = writing
        self._words = database.write if writing else database.read
        self._lent: Lent | None = None
        self._waiting: dict[str, list[Row | Values]] = {}
        self._changes: dict[Changed, list[Row]] = {}
        self._failed = False

    def insert(self, table: type[Base], rows: Sequence[Row]) -> None:
        """Add rows, at the latest by the next commit."""
        self.check_writing()
        self._waiting.setdefault(table.__tablename__, []).extend(rows)

    def append(self, table: type[Base], rows: Sequence[Values]) -> None:
        """Add rows whose values stand in the order of the table's columns, as :meth:`insert`."""
        self.check_writing()
        self._waiting.setdefault(table.__tablename__, []).extend(rows)

    def change(self, table: type[Base], key: Row, values: Row) -> None:
        """Change the row of a key, at the latest by the next commit; NotFound if there is none."""
        self.check_writing()
        changed = (table, tuple(key), tuple(values))
        bound = {f"key_{name}": value for name, value in key.items()}
        self._changes.setdefault(changed, []).append({**bound, **values})

    def put(self, table: type[Base], row: Row) -> None:
        """Add a row, or replace that of the same primary key."""
        self.write(_PUTS[table.__tablename__], row)

    def write(self, statement: Statement, values: Row) -> int:
        """Run a statement that writes; return how many rows it met."""
        self.check_writing()
        lent = self._begun()
        return self._guarded(lambda: lent.run(statement, [values]))

    def rows(self, query: Query, values: Row) -> Iterator[Mapping[str, Any]]:
        """Yield the rows of a query by column name."""
        names = query.names
        for row in self.tuples(query, values):
            yield dict(zip(names, row, strict=True))

    def tuples(self, query: Query, values: Row) -> Iterator[Values]:
        """Yield the rows of a query, values in the order of its columns."""
        lent = self._begun()
        found = self._guarded(lambda: lent.fetch(query, values))
        while page := self._guarded(lambda: found.page(_PAGE)):
            yield from page

    def records(
        self, query: Query, values: Row, convert: Callable[[Mapping[str, Any]], T]
    ) -> Iterator[T]:
        """Yield what the rows of a query stand for.

        Raises:
            StorageError: If a row stands for nothing.
        """
        for row in self.rows(query, values):
            yield converted(row, convert)

    def scalar(self, query: Query, values: Row) -> Any:
        """Return the first column of the first row, or None."""
        lent = self._begun()
        found = self._guarded(lambda: lent.fetch(query, values).page(1))
        return found[0][0] if found else None

    def check_writing(self) -> None:
        """Refuse to write in a unit that only reads, or in which something has failed."""
        if not self._writing:
            raise StorageError("this unit of work only reads", mend="use Store.writing()")
        if self._failed:
            raise StorageError(
                "something in this unit of work has failed", mend="begin another one"
            )

    def commit(self) -> None:
        """Write what waits and make it durable."""
        if self._failed:
            self.check_writing()
        if self._lent is None and not self._waiting and not self._changes:
            return
        lent = self._begun()
        try:
            lent.commit()
        except BaseException:
            self._failed = True
            raise

    def close(self) -> None:
        """Undo what was not committed and give the connection back."""
        self._waiting.clear()
        self._changes.clear()
        if self._lent is not None:
            lent, self._lent = self._lent, None
            self._database.take_back(lent)

    def _begun(self) -> Lent:
        """Return the connection within a transaction, with everything that waits written."""
        try:
            lent = self._lent
            if lent is None:
                lent = self._lent = self._database.lend()
            lent.begin(self._words)
            if self._waiting or self._changes:
                self._flush(lent)
        except BaseException:
            self._failed = True
            raise
        return lent

    def _guarded(self, act: Callable[[], T]) -> T:
        try:
            return act()
        except BaseException:
            self._failed = True
            raise

    def _flush(self, lent: Lent) -> None:
        waiting, self._waiting = self._waiting, {}
        changes, self._changes = self._changes, {}
        if len(waiting) == 1:
            ((name, rows),) = waiting.items()
            lent.run(_INSERTS[name], rows)
        elif waiting:
            for name, statement in _INSERTS.items():
                if found := waiting.get(name):
                    lent.run(statement, found)
        for changed, values in changes.items():
            met = lent.run(_change(changed), values)
            if met != len(values):
                name = changed[0].__tablename__
                raise NotFound(f"{name}: {len(values)} rows were to be changed, {met} were there")


def _change(changed: Changed) -> Statement:
    statement = _CHANGES.get(changed)
    if statement is None:
        table, key, columns = changed
        statement = _CHANGES[changed] = changing(table, key, columns)
    return statement


def converted(row: Mapping[str, Any], convert: Callable[[Mapping[str, Any]], T]) -> T:
    """Return what a row stands for.

    Raises:
        StorageError: If it stands for nothing.
    """
    try:
        return convert(row)
    except (ArithmeticError, KeyError, TypeError, ValueError) as error:
        raise StorageError(
            f"a row cannot be read, {error!r}: {dict(row)}",
            mend="restore a backup; the database was changed by something else",
        ) from error
