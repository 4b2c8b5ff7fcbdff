"""The database as a process sees it: slow, busy, full, broken, and watched.

Every row that a committed transaction wrote is handed on, in order, so that the oracle knows the
journal without reading it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from mettle.application.ports.unit_of_work import Store, UnitOfWork
from mettle.domain.errors import StorageError

from .chance import Chance
from .hooks import Hooks
from .scheduler import Actor, Scheduler

_READS = frozenset(
    {
        "all", "after", "balances", "count", "find", "get", "last", "last_time", "latest", "live",
        "lots_of", "next_sequence", "of_intent", "of_order", "open", "pending", "possibly_live",
        "since", "working",
    }
)  # fmt: skip

_ERRORS = {
    "busy": "database is locked",
    "full": "database or disk is full",
    "read-only": "attempt to write a readonly database",
    "io": "disk I/O error",
}


@dataclass(frozen=True, slots=True)
class Change:
    """One write that became durable."""

    actor: str
    table: str
    method: str
    arguments: tuple[Any, ...]
    result: Any = None


@dataclass
class DiskFaults:
    """How often the disk fails, a share of the statements or commits.

    Attributes:
        lost_commit: A commit that fails and leaves nothing.
        false_alarm: A commit that is durable and says that it failed.
    """

    busy: float = 0.0
    full: float = 0.0
    io: float = 0.0
    read_io: float = 0.0
    lost_commit: float = 0.0
    false_alarm: float = 0.0


@dataclass
class Disk:
    """The one database of a world and what is wrong with it now.

    Attributes:
        until: Kind of a lasting failure → when it ends.
        exact: Statement or commit number (over all processes) → kind of failure; for enumeration.
        writers: Processes inside a transaction that has written or may.
    """

    inner: Store
    scheduler: Scheduler
    chance: Chance
    faults: DiskFaults = field(default_factory=DiskFaults)
    until: dict[str, int] = field(default_factory=dict)
    exact: dict[int, str] = field(default_factory=dict)
    steps: int = 0
    fired: Counter[str] = field(default_factory=Counter)
    committed: Callable[[Actor, list[Change]], None] = lambda *_: None
    struck: Callable[[], None] = lambda: None
    writers: list[str] = field(default_factory=list)
    quiet: bool = False

    def fail(self, what: str, *shares: tuple[str, float]) -> None:
        """Raise if the disk fails at this step.

        Raises:
            StorageError: If so.
        """
        index, self.steps = self.steps, self.steps + 1
        kind = self.exact.get(index, "")
        writes = not what.startswith("read")
        if not kind and not self.quiet:
            for lasting, end in self.until.items():
                if end > self.scheduler.now and (writes or lasting == "io"):
                    kind = lasting
            for name, share in shares:
                if not kind and share and self.chance.hit(f"disk {name} {what}", share):
                    kind = name
        if kind:
            self.fired[f"database {kind} at {what}"] += 1
            self.struck()
            self.scheduler.note(f"disk {kind} at {what}")
            raise StorageError(f"simulated database: {_ERRORS[kind]}")


class ProcessStore:
    """Implements ``Store`` for one process on the shared disk.

    Args:
        latency_ms: What a commit takes; others run meanwhile, after it is durable.
    """

    def __init__(self, disk: Disk, hooks: Hooks, actor: Actor, latency_ms: int = 1) -> None:
        self.disk = disk
        self.hooks = hooks
        self.actor = actor
        self.latency_ms = latency_ms
        self.open_units = 0

    @property
    def durable(self) -> bool:
        """Whether the inner store is."""
        return self.disk.inner.durable

    def writing(self) -> UnitOfWork:
        """Return a unit that may write."""
        return _Unit(self, self.disk.inner.writing(), writing=True)

    def reading(self) -> UnitOfWork:
        """Return a unit that sees one state."""
        return _Unit(self, self.disk.inner.reading(), writing=False)

    def close(self) -> None:
        """Do nothing: the world closes the database."""


class _Unit:
    """One watched transaction."""

    def __init__(self, store: ProcessStore, inner: UnitOfWork, *, writing: bool) -> None:
        self._store = store
        self._inner = inner
        self._writing = writing
        self._changes: list[Change] = []
        self._tables: dict[str, _Table] = {}

    def __getattr__(self, name: str) -> Any:
        """Return a watched table of the inner unit."""
        if name.startswith("_"):
            raise AttributeError(name)
        found = self._tables.get(name)
        if found is None:
            found = self._tables[name] = _Table(self, name, getattr(self._inner, name))
        return found

    def call(self, table: str, method: str, inner: Any, arguments: tuple[Any, ...]) -> Any:
        """Pass on one statement, unless the disk fails."""
        store, faults = self._store, self._store.disk.faults
        store.hooks.scheduler.check(store.actor)
        if method in _READS:
            store.disk.fail(f"read {table}", ("io", faults.read_io))
            return inner(*arguments)
        shares = (("busy", faults.busy), ("full", faults.full), ("io", faults.io))
        store.disk.fail(f"{method} {table}", *shares)
        result = inner(*arguments)
        if method == "add" and table == "bars":
            arguments = (tuple(arguments[0]),)
        self._changes.append(Change(store.actor.name, table, method, arguments, result))
        return result

    def commit(self) -> None:
        """Make the changes durable, unless the disk fails or the process dies."""
        store, disk = self._store, self._store.disk
        changes = self._changes
        if not changes:
            self._inner.commit()
            return
        store.hooks.point(store.actor, "before commit")
        disk.fail("commit", ("io", disk.faults.lost_commit))
        self._inner.commit()
        self._changes = []
        disk.scheduler.note(f"{store.actor.name} commits {_names(changes)}")
        disk.committed(store.actor, changes)
        store.hooks.point(store.actor, "after commit")
        if not disk.quiet and disk.chance.hit("disk false alarm", disk.faults.false_alarm):
            disk.fired["database false alarm at commit"] += 1
            disk.struck()
            raise StorageError("simulated database: disk I/O error")
        if store.latency_ms:
            disk.scheduler.wait_until(disk.scheduler.now + store.latency_ms)
        store.hooks.scheduler.check(store.actor)

    def __enter__(self) -> Self:
        self._inner.__enter__()
        self._store.open_units += self._writing
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._store.open_units -= self._writing
        self._inner.__exit__(kind, error, trace)


class _Table:
    """One watched repository."""

    def __init__(self, unit: _Unit, name: str, inner: Any) -> None:
        self._unit = unit
        self._name = name
        self._inner = inner

    def __getattr__(self, method: str) -> Any:
        """Return a watched method."""
        inner = getattr(self._inner, method)
        unit, name = self._unit, self._name

        def call(*arguments: Any, **named: Any) -> Any:
            return unit.call(name, method, inner, (*arguments, *named.values()))

        self.__dict__[method] = call
        return call


def _names(changes: list[Change]) -> str:
    return " ".join(f"{one.table}.{one.method}" for one in changes)
