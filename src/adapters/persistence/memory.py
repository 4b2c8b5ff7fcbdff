"""The journal in memory: for trials, tests and sessions that need no tomorrow."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from types import TracebackType
from typing import Generic, Self, TypeVar

from ...application.journal import (
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
from ...domain.errors import NotFound, StorageError
from ...domain.orders import FINAL

V = TypeVar("V")
Key = tuple[object, ...]


class _Lock:
    """The write lock that the views of one unit share."""

    def __init__(self, lock: threading.Lock, timeout_s: float, *, writing: bool) -> None:
        self._lock = lock
        self._timeout_s = timeout_s
        self._writing = writing
        self._held = False

    def take(self) -> None:
        if not self._writing:
            raise StorageError("this unit of work only reads", mend="use Store.writing()")
        if not self._held:
            if not self._lock.acquire(timeout=self._timeout_s):
                raise StorageError("the journal is locked by another writer", mend="wait for it")
            self._held = True

    def release(self) -> None:
        if self._held:
            self._held = False
            self._lock.release()


class _View(Generic[V]):
    """A table as one unit sees it: what is committed, under what the unit has changed."""

    def __init__(self, base: dict[Key, V], lock: _Lock) -> None:
        self._base = base
        self._lock = lock
        self._changed: dict[Key, V] = {}

    def add(self, key: Key, value: V) -> None:
        self._lock.take()
        if self.get(key) is not None:
            raise StorageError(f"already written: {key}")
        self._changed[key] = value

    def put(self, key: Key, value: V) -> None:
        self._lock.take()
        self._changed[key] = value

    def get(self, key: Key) -> V | None:
        found = self._changed.get(key)
        return self._base.get(key) if found is None else found

    def values(self) -> list[V]:
        return list({**self._base, **self._changed}.values())

    def commit(self) -> None:
        self._base.update(self._changed)
        self._changed.clear()


class _Tables:
    """Everything that is committed."""

    def __init__(self) -> None:
        self.runs: dict[Key, RunRecord] = {}
        self.bars: dict[Key, SeenBar] = {}
        self.decisions: dict[Key, DecisionRecord] = {}
        self.orders: dict[Key, OrderRecord] = {}
        self.fills: dict[Key, FillRecord] = {}
        self.trades: dict[Key, str] = {}
        self.entries: dict[Key, LedgerRecord] = {}
        self.causes: dict[Key, int] = {}
        self.marks: dict[Key, EquityMark] = {}
        self.snapshots: dict[Key, SnapshotRecord] = {}


class MemoryRuns:
    """Sessions by id."""

    def __init__(self, view: _View[RunRecord]) -> None:
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

    def __init__(self, view: _View[SeenBar]) -> None:
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

    def __init__(self, view: _View[DecisionRecord]) -> None:
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

    def __init__(self, view: _View[OrderRecord]) -> None:
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

    def __init__(self, view: _View[FillRecord], trades: _View[str]) -> None:
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

    def __init__(self, view: _View[LedgerRecord], causes: _View[int]) -> None:
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

    def __init__(self, view: _View[EquityMark]) -> None:
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

    def __init__(self, view: _View[SnapshotRecord]) -> None:
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


class MemoryUnitOfWork:
    """One transaction over the tables."""

    def __init__(self, tables: _Tables, lock: _Lock) -> None:
        self._lock = lock
        runs = _View(tables.runs, lock)
        bars = _View(tables.bars, lock)
        decisions = _View(tables.decisions, lock)
        orders = _View(tables.orders, lock)
        fills, trades = _View(tables.fills, lock), _View(tables.trades, lock)
        entries, causes = _View(tables.entries, lock), _View(tables.causes, lock)
        marks = _View(tables.marks, lock)
        snapshots = _View(tables.snapshots, lock)
        self._commits = [
            view.commit
            for view in (
                runs, bars, decisions, orders, fills, trades, entries, causes, marks, snapshots
            )
        ]  # fmt: skip
        self.runs = MemoryRuns(runs)
        self.bars = MemorySeenBars(bars)
        self.decisions = MemoryDecisions(decisions)
        self.orders = MemoryOrders(orders)
        self.fills = MemoryFills(fills, trades)
        self.ledger = MemoryLedgerEntries(entries, causes)
        self.marks = MemoryEquityMarks(marks)
        self.snapshots = MemorySnapshots(snapshots)

    def commit(self) -> None:
        """Make everything since the last commit visible to others."""
        for commit in self._commits:
            commit()
        self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._lock.release()


class MemoryStore:
    """A journal that is gone with the process.

    Args:
        lock_timeout_s: How long a writer waits for another one.
    """

    def __init__(self, *, lock_timeout_s: float = 5.0) -> None:
        self._tables = _Tables()
        self._lock = threading.Lock()
        self._lock_timeout_s = lock_timeout_s

    def writing(self) -> MemoryUnitOfWork:
        """Return a unit that may write."""
        return self._unit(writing=True)

    def reading(self) -> MemoryUnitOfWork:
        """Return a unit that only reads."""
        return self._unit(writing=False)

    def close(self) -> None:
        """Do nothing: there is nothing to release."""

    def _unit(self, *, writing: bool) -> MemoryUnitOfWork:
        lock = _Lock(self._lock, self._lock_timeout_s, writing=writing)
        return MemoryUnitOfWork(self._tables, lock)
