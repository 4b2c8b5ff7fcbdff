"""Tables in memory as one unit of work sees them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Generic, NoReturn, TypeVar

from ....domain.errors import NotFound, StorageError

V = TypeVar("V")
Key = tuple[object, ...]
Grouping = Callable[[V], Key | None]
"""What group a row is in, None for no group at all."""


class Lock:
    """The write lock that the views of one unit share.

    Attributes:
        taken: Whether the unit holds it, and nothing in the unit has failed.
    """

    def __init__(self, lock: threading.Lock, timeout_s: float, *, writing: bool) -> None:
        self._lock = lock
        self._timeout_s = timeout_s
        self._writing = writing
        self._held = False
        self._failed = False
        self.taken = False

    def take(self) -> None:
        """Take the lock, or do nothing if this unit holds it already."""
        if self.taken:
            return
        if not self._writing:
            raise StorageError("this unit of work only reads", mend="use Store.writing()")
        self.check()
        if not self._held:
            if not self._lock.acquire(timeout=self._timeout_s):
                raise StorageError("the journal is locked by another writer", mend="wait for it")
            self._held = True
        self.taken = True

    def check(self) -> None:
        """Refuse to go on in a unit in which a write has failed."""
        if self._failed:
            raise StorageError(
                "something in this unit of work has failed", mend="begin another one"
            )

    def fail(self) -> None:
        """Let the unit commit nothing any more."""
        self._failed, self.taken = True, False

    def release(self) -> None:
        """Give the lock back, if it is held."""
        if self._held:
            self._held = self.taken = False
            self._lock.release()


class Table(Generic[V]):
    """Rows by key, in order of addition, and by group where a question is asked often.

    Args:
        groups: How rows are grouped, by the name of the grouping.
    """

    def __init__(self, **groups: Grouping[V]) -> None:
        self.rows: dict[Key, V] = {}
        self.groups = groups
        self.members: dict[str, dict[Key, dict[Key, None]]] = {name: {} for name in groups}
        self._places: dict[Key, int] = {}
        self._added = 0

    def place(self, key: Key) -> int:
        """Return where in the order of addition a row is; a row not added yet is last."""
        return self._places.get(key, self._added)

    def put(self, key: Key, value: V) -> None:
        """Add or replace a row."""
        old = self.rows.get(key)
        if old is None:
            self._places[key] = self._added
            self._added += 1
        self.rows[key] = value
        for name, group in self.groups.items():
            before = None if old is None else group(old)
            after = group(value)
            if before != after:
                self._leave(name, before, key)
                if after is not None:
                    self.members[name].setdefault(after, {})[key] = None

    def remove(self, key: Key) -> None:
        """Take a row away."""
        old = self.rows.pop(key, None)
        if old is not None:
            del self._places[key]
            for name, group in self.groups.items():
                self._leave(name, group(old), key)

    def _leave(self, name: str, group: Key | None, key: Key) -> None:
        if group is not None:
            members = self.members[name][group]
            del members[key]
            if not members:
                del self.members[name][group]


class View(Generic[V]):
    """A table as one unit sees it: what is committed, under what the unit has changed."""

    def __init__(self, base: Table[V], lock: Lock) -> None:
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
            self._lock.fail()
            raise StorageError(f"already written: {key}")
        self._changed[key] = value

    def refuse(self, why: str) -> NoReturn:
        """Let a write fail, and the unit with it."""
        self._lock.take()
        self._lock.fail()
        raise StorageError(why)

    def put(self, key: Key, value: V) -> None:
        """Add or replace a row."""
        self._lock.take()
        self._changed[key] = value

    def change(self, key: Key, change: Callable[[V], V]) -> None:
        """Replace a row by what becomes of it; NotFound if there is none."""
        self._lock.take()
        known = self.get(key)
        if known is None:
            self._lock.fail()
            raise NotFound(f"{key} was to be changed, and is not there")
        self._changed[key] = change(known)

    def remove(self, key: Key) -> bool:
        """Take a row away; return whether there was one."""
        self._lock.take()
        there = self.get(key) is not None
        if there:
            self._changed[key] = None
        return there

    def get(self, key: Key) -> V | None:
        """Return a row, or None."""
        return self._changed[key] if key in self._changed else self._base.rows.get(key)

    def values(self) -> list[V]:
        """Return all rows, in the order of their first addition."""
        return self._seen(self._base.rows, self._changed.items())

    def group(self, name: str, group: Key) -> list[V]:
        """Return the rows of a group, in the order of their first addition."""
        grouped = self._base.groups[name]
        changed = [
            (key, None if row is None or grouped(row) != group else row)
            for key, row in self._changed.items()
        ]
        return self._seen(self._base.members[name].get(group, ()), changed)

    def commit(self) -> None:
        """Make the changes visible to others."""
        for key, value in self._changed.items():
            if value is None:
                self._base.remove(key)
            else:
                self._base.put(key, value)
        self._changed.clear()

    def undo(self) -> None:
        """Forget the changes."""
        self._changed.clear()

    def _seen(self, keys: Iterable[Key], changed: Iterable[tuple[Key, V | None]]) -> list[V]:
        rows = self._base.rows
        seen: dict[Key, V | None] = {key: rows[key] for key in keys}
        seen.update(changed)
        # The sort is stable: what this unit adds stays in its own order at the end.
        ordered = sorted(seen, key=self._base.place)
        return [row for key in ordered if (row := seen[key]) is not None]
