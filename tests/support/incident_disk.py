"""A database that fails, or under which the process dies, at a chosen step."""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from mettle.application.ports.unit_of_work import Store, UnitOfWork

Step = Callable[[str], None]
"""Told of each step before it is taken (``add orders``, ``commit`` …), and of ``committed``; may
raise."""

_READS = frozenset(
    {
        "after", "all", "balances", "count", "find", "get", "last", "last_time", "latest", "live",
        "lots_of", "next_sequence", "of_intent", "of_order", "open", "pending", "possibly_live",
        "since", "working",
    }
)  # fmt: skip


class Saboteur:
    """Implements ``Store``; passes everything on, unless ``step`` raises."""

    def __init__(self, inner: Store, step: Step) -> None:
        self._inner = inner
        self._step = step

    @property
    def durable(self) -> bool:
        """Whether the inner store is."""
        return self._inner.durable

    def writing(self) -> UnitOfWork:
        """Return a unit that may write."""
        return _Unit(self._inner.writing(), self._step)

    def reading(self) -> UnitOfWork:
        """Return a unit that sees one state."""
        return self._inner.reading()

    def close(self) -> None:
        """Do nothing: the world closes the database."""


class _Unit:
    """One transaction that may be interrupted."""

    def __init__(self, inner: UnitOfWork, step: Step) -> None:
        self._inner = inner
        self._step = step

    def __getattr__(self, name: str) -> Any:
        """Return a watched table of the inner unit."""
        return _Table(name, getattr(self._inner, name), self._step)

    def commit(self) -> None:
        """Make the changes durable, unless something happens before."""
        self._step("commit")
        self._inner.commit()
        self._step("committed")

    def __enter__(self) -> Self:
        self._inner.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._inner.__exit__(kind, error, trace)


class _Table:
    """One watched repository."""

    def __init__(self, name: str, inner: Any, step: Step) -> None:
        self._name = name
        self._inner = inner
        self._step = step

    def __getattr__(self, method: str) -> Any:
        """Return a method; writing ones are told of first."""
        inner = getattr(self._inner, method)
        if method in _READS:
            return inner
        label, step = f"{method} {self._name}", self._step

        def call(*arguments: Any, **named: Any) -> Any:
            step(label)
            return inner(*arguments, **named)

        return call
