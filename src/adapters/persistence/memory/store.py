"""The journal in memory: for trials, tests and sessions that need no tomorrow."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Self

from ....application.journal import (
    DecisionRecord,
    EquityMark,
    FillRecord,
    LedgerRecord,
    OrderRecord,
    RunRecord,
    SeenBar,
    SnapshotRecord,
)
from .repositories import (
    MemoryDecisions,
    MemoryEquityMarks,
    MemoryFills,
    MemoryLedgerEntries,
    MemoryOrders,
    MemoryRuns,
    MemorySeenBars,
    MemorySnapshots,
)
from .views import Key, Lock, View


class Tables:
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


class MemoryUnitOfWork:
    """One transaction over the tables."""

    def __init__(self, tables: Tables, lock: Lock) -> None:
        self._lock = lock
        runs = View(tables.runs, lock)
        bars = View(tables.bars, lock)
        decisions = View(tables.decisions, lock)
        orders = View(tables.orders, lock)
        fills, trades = View(tables.fills, lock), View(tables.trades, lock)
        entries, causes = View(tables.entries, lock), View(tables.causes, lock)
        marks = View(tables.marks, lock)
        snapshots = View(tables.snapshots, lock)
        self._views = (
            runs, bars, decisions, orders, fills, trades, entries, causes, marks, snapshots
        )  # fmt: skip
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
        for view in self._views:
            view.commit()
        self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for view in self._views:
            view.undo()
        self._lock.release()


class MemoryStore:
    """A journal that is gone with the process.

    Args:
        lock_timeout_s: How long a writer waits for another one.
    """

    def __init__(self, *, lock_timeout_s: float = 5.0) -> None:
        self._tables = Tables()
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
        lock = Lock(self._lock, self._lock_timeout_s, writing=writing)
        return MemoryUnitOfWork(self._tables, lock)
