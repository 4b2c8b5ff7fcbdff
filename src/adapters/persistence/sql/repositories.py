"""The repositories of a run over SQL."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from sqlalchemy import func, select

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
from .session import SqlSession, converted
from .statements import Query, changing, given
from .tables import (
    AssetDecisionRow,
    DecisionRow,
    EquityMarkRow,
    RunRow,
    SeenBarRow,
    SnapshotRow,
)

_RUN_ID = given("run_id")
_LIMIT = given("limit")
_AFTER = given("after")


class SqlRuns:
    """Sessions by id."""

    _FIND = Query(select(RunRow.__table__).where(RunRow.run_id == _RUN_ID))
    _LATEST = Query(
        select(RunRow.__table__)
        .order_by(RunRow.created_at.desc(), RunRow.run_id.desc())
        .limit(_LIMIT)
    )
    _STATUS = changing(RunRow, ("run_id",), ("status", "ended_at", "message"))

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
        found = self._session.records(self._FIND, {"run_id": run_id}, codec.run_record)
        return next(found, None)

    def latest(self, limit: int) -> Sequence[RunRecord]:
        """Return the newest runs."""
        return list(self._session.records(self._LATEST, {"limit": limit}, codec.run_record))

    def set_status(
        self, run_id: str, status: RunStatus, ended_at: int | None, message: str = ""
    ) -> None:
        """Say where a run stands."""
        values = {"status": status.value, "ended_at": ended_at, "message": message}
        if self._session.write(self._STATUS, {"key_run_id": run_id, **values}) == 0:
            raise NotFound(f"no run {run_id!r}", mend="see `mettle paper status`")


class SqlSeenBars:
    """The bars of each run as they were seen."""

    _LATER = Query(
        select(SeenBarRow.__table__)
        .where(SeenBarRow.run_id == _RUN_ID, SeenBarRow.open_time > _AFTER)
        .order_by(SeenBarRow.open_time, SeenBarRow.place)
    )
    _LAST = Query(select(func.max(SeenBarRow.open_time)).where(SeenBarRow.run_id == _RUN_ID))

    def __init__(self, session: SqlSession) -> None:
        self._session = session

    def add(self, bars: Sequence[SeenBar]) -> None:
        """Append the bars of one instant."""
        rows = [codec.bar_values(bar, place) for place, bar in enumerate(bars)]
        self._session.append(SeenBarRow, rows)

    def after(self, run_id: str, bar_time: int | None) -> Iterator[SeenBar]:
        """Yield the bars that open after ``bar_time``."""
        values = {"run_id": run_id, "after": _BEFORE_ALL if bar_time is None else bar_time}
        return self._session.records(self._LATER, values, codec.bar_record)

    def last_time(self, run_id: str) -> int | None:
        """Return the open of the last bar seen."""
        found: int | None = self._session.scalar(self._LAST, {"run_id": run_id})
        return found


_BEFORE_ALL = -(2**63)


class SqlDecisions:
    """Decisions, one a bar."""

    _LATEST = Query(
        select(DecisionRow.__table__)
        .where(DecisionRow.run_id == _RUN_ID)
        .order_by(DecisionRow.bar_time.desc())
        .limit(_LIMIT)
    )
    _ASSETS = Query(
        select(AssetDecisionRow.__table__)
        .where(AssetDecisionRow.run_id == _RUN_ID, AssetDecisionRow.bar_time >= _AFTER)
        .order_by(AssetDecisionRow.bar_time, AssetDecisionRow.place)
    )
    _COUNT = Query(
        select(func.count()).select_from(DecisionRow).where(DecisionRow.run_id == _RUN_ID)
    )

    def __init__(self, session: SqlSession) -> None:
        self._session = session

    def add(self, decision: DecisionRecord) -> None:
        """Append."""
        self._session.append(DecisionRow, [codec.decision_values(decision)])
        self._session.append(AssetDecisionRow, codec.asset_values(decision))

    def latest(self, run_id: str, limit: int) -> Sequence[DecisionRecord]:
        """Return the newest decisions."""
        heads = list(self._session.rows(self._LATEST, {"run_id": run_id, "limit": limit}))
        if not heads:
            return []
        values = {"run_id": run_id, "after": heads[-1]["bar_time"]}
        parts = itertools.groupby(
            self._session.rows(self._ASSETS, values), key=lambda row: row["bar_time"]
        )
        assets = {time: list(rows) for time, rows in parts}
        return [
            converted(head, lambda row: codec.decision_record(row, assets.get(row["bar_time"], [])))
            for head in heads
        ]

    def count(self, run_id: str) -> int:
        """Return how many there are."""
        return int(self._session.scalar(self._COUNT, {"run_id": run_id}))


class SqlEquityMarks:
    """The equity curve."""

    _ALL = Query(
        select(EquityMarkRow.__table__)
        .where(EquityMarkRow.run_id == _RUN_ID)
        .order_by(EquityMarkRow.bar_time)
    )
    _LAST = Query(
        select(EquityMarkRow.__table__)
        .where(EquityMarkRow.run_id == _RUN_ID)
        .order_by(EquityMarkRow.bar_time.desc())
        .limit(1)
    )

    def __init__(self, session: SqlSession) -> None:
        self._session = session

    def add(self, mark: EquityMark) -> None:
        """Append."""
        self._session.append(EquityMarkRow, [tuple(mark)])

    def last(self, run_id: str) -> EquityMark | None:
        """Return the newest mark, or None."""
        found = self._session.records(self._LAST, {"run_id": run_id}, codec.mark_record)
        return next(found, None)

    def all(self, run_id: str) -> Iterator[EquityMark]:
        """Yield every mark in order."""
        return self._session.records(self._ALL, {"run_id": run_id}, codec.mark_record)


class SqlSnapshots:
    """One snapshot a run and name."""

    _GET = Query(
        select(SnapshotRow.__table__).where(
            SnapshotRow.run_id == _RUN_ID, SnapshotRow.name == given("name")
        )
    )

    def __init__(self, session: SqlSession) -> None:
        self._session = session

    def put(self, snapshot: SnapshotRecord) -> None:
        """Keep it in the place of an older one."""
        self._session.put(SnapshotRow, codec.snapshot_row(snapshot))

    def get(self, run_id: str, name: str) -> SnapshotRecord | None:
        """Return it, or None."""
        values = {"run_id": run_id, "name": name}
        return next(self._session.records(self._GET, values, codec.snapshot_record), None)
