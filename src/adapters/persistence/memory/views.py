"""Tables in memory as one unit of work sees them."""

from __future__ import annotations

import threading
from typing import Generic, TypeVar

from ....domain.errors import StorageError

V = TypeVar("V")
Key = tuple[object, ...]


class Lock:
    """The write lock that the views of one unit share."""

    def __init__(self, lock: threading.Lock, timeout_s: float, *, writing: bool) -> None:
        self._lock = lock
        self._timeout_s = timeout_s
        self._writing = writing
        self._held = False

    def take(self) -> None:
        """Take the lock, or do nothing if this unit holds it already."""
        if not self._writing:
            raise StorageError("this unit of work only reads", mend="use Store.writing()")
        if not self._held:
            if not self._lock.acquire(timeout=self._timeout_s):
                raise StorageError("the journal is locked by another writer", mend="wait for it")
            self._held = True

    def release(self) -> None:
        """Give the lock back, if it is held."""
        if self._held:
            self._held = False
            self._lock.release()


class View(Generic[V]):
    """A table as one unit sees it: what is committed, under what the unit has changed."""

    def __init__(self, base: dict[Key, V], lock: Lock) -> None:
        self._base = base
        self._lock = lock
        self._changed: dict[Key, V | None] = {}

    def lock(self) -> None:
        """Take the write lock before reading what is to be changed."""
        self._lock.take()

    def add(self, key: Key, value: V) -> None:
        """Add a row; StorageError if there is one."""
        self._lock.take()
        if self.get(key) is not None:
            raise StorageError(f"already written: {key}")
        self._changed[key] = value

    def put(self, key: Key, value: V) -> None:
        """Add or replace a row."""
        self._lock.take()
        self._changed[key] = value

    def remove(self, key: Key) -> bool:
        """Take a row away; return whether there was one."""
        self._lock.take()
        there = self.get(key) is not None
        if there:
            self._changed[key] = None
        return there

    def get(self, key: Key) -> V | None:
        """Return a row, or None."""
        return self._changed[key] if key in self._changed else self._base.get(key)

    def values(self) -> list[V]:
        """Return all rows, in the order of their first addition."""
        rows = {**self._base, **self._changed}.values() if self._changed else self._base.values()
        return [row for row in rows if row is not None]

    def commit(self) -> None:
        """Make the changes visible to others."""
        for key, value in self._changed.items():
            if value is None:
                self._base.pop(key, None)
            else:
                self._base[key] = value
        self._changed.clear()

    def undo(self) -> None:
        """Forget the changes."""
        self._changed.clear()
