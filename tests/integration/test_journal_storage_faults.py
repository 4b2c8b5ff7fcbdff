"""The database fails at every statement of every transaction that money depends on.

Each failure is a typed error, leaves nothing half-written, and the next attempt works.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from mettle.adapters.persistence.sql import SqlStore
from mettle.application.ports.unit_of_work import Store, UnitOfWork
from mettle.domain.errors import StorageError
from mettle.domain.orders import Filled, Open, Submitting
from mettle.domain.risk import Mode, ModeCause
from sqlalchemy import event
from tests.support.journal import attempt, entry, fill, intent, write

KINDS = {
    "busy": ("database is locked", "end the other"),
    "full": ("database or disk is full", "free some disk space"),
    "read-only": ("attempt to write a readonly database", "writable"),
    "io": ("disk I/O error", "check the disk"),
}
AFTER = ("io", "full")
"""Failures that may also come once a statement has had its effect."""


@dataclass
class Fault:
    """Which statement fails, and how; none by default. Counts from 0, begin and commit included.

    Attributes:
        late: It fails after it has had its effect.
        stuck: No transaction can be undone.
    """

    at: int = -1
    kind: str = "io"
    late: bool = False
    count: int = 0
    fired: bool = False
    stuck: bool = False

    def arm(self, at: int, kind: str, *, late: bool = False) -> None:
        """Let one statement fail, counted from now."""
        self.at, self.kind, self.late, self.count, self.fired = at, kind, late, 0, False

    def around(self, act: Callable[[], object]) -> object:
        """Do what the driver does, or fail instead, or fail afterwards."""
        hit, self.count = self.count == self.at, self.count + 1
        if not hit:
            return act()
        self.fired = True
        if self.late:
            act()
        raise sqlite3.OperationalError(KINDS[self.kind][0])


class Cursor:
    """A driver's cursor, watched."""

    def __init__(self, inner: sqlite3.Cursor, fault: Fault) -> None:
        self._inner = inner
        self._fault = fault

    def execute(self, sql: str, row: tuple[object, ...] = ()) -> object:
        """Run one statement."""
        return self._fault.around(lambda: self._inner.execute(sql, row))

    def executemany(self, sql: str, rows: list[tuple[object, ...]]) -> object:
        """Run one statement for many rows."""
        return self._fault.around(lambda: self._inner.executemany(sql, rows))

    def __getattr__(self, name: str) -> object:
        """Pass everything else on."""
        return getattr(self._inner, name)


class Connection:
    """A driver's connection, watched; its undoing may be out of order for good."""

    def __init__(self, inner: sqlite3.Connection, fault: Fault) -> None:
        self._inner = inner
        self._fault = fault

    def cursor(self) -> Cursor:
        """Return a watched cursor."""
        return Cursor(self._inner.cursor(), self._fault)

    def commit(self) -> None:
        """Commit, or fail; a commit that fails has no effect, as SQLite promises."""
        if self._fault.count == self._fault.at:
            self._fault.late = False
        self._fault.around(self._inner.commit)

    def rollback(self) -> None:
        """Undo, or fail."""
        if self._fault.stuck:
            raise sqlite3.OperationalError(KINDS["io"][0])
        self._inner.rollback()

    def __getattr__(self, name: str) -> object:
        """Pass everything else on."""
        return getattr(self._inner, name)


@pytest.fixture
def fault() -> Fault:
    """Return the fault of this test, not armed."""
    return Fault()


@pytest.fixture
def store(tmp_path: Path, fault: Fault) -> Iterator[SqlStore]:
    """Yield a store over the watched driver, with an order on its way in it."""
    with SqlStore(tmp_path / "mettle.db", lock_timeout_s=0.1) as made:
        engine = made._database._engine

        @event.listens_for(engine, "do_connect")
        def connect(_: object, __: object, given: list[Any], named: dict[str, Any]) -> Connection:
            return Connection(sqlite3.connect(*given, **named), fault)

        engine.dispose()

        def before(unit: UnitOfWork) -> None:
            unit.intents.add(intent(1))
            unit.orders.add(attempt("o1", 1))
            unit.leases.acquire("r", "one", 1, 500)

        write(made, before)
        yield made


def t1(unit: UnitOfWork) -> None:
    """Write an intent and its attempt down under the lease, as before every send."""
    lease = unit.leases.find("r")
    assert lease is not None
    assert lease.epoch == 1
    unit.intents.add(intent(2))
    unit.orders.add(replace(attempt("o2", 2), state=Submitting()))


def t2(unit: UnitOfWork) -> None:
    """Write the venue's answer down, and what it leads to."""
    unit.orders.update(replace(attempt("o1", 1), state=Open(), venue_order_id="v", updated_at=9))
    unit.intents.update(replace(intent(1), stage="{}", updated_at=9))
    unit.audit.add("r", "o1", "accepted", 9, 9)
    unit.modes.put(ModeCause("r", "", "operator", Mode.PAUSED, 9, "x"))


def fills(unit: UnitOfWork) -> None:
    """Book two executions with their postings, the order's state and the cursor."""
    assert unit.fills.find("r", "BTC/USDT", "t1") is None
    sequence = unit.fills.next_sequence("r")
    for place in range(2):
        unit.fills.add(fill(sequence + place, f"t{place}"))
        unit.ledger.add(entry(unit.ledger.next_sequence("r"), f"t{place}"))
    unit.orders.update(replace(attempt("o1", 1), state=Filled(5), updated_at=9))
    unit.cursors.put("r", "fills", 9)


def contents(store: Store) -> dict[str, Any]:
    """Return everything that the transactions touch."""
    with store.reading() as unit:
        return {
            "intents": unit.intents.latest("r", 9),
            "orders": unit.orders.latest("r", 9),
            "fills": list(unit.fills.all("r")),
            "ledger": list(unit.ledger.all("r")),
            "modes": unit.modes.all("r"),
            "audit": unit.audit.latest("r", 9),
            "cursors": unit.cursors.all("r"),
            "lease": unit.leases.find("r"),
        }


def statements(store: Store, fault: Fault, act: Callable[[UnitOfWork], None]) -> int:
    """Return how many statements a transaction has, its begin and its commit included."""
    fault.arm(-1, "io")
    with store.writing() as unit:
        act(unit)
        unit.fills.count("r")
        # One statement was for counting, and takes the place of the commit.
    return fault.count


@pytest.mark.parametrize("act", [t1, t2, fills])
@pytest.mark.parametrize("kind", KINDS)
def test_each_statement_may_fail(
    store: SqlStore, fault: Fault, act: Callable[[UnitOfWork], None], kind: str
) -> None:
    """Wherever it fails, before or after its effect, all or nothing of the transaction is kept."""
    before = contents(store)
    total = statements(store, fault, act)
    assert total >= 4
    for late in (False, True) if kind in AFTER else (False,):
        for at in range(total):
            fault.arm(at, kind, late=late)
            with pytest.raises(StorageError, match=KINDS[kind][1]):
                write(store, act)
            assert fault.fired
            assert contents(store) == before
    fault.arm(-1, kind)
    write(store, act)
    assert fault.count == total
    assert contents(store) != before


@pytest.mark.parametrize("act", [t1, t2, fills])
def test_a_unit_that_failed_cannot_be_committed(
    store: SqlStore, fault: Fault, act: Callable[[UnitOfWork], None]
) -> None:
    """Whoever goes on after an error, as if it had not been, is stopped at the commit."""
    before = contents(store)
    for at in range(statements(store, fault, act)):
        fault.arm(at, "io")
        with store.writing() as unit:
            with pytest.raises(StorageError, match="check the disk"):
                finish(unit, act)
            with pytest.raises(StorageError, match="has failed"):
                unit.cursors.put("r", "probe", 1)
            with pytest.raises(StorageError, match="has failed"):
                unit.commit()
        assert contents(store) == before
    fault.arm(-1, "io")
    write(store, act)


def finish(unit: UnitOfWork, act: Callable[[UnitOfWork], None]) -> None:
    """Do something and commit it."""
    act(unit)
    unit.commit()


def test_a_begin_that_fails_is_tried_again(store: SqlStore, fault: Fault) -> None:
    """A database that is busy when a unit begins does not stop the next one, or a reader."""
    fault.arm(0, "busy")
    with store.reading() as unit, pytest.raises(StorageError, match="locked"):
        unit.runs.latest(1)
    with store.reading() as unit:
        assert unit.orders.find("o1") is not None


def test_an_undo_that_fails_costs_the_connection_only(store: SqlStore, fault: Fault) -> None:
    """A connection that cannot roll back is closed, which undoes what it had written."""
    before = contents(store)
    fault.stuck = True
    with store.writing() as unit:
        unit.intents.add(intent(2))
        assert unit.fills.count("r") == 0
    fault.stuck = False
    assert contents(store) == before
    write(store, t1)
