"""The transaction that bars are written in."""

from __future__ import annotations

from contextlib import ExitStack

from ..ports.unit_of_work import Store, UnitOfWork


class HeldUnit:
    """The unit of work that the bars are written in; open as long as it is needed."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._stack = ExitStack()
        self._unit: UnitOfWork | None = None

    def open(self) -> UnitOfWork:
        """Return it, begun if need be."""
        if self._unit is None:
            self._unit = self._stack.enter_context(self._store.writing())
        return self._unit

    def close(self) -> None:
        """Undo what was not committed, and let go of the database."""
        self._unit = None
        self._stack.close()
