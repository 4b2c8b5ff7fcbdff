"""The repositories over tables in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import TypeVar

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
from ....domain.errors import NotFound, StorageError
from ....domain.orders import FINAL
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

    def __init__(self, view: View[SeenBar]) -> None:
        self._view = view

    def add(self, bars: Sequence[SeenBar]) -> None:
        """Append the bars of one instant."""
        for place, bar in enumerate(bars):
            self._view.add((bar.run_id, bar.open_time, place), bar)

    def after(self, run_id: str, bar_time: int | None) -> Iterator[SeenBar]:
        """Yield the bars that open after ``bar_time``."""
        bars = [bar for bar in self._view.values() if bar.run_id == run_id]
        bars.sort(key=lambda bar: bar.open_time)
        return (bar for bar in bars if bar_time is None or bar.open_time > bar_time)

    def last_time(self, run_id: str) -> int | None:
        """Return the open of the last bar seen."""
        times = (bar.open_time for bar in self._view.values() if bar.run_id == run_id)
        return max(times, default=None)


class MemoryDecisions:
    """Decisions, one a bar."""

    def __init__(self, view: View[DecisionRecord]) -> None:
        self._view = view

    def add(self, decision: DecisionRecord) -> None:
        """Append."""
        self._view.add((decision.run_id, decision.bar_time), decision)

    def latest(self, run_id: str, limit: int) -> Sequence[DecisionRecord]:
        """Return the newest decisions."""
        return _newest(self._view.values(), run_id, limit, lambda one: one.bar_time)

    def count(self, run_id: str) -> int:
        """Return how many there are."""
        return sum(one.run_id == run_id for one in self._view.values())


class MemoryOrders:
    """Orders by client id, in order of addition."""

    def __init__(self, view: View[OrderRecord]) -> None:
        self._view = view

    def add(self, order: OrderRecord) -> None:
        """Write an order down."""
        self._view.add((order.client_order_id,), order)

    def update(self, order: OrderRecord) -> None:
        """Replace its state, venue id and time."""
        known = self._view.get((order.client_order_id,))
        if known is None:
            raise StorageError(
                f"orders: {order.client_order_id} was to be changed, and is not there"
            )
        changed = replace(
            known,
            state=order.state,
            venue_order_id=order.venue_order_id,
            updated_at=order.updated_at,
        )
        self._view.put((order.client_order_id,), changed)

    def live(self, run_id: str) -> Sequence[OrderRecord]:
        """Return the orders in no final state."""
        orders = self._view.values()
        return [one for one in orders if one.run_id == run_id and not isinstance(one.state, FINAL)]

    def latest(self, run_id: str, limit: int) -> Sequence[OrderRecord]:
        """Return the newest orders."""
        return [one for one in self._view.values() if one.run_id == run_id][::-1][:limit]


class MemoryFills:
    """Fills in order of execution."""

    def __init__(self, view: View[FillRecord], trades: View[str]) -> None:
        self._view = view
        self._trades = trades

    def add(self, fill: FillRecord) -> None:
        """Append."""
        self._trades.add((fill.run_id, fill.trade_id), fill.trade_id)
        self._view.add((fill.run_id, fill.sequence), fill)

    def all(self, run_id: str) -> Iterator[FillRecord]:
        """Yield every fill."""
        fills = (one for one in self._view.values() if one.run_id == run_id)
        return iter(sorted(fills, key=lambda one: one.sequence))

    def latest(self, run_id: str, limit: int) -> Sequence[FillRecord]:
        """Return the newest fills."""
        return _newest(self._view.values(), run_id, limit, lambda one: one.sequence)

    def count(self, run_id: str) -> int:
        """Return how many there are."""
        return sum(one.run_id == run_id for one in self._view.values())


class MemoryLedgerEntries:
    """The append-only ledger."""

    def __init__(self, view: View[LedgerRecord], causes: View[int]) -> None:
        self._view = view
        self._causes = causes

    def add(self, entry: LedgerRecord) -> None:
        """Append."""
        self._causes.add((entry.run_id, entry.kind, entry.reference), entry.sequence)
        self._view.add((entry.run_id, entry.sequence), entry)

    def all(self, run_id: str) -> Iterator[LedgerRecord]:
        """Yield every entry with its postings."""
        entries = (one for one in self._view.values() if one.run_id == run_id)
        return iter(sorted(entries, key=lambda one: one.sequence))

    def balances(self, run_id: str) -> Mapping[tuple[str, str], Decimal]:
        """Return the exact sum of each account and asset."""
        sums: dict[tuple[str, str], Decimal] = {}
        for entry in self.all(run_id):
            for leg in entry.postings:
                key = (leg.account, leg.asset)
                sums[key] = sums.get(key, Decimal(0)) + leg.amount
        return sums


class MemoryEquityMarks:
    """The equity curve."""

    def __init__(self, view: View[EquityMark]) -> None:
        self._view = view

    def add(self, mark: EquityMark) -> None:
        """Append."""
        self._view.add((mark.run_id, mark.bar_time), mark)

    def last(self, run_id: str) -> EquityMark | None:
        """Return the newest mark, or None."""
        return next(iter(_newest(self._view.values(), run_id, 1, lambda one: one.bar_time)), None)

    def all(self, run_id: str) -> Iterator[EquityMark]:
        """Yield every mark in order."""
        marks = (one for one in self._view.values() if one.run_id == run_id)
        return iter(sorted(marks, key=lambda one: one.bar_time))


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


R = TypeVar("R", DecisionRecord, FillRecord, EquityMark)


def _newest(records: Sequence[R], run_id: str, limit: int, key: Callable[[R], int]) -> list[R]:
    mine = [one for one in records if one.run_id == run_id]
    mine.sort(key=key, reverse=True)
    return mine[:limit]
