"""The repositories of a run over tables in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from ....application.journal import (
    DecisionRecord,
    EquityMark,
    RunRecord,
    RunStatus,
    SeenBar,
    SnapshotRecord,
)
from ....domain.errors import NotFound
from .series import SeriesView
from .views import View


class MemoryRuns:
    """Sessions by id."""

    def __init__(self, view: View[RunRecord]) -> None:
        self._view = view

    def add(self, run: RunRecord) -> None:
        """Add a run."""
        self._view.add((run.run_id,), run)

    def get(self, run_id: str) -> RunRecord:
        """Return a run."""
        found = self.find(run_id)
        if found is None:
            raise NotFound(f"no run {run_id!r}", mend="see `mettle paper status`")
        return found

    def find(self, run_id: str) -> RunRecord | None:
        """Return a run, or None."""
        return self._view.get((run_id,))

    def latest(self, limit: int) -> Sequence[RunRecord]:
        """Return the newest runs."""
        runs = sorted(self._view.values(), key=lambda run: (run.created_at, run.run_id))
        return runs[::-1][:limit]

    def set_status(
        self, run_id: str, status: RunStatus, ended_at: int | None, message: str = ""
    ) -> None:
        """Say where a run stands."""
        run = self.get(run_id)
        self._view.put((run_id,), replace(run, status=status, ended_at=ended_at, message=message))


class MemorySeenBars:
    """The bars of each run as they were seen."""

    def __init__(self, view: SeriesView[SeenBar]) -> None:
        self._view = view

    def add(self, bars: Sequence[SeenBar]) -> None:
        """Append the bars of one instant."""
        for place, bar in enumerate(bars):
            self._view.add(bar.run_id, (bar.open_time, place), bar)

    def after(self, run_id: str, bar_time: int | None) -> Iterator[SeenBar]:
        """Yield the bars that open after ``bar_time``."""
        bars = sorted(self._view.of(run_id), key=lambda bar: bar.open_time)
        return (bar for bar in bars if bar_time is None or bar.open_time > bar_time)

    def last_time(self, run_id: str) -> int | None:
        """Return the open of the last bar seen."""
        return max((bar.open_time for bar in self._view.of(run_id)), default=None)


class MemoryDecisions:
    """Decisions, one a bar."""

    def __init__(self, view: SeriesView[DecisionRecord]) -> None:
        self._view = view

    def add(self, decision: DecisionRecord) -> None:
        """Append."""
        self._view.add(decision.run_id, decision.bar_time, decision)

    def latest(self, run_id: str, limit: int) -> Sequence[DecisionRecord]:
        """Return the newest decisions."""
        return _newest(self._view.of(run_id), limit)

    def count(self, run_id: str) -> int:
        """Return how many there are."""
        return self._view.count(run_id)


class MemoryEquityMarks:
    """The equity curve."""

    def __init__(self, view: SeriesView[EquityMark]) -> None:
        self._view = view

    def add(self, mark: EquityMark) -> None:
        """Append."""
        self._view.add(mark.run_id, mark.bar_time, mark)

    def last(self, run_id: str) -> EquityMark | None:
        """Return the newest mark, or None."""
        return max(self._view.of(run_id), key=lambda one: one.bar_time, default=None)

    def all(self, run_id: str) -> Iterator[EquityMark]:
        """Yield every mark in order."""
        return iter(sorted(self._view.of(run_id), key=lambda one: one.bar_time))


class MemorySnapshots:
    """One snapshot a run and name."""

    def __init__(self, view: View[SnapshotRecord]) -> None:
        self._view = view

    def put(self, snapshot: SnapshotRecord) -> None:
        """Keep it in the place of an older one."""
        self._view.put((snapshot.run_id, snapshot.name), snapshot)

    def get(self, run_id: str, name: str) -> SnapshotRecord | None:
        """Return it, or None."""
        return self._view.get((run_id, name))


def _newest(records: Sequence[DecisionRecord], limit: int) -> list[DecisionRecord]:
    return sorted(records, key=lambda one: one.bar_time, reverse=True)[:limit]
