"""The repositories over SQL."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from sqlalchemy import func, select, update

from ....application.journal import (
    DecisionRecord,
    EquityMark,
    FillRecord,
    LedgerRecord,
    OrderRecord,
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
    FillRow,
    LedgerEntryRow,
    OrderRow,
    PostingRow,
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


class SqlOrders:
    """Orders by client id."""

    def __init__(self, session: SqlSession) -> None:
        self._session = session
        self._places: dict[str, int] = {}

    def add(self, order: OrderRecord) -> None:
        """Write an order down."""
        place = self._next_place(order.run_id)
        self._session.insert(OrderRow, [codec.order_row(order, place)])

    def update(self, order: OrderRecord) -> None:
        """Replace its state, venue id and time."""
        change = {
            "client_order_id": order.client_order_id,
            **codec.state_row(order.state),
            "venue_order_id": order.venue_order_id,
            "updated_at": order.updated_at,
        }
        self._session.update(OrderRow, [change])

    def live(self, run_id: str) -> Sequence[OrderRecord]:
        """Return the orders in no final state."""
        query = select(OrderRow.__table__).where(OrderRow.run_id == run_id)
        query = query.where(OrderRow.state.not_in(codec.FINAL_STATES)).order_by(OrderRow.place)
        return [codec.order_record(row) for row in self._session.rows(query)]

    def latest(self, run_id: str, limit: int) -> Sequence[OrderRecord]:
        """Return the newest orders."""
        query = select(OrderRow.__table__).where(OrderRow.run_id == run_id)
        query = query.order_by(OrderRow.place.desc()).limit(limit)
        return [codec.order_record(row) for row in self._session.rows(query)]

    def _next_place(self, run_id: str) -> int:
        if run_id not in self._places:
            query = select(func.max(OrderRow.place)).where(OrderRow.run_id == run_id)
            last = self._session.scalar(query)
            self._places[run_id] = -1 if last is None else int(last)
        self._places[run_id] += 1
        return self._places[run_id]


class SqlFills:
    """Fills in order of execution."""

    def __init__(self, session: SqlSession) -> None:
        self._session = session

    def add(self, fill: FillRecord) -> None:
        """Append."""
        self._session.insert(FillRow, [codec.fill_row(fill)])

    def all(self, run_id: str) -> Iterator[FillRecord]:
        """Yield every fill."""
        query = select(FillRow.__table__).where(FillRow.run_id == run_id)
        return map(codec.fill_record, self._session.rows(query.order_by(FillRow.sequence)))

    def latest(self, run_id: str, limit: int) -> Sequence[FillRecord]:
        """Return the newest fills."""
        query = select(FillRow.__table__).where(FillRow.run_id == run_id)
        query = query.order_by(FillRow.sequence.desc()).limit(limit)
        return [codec.fill_record(row) for row in self._session.rows(query)]

    def count(self, run_id: str) -> int:
        """Return how many there are."""
        query = select(func.count()).select_from(FillRow).where(FillRow.run_id == run_id)
        return int(self._session.scalar(query))


class SqlLedgerEntries:
    """The append-only ledger."""

    def __init__(self, session: SqlSession) -> None:
        self._session = session

    def add(self, entry: LedgerRecord) -> None:
        """Append."""
        head, legs = codec.entry_rows(entry)
        self._session.insert(LedgerEntryRow, [head])
        self._session.insert(PostingRow, legs)

    def all(self, run_id: str) -> Iterator[LedgerRecord]:
        """Yield every entry with its postings."""
        heads = select(LedgerEntryRow.__table__).where(LedgerEntryRow.run_id == run_id)
        query = select(PostingRow.__table__).where(PostingRow.run_id == run_id)
        legs = itertools.groupby(
            self._session.rows(query.order_by(PostingRow.sequence, PostingRow.place)),
            key=lambda row: row["sequence"],
        )
        sequence, group = next(legs, (None, iter(())))
        for head in self._session.rows(heads.order_by(LedgerEntryRow.sequence)):
            if head["sequence"] == sequence:
                yield codec.entry_record(head, list(group))
                sequence, group = next(legs, (None, iter(())))
            else:
                yield codec.entry_record(head, [])

    def balances(self, run_id: str) -> Mapping[tuple[str, str], Decimal]:
        """Return the exact sum of each account and asset; text cannot be summed by the database."""
        query = select(PostingRow.account, PostingRow.asset, PostingRow.amount)
        sums: dict[tuple[str, str], Decimal] = {}
        for row in self._session.rows(query.where(PostingRow.run_id == run_id)):
            key = (row["account"], row["asset"])
            sums[key] = sums.get(key, Decimal(0)) + row["amount"]
        return sums


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
