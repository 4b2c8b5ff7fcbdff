"""Statements that are built once, compiled once a dialect, and run by the driver itself.

SQLAlchemy's own execution costs about ten times what SQLite needs for the same row, so it writes
the SQL and keeps the connections, and the driver does the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any

from sqlalchemy import (
    BindParameter,
    Dialect,
    SelectBase,
    UpdateBase,
    bindparam,
    delete,
    insert,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.compiler import SQLCompiler

from .columns import Base

Row = dict[str, Any]
Values = tuple[Any, ...]
"""A row whose values stand in the order of the statement's columns."""
Parameters = Row | Values
Sql = SelectBase | UpdateBase


class Compiled:
    """One statement in the words of one dialect."""

    def __init__(self, statement: Sql, columns: Sequence[str], dialect: Dialect) -> None:
        compiled = statement.compile(dialect=dialect, column_keys=list(columns) or None)
        if not isinstance(compiled, SQLCompiler):
            raise TypeError(f"{statement} is not SQL")
        self.sql = str(compiled)
        self._fixed: Row = {
            name: value
            for name, value in compiled.params.items()
            if value is not None and not compiled.binds[name].required
        }
        self._order: Callable[[Row], Any] | None = None
        self._single = False
        names = list(compiled.positiontup or ())
        if compiled.positional:
            self._single = len(names) == 1
            self._order = itemgetter(*names) if names else lambda _: ()
        self._columns = tuple(columns)
        self._in_order = compiled.positional and names == list(columns)

    def bind(self, row: Row | Values) -> Parameters:
        """Return the values as the driver wants them."""
        if isinstance(row, tuple):
            if self._in_order:
                return row
            row = dict(zip(self._columns, row, strict=True))
        if self._fixed:
            row = {**self._fixed, **row}
        if self._order is None:
            return row
        return (self._order(row),) if self._single else self._order(row)


class Statement:
    """One statement, whatever the dialect.

    Args:
        build: Makes it for the dialect of that name.
        columns: Those that an INSERT or UPDATE sets; empty for everything else.
    """

    def __init__(self, build: Callable[[str], Sql], columns: Sequence[str] = ()) -> None:
        self._build = build
        self._columns = tuple(columns)
        self._compiled: dict[str, Compiled] = {}

    def on(self, dialect: Dialect) -> Compiled:
        """Return it in the words of a dialect."""
        found = self._compiled.get(dialect.name)
        if found is None:
            found = Compiled(self._build(dialect.name), self._columns, dialect)
            self._compiled[dialect.name] = found
        return found


class Query(Statement):
    """A SELECT.

    Attributes:
        names: Of its columns, in order.
    """

    def __init__(self, select: SelectBase) -> None:
        super().__init__(lambda _: select)
        self.names = tuple(column.name for column in select.selected_columns)


def given(name: str) -> BindParameter[Any]:
    """Return the place of a value in a query."""
    return bindparam(name)


def inserting(row: type[Base]) -> Statement:
    """Return the statement that adds a row; the database counts ``place`` itself."""
    table = Base.metadata.tables[row.__tablename__]
    columns = [one.name for one in table.columns if one is not table.autoincrement_column]
    return Statement(lambda _: insert(table).inline(), columns)


def changing(row: type[Base], key: Sequence[str], columns: Sequence[str]) -> Statement:
    """Return the statement that sets ``columns`` where ``key`` is ``key_…``."""
    table = Base.metadata.tables[row.__tablename__]
    there = [table.c[name] == bindparam(f"key_{name}") for name in key]
    return Statement(lambda _: update(table).where(*there), columns)


def removing(row: type[Base], key: Sequence[str]) -> Statement:
    """Return the statement that deletes the row of a key."""
    table = Base.metadata.tables[row.__tablename__]
    there = [table.c[name] == bindparam(name) for name in key]
    return Statement(lambda _: delete(table).where(*there))


def putting(row: type[Base]) -> Statement:
    """Return the statement that adds a row or replaces that of the same primary key."""
    table = Base.metadata.tables[row.__tablename__]
    keys = [column.name for column in table.primary_key]
    columns = [column.name for column in table.columns]
    rest = [name for name in columns if name not in keys]

    def build(dialect: str) -> Sql:
        if dialect == "postgresql":
            theirs = postgresql.insert(table)
            values = {name: theirs.excluded[name] for name in rest}
            return theirs.on_conflict_do_update(index_elements=keys, set_=values)
        ours = sqlite.insert(table)
        values = {name: ours.excluded[name] for name in rest}
        return ours.on_conflict_do_update(index_elements=keys, set_=values)

    return Statement(build, columns)
