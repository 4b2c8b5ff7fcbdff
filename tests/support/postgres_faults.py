"""Statements that fail on a real PostgreSQL server: it raises the errors itself, or is cut off."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Self, TypeVar

import psycopg
from mettle.adapters.persistence.sql import SqlStore
from sqlalchemy import event

T = TypeVar("T")
Query = Any
Values = Any
"""Whatever the driver takes for them."""

KINDS = {
    "busy": ("55P03", "canceling statement due to lock timeout", "end the other"),
    "full": ("53100", "could not extend file: No space left on device", "free some disk space"),
    "read-only": ("25006", "cannot execute INSERT in a read-only transaction", "writable"),
    "io": ("58030", "could not write block 7: Input/output error", "check the disk"),
}
"""Kind → what the server says, and what we are to say should be done."""
LOST = "lost"
"""The server's process of this connection is ended."""


@dataclass
class Fault:
    """Which statement fails, and how; counts from 0, begin and commit included.

    Attributes:
        late: It fails after it has had its effect; a commit that the server refuses has none.
        admin: Another connection, which ends the watched one.
    """

    admin: psycopg.Connection[Any]
    at: int = -1
    kind: str = LOST
    late: bool = False
    count: int = 0
    fired: bool = False

    def arm(self, at: int, kind: str = LOST, *, late: bool = False) -> None:
        """Let one statement fail, counted from now; none if negative."""
        self.at, self.kind, self.late, self.count, self.fired = at, kind, late, 0, False

    def around(
        self, connection: psycopg.Connection[Any], act: Callable[[], T], *, commit: bool = False
    ) -> T:
        """Do what the driver does, or let the server fail instead, or afterwards."""
        hit, self.count = self.count == self.at, self.count + 1
        if not hit:
            return act()
        self.fired = True
        late = self.late and (self.kind == LOST or not commit)
        if late:
            act()
        plain = psycopg.Cursor(connection)
        if self.kind != LOST:
            code, text, _ = KINDS[self.kind]
            plain.execute(f"DO $$BEGIN RAISE EXCEPTION '{text}' USING ERRCODE = '{code}'; END$$")
        self._cut(connection)
        if late:
            plain.execute("SELECT 1")
        return act()

    def _cut(self, connection: psycopg.Connection[Any]) -> None:
        pid = connection.info.backend_pid
        self.admin.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))


def watch(store: SqlStore, fault: Fault) -> None:
    """Let a store's statements pass a fault from now on."""

    class Cursor(psycopg.Cursor[Any]):
        """A cursor whose statements may fail."""

        def execute(self, query: Query, params: Values = None, **named: bool | None) -> Self:
            """Run one statement."""
            act = super().execute
            return fault.around(self.connection, lambda: act(query, params, **named))

        def executemany(self, query: Query, params_seq: Iterable[Values], **named: bool) -> None:
            """Run one statement for many rows."""
            act = super().executemany
            fault.around(self.connection, lambda: act(query, params_seq, **named))

    class Connection(psycopg.Connection[Any]):
        """A connection whose commits may fail."""

        def commit(self) -> None:
            """Commit."""
            fault.around(self, super().commit, commit=True)

    database = store._database
    database.close()

    @event.listens_for(database._engine, "do_connect")
    def connect(_: object, __: object, given: list[Any], named: dict[str, Any]) -> Connection:
        return Connection.connect(*given, **named, cursor_factory=Cursor)
