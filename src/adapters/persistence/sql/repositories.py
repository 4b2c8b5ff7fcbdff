"""The repositories of a run over SQL."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from sqlalchemy import func, select, update

from ....application.journal import (
    DecisionRecord,
    EquityMark,
    RunRecord,
    RunStatus,
    SeenBar,
    SnapshotRecord,
)
from ....domain.errors import NotFound
from . import codec
from .session import SqlSession
from .tables import (
    AssetDecisionRow,
    DecisionRow,
    EquityMarkRow,
    RunRow,
    SeenBarRow,
    SnapshotRow,
)


class SqlRuns:
    """Sessions by id."""

    def __init__(self, session: SqlSession) -> None:
        self._session = session

    def add(self, run: RunRecord) -> None:
        """Add a run."""
        self._session.insert(RunRow, [codec.run_row(run)])

    def get(self, run_id: str) -> RunRecord:
        """Return a run."""
        found = self.find(run_id)
        if found is None:
            raise NotFound(f"no run {run_id!r}", mend="see `mettle paper status`")
        return found

    def find(self, run_id: str) -> RunRecord | None:
        """Return a run, or None."""
        rows = self._session.rows(select(RunRow.__table__).where(RunRow.run_id == run_id))
        return next(map(codec.run_record, rows), None)

    def latest(self, limit: int) -> Sequence[RunRecord]:
        """Return the newest runs."""
        order = (RunRow.created_at.desc(), RunRow.run_id.desc())
        rows = self._session.rows(select(RunRow.__table__).order_by(*order).limit(limit))
        return [codec.run_record(row) for row in rows]

    def set_status(
        self, run_id: str, status: RunStatus, ended_at: int | None, message: str = ""
    ) -> None:
        """Say where a run stands."""
        change = update(RunRow).where(RunRow.run_id == run_id)
        met = self._session.execute(
            change.values(status=status.value, ended_at=ended_at, message=message)
        )
        if met == 0:
            raise NotFound(f"no run {run_id!r}", mend="see `mettle paper status`")


class SqlSeenBars:
    """The bars of each run as they were seen."""

    def __init__(self, session: SqlSession) -> None:
        self._session = session

    def add(self, bars: Sequence[SeenBar]) -> None:
        """Append the bars of one instant."""
        rows = [codec.bar_row(bar, place) for place, bar in enumerate(bars)]
        self._session.insert(SeenBarRow, rows)

    def after(self, run_id: str, bar_time: int | None) -> Iterator[SeenBar]:
        """Yield the bars that open after ``bar_time``."""
        query = select(SeenBarRow.__table__).where(SeenBarRow.run_id == run_id)
        if bar_time is not None:
            query = query.where(SeenBarRow.open_time > bar_time)
        query = query.order_by(SeenBarRow.open_time, SeenBarRow.place)
        return map(codec.bar_record, self._session.rows(query))

    def last_time(self, run_id: str) -> int | None:
        """Return the open of the last bar seen."""
        query = select(func.max(SeenBarRow.open_time)).where(SeenBarRow.run_id == run_id)
        found: int | None = self._session.scalar(query)
        return found


class SqlDecisions:
    """Decisions, one a bar."""

    def __init__(self, session: SqlSession) -> None:
        self._session = session

    def add(self, decision: DecisionRecord) -> None:
        """Append."""
        head, assets = codec.decision_rows(decision)
        self._session.insert(DecisionRow, [head])
        self._session.insert(AssetDecisionRow, assets)

    def latest(self, run_id: str, limit: int) -> Sequence[DecisionRecord]:
        """Return the newest decisions."""
        query = select(DecisionRow.__table__).where(DecisionRow.run_id == run_id)
        query = query.order_by(DecisionRow.bar_time.desc()).limit(limit)
        heads = list(self._session.rows(query))
        if not heads:
            return []
        parts = (
            select(AssetDecisionRow.__table__)
            .where(AssetDecisionRow.run_id == run_id)
            .where(AssetDecisionRow.bar_time >= heads[-1]["bar_time"])
            .order_by(AssetDecisionRow.bar_time, AssetDecisionRow.place)
        )
        groups = {
            time: list(rows)
            for time, rows in itertools.groupby(
                self._session.rows(parts), key=lambda row: row["bar_time"]
            )
        }
        return [codec.decision_record(head, groups.get(head["bar_time"], [])) for head in heads]

    def count(self, run_id: str) -> int:
        """Return how many there are."""
        query = select(func.count()).select_from(DecisionRow).where(DecisionRow.run_id == run_id)
        return int(self._session.scalar(query))


class SqlEquityMarks:
    """The equity curve."""

    def __init__(self, session: SqlSession) -> None:
        self._session = session

    def add(self, mark: EquityMark) -> None:
        """Append."""
        self._session.insert(EquityMarkRow, [codec.mark_row(mark)])

    def last(self, run_id: str) -> EquityMark | None:
        """Return the newest mark, or None."""
        query = select(EquityMarkRow.__table__).where(EquityMarkRow.run_id == run_id)
        query = query.order_by(EquityMarkRow.bar_time.desc()).limit(1)
        return next(map(codec.mark_record, self._session.rows(query)), None)

    def all(self, run_id: str) -> Iterator[EquityMark]:
        """Yield every mark in order."""
        query = select(EquityMarkRow.__table__).where(EquityMarkRow.run_id == run_id)
        return map(codec.mark_record, self._session.rows(query.order_by(EquityMarkRow.bar_time)))


class SqlSnapshots:
    """One snapshot a run and name."""

    def __init__(self, session: SqlSession) -> None:
        self._session = session

    def put(self, snapshot: SnapshotRecord) -> None:
        """Keep it in the place of an older one."""
        row = codec.snapshot_row(snapshot)
        there = (SnapshotRow.run_id == snapshot.run_id) & (SnapshotRow.name == snapshot.name)
        change = update(SnapshotRow).where(there)
        values = {"bar_time": row["bar_time"], "content": row["content"]}
        if self._session.execute(change.values(**values)) == 0:
            self._session.insert(SnapshotRow, [row])

    def get(self, run_id: str, name: str) -> SnapshotRecord | None:
        """Return it, or None."""
        query = select(SnapshotRow.__table__).where(SnapshotRow.run_id == run_id)
        rows = self._session.rows(query.where(SnapshotRow.name == name))
        return next(map(codec.snapshot_record, rows), None)
