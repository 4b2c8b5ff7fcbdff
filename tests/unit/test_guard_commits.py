"""What the guard knows and could not write down is written with the next commit."""

from __future__ import annotations

import pytest
from mettle.adapters.persistence.memory import MemoryStore
from mettle.application.ports.unit_of_work import UnitOfWork
from mettle.domain.errors import StorageError
from mettle.domain.risk import Mode
from tests.support.guards import guard


class FullDisk:
    """A unit of work whose commit fails."""

    def __init__(self, inner: UnitOfWork) -> None:
        self.inner = inner

    def __getattr__(self, name: str) -> object:
        """Return what the unit has."""
        return getattr(self.inner, name)

    def commit(self) -> None:
        """Fail."""
        raise StorageError("database or disk is full")


def test_a_failed_commit_loses_nothing() -> None:
    """Mode, breaker and audit are there after the next commit, each of them once."""
    store, one = MemoryStore(), guard()
    one.impose("operator", Mode.PAUSED, "lunch", 5)
    one.heard(failed=True, latency_ms=1, now=6)
    one.heard(failed=True, latency_ms=1, now=7)
    with store.writing() as unit, pytest.raises(StorageError):
        one.commit(FullDisk(unit))  # type: ignore[arg-type]  # a unit but for its commit
    with store.reading() as unit:
        assert not unit.modes.all("a")
    for _ in range(2):
        with store.writing() as unit:
            one.commit(unit)
    with store.reading() as unit:
        assert [cause.reason for cause in unit.modes.all("a")] == ["lunch"]
        states = {breaker.name: breaker.state for breaker in unit.breakers.all("a")}
        assert states["api_failures"] == "open"
        noted = [note.subject for note in unit.audit.latest("a", 10)]
        assert noted == ["breaker api_failures", "mode account"]


def test_a_cause_that_ended_meanwhile_leaves_no_trace() -> None:
    """Imposed, not kept, lifted: the journal has no mode, and says what happened."""
    store, one = MemoryStore(), guard()
    one.impose("operator", Mode.PAUSED, "lunch", 5)
    with store.writing() as unit, pytest.raises(StorageError):
        one.commit(FullDisk(unit))  # type: ignore[arg-type]  # a unit but for its commit
    assert one.lift("operator", 9)
    with store.writing() as unit:
        one.commit(unit)
    with store.reading() as unit:
        assert not unit.modes.all("a")
        assert len(unit.audit.latest("a", 10)) == 2
