"""Rows that a run only ever adds: bars, decisions, marks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Generic, TypeVar

from ....domain.errors import StorageError
from .views import Lock

V = TypeVar("V")
Key = int | tuple[int, int]
"""What names a row within its run: a time, or a time and a place."""


class Series(Generic[V]):
    """The committed rows of each run, in order of addition."""

    def __init__(self) -> None:
        self.runs: dict[str, dict[Key, V]] = {}


class SeriesView(Generic[V]):
    """A series as one unit sees it: what is committed, and behind it what the unit adds."""

    def __init__(self, base: Series[V], lock: Lock) -> None:
        self._base = base
        self._lock = lock
        self._added: dict[str, dict[Key, V]] = {}
        self._open: tuple[str | None, dict[Key, V], Mapping[Key, V]] = None, {}, {}

    def add(self, run_id: str, key: Key, value: V) -> None:
        """Add a row; StorageError if there is one."""
        lock = self._lock
        if not lock.taken:
            lock.take()
        known, added, committed = self._open
        if known != run_id:
            added, committed = self._opened(run_id)
        if key in added or key in committed:
            lock.fail()
            raise StorageError(f"already written: {run_id} {key}")
        added[key] = value

    def _opened(self, run_id: str) -> tuple[dict[Key, V], Mapping[Key, V]]:
        """Return what the unit adds to a run and what is committed of it; the next row asks too."""
        added = self._added.setdefault(run_id, {})
        committed = self._base.runs.setdefault(run_id, {})
        self._open = run_id, added, committed
        return added, committed

    def of(self, run_id: str) -> list[V]:
        """Return the rows of a run, in order of addition."""
        committed, added = self._base.runs.get(run_id, {}), self._added.get(run_id, {})
        return [*committed.values(), *added.values()]

    def count(self, run_id: str) -> int:
        """Return how many rows a run has."""
        return len(self._base.runs.get(run_id, ())) + len(self._added.get(run_id, ()))

    def commit(self) -> None:
        """Make the added rows visible to others."""
        for run_id, added in self._added.items():
            self._base.runs.setdefault(run_id, {}).update(added)
        self.undo()

    def undo(self) -> None:
        """Forget the added rows."""
        for added in self._added.values():
            added.clear()
