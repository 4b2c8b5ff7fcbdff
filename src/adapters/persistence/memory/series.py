"""Rows that a run only ever adds: bars, decisions, marks."""

from __future__ import annotations

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

    def add(self, run_id: str, key: Key, value: V) -> None:
        """Add a row; StorageError if there is one."""
        self._lock.take()
        added = self._added.get(run_id)
        if added is None:
            added = self._added[run_id] = {}
        if key in added or key in self._base.runs.get(run_id, ()):
            self._lock.fail()
            raise StorageError(f"already written: {run_id} {key}")
        added[key] = value

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
        self._added.clear()

    def undo(self) -> None:
        """Forget the added rows."""
        self._added.clear()
