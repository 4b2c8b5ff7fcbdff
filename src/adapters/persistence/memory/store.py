"""The journal in memory: for trials, tests and sessions that need no tomorrow."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Any, Self

from ....application.journal import (
    AuditRecord,
    BreakerRecord,
    ControlRecord,
    DecisionRecord,
    DiscrepancyRecord,
    EquityMark,
    FillRecord,
    IntentRecord,
    LeaseRecord,
    LedgerRecord,
    OrderRecord,
    RunRecord,
    SeenBar,
    SnapshotRecord,
)
from ....domain.risk import ModeCause
from .control_repositories import (
    MemoryAudit,
    MemoryBreakers,
    MemoryControls,
    MemoryCursors,
    MemoryDiscrepancies,
    MemoryLeases,
    MemoryModes,
)
from .order_repositories import MemoryFills, MemoryIntents, MemoryLedgerEntries, MemoryOrders
from .repositories import (
    MemoryDecisions,
    MemoryEquityMarks,
    MemoryRuns,
    MemorySeenBars,
    MemorySnapshots,
)
from .views import Key, Lock, V, View


class Tables:
    """Everything that is committed."""

    def __init__(self) -> None:
        self.runs: dict[Key, RunRecord] = {}
        self.bars: dict[Key, SeenBar] = {}
        self.decisions: dict[Key, DecisionRecord] = {}
        self.marks: dict[Key, EquityMark] = {}
        self.snapshots: dict[Key, SnapshotRecord] = {}
        self.intents: dict[Key, IntentRecord] = {}
        self.orders: dict[Key, OrderRecord] = {}
        self.fills: dict[Key, FillRecord] = {}
        self.trades: dict[Key, FillRecord] = {}
        self.entries: dict[Key, LedgerRecord] = {}
        self.causes: dict[Key, LedgerRecord] = {}
        self.leases: dict[Key, LeaseRecord] = {}
        self.controls: dict[Key, ControlRecord] = {}
        self.modes: dict[Key, ModeCause] = {}
        self.breakers: dict[Key, BreakerRecord] = {}
        self.discrepancies: dict[Key, DiscrepancyRecord] = {}
        self.cursors: dict[Key, tuple[str, str, int]] = {}
        self.audit: dict[Key, AuditRecord] = {}


class MemoryUnitOfWork:
    """One transaction over the tables."""

    def __init__(self, tables: Tables, lock: Lock) -> None:
        self._lock = lock
        self._views: list[View[Any]] = []
        orders = self._view(tables.orders)
        self.runs = MemoryRuns(self._view(tables.runs))
        self.bars = MemorySeenBars(self._view(tables.bars))
        self.decisions = MemoryDecisions(self._view(tables.decisions))
        self.marks = MemoryEquityMarks(self._view(tables.marks))
        self.snapshots = MemorySnapshots(self._view(tables.snapshots))
        self.intents = MemoryIntents(self._view(tables.intents))
        self.orders = MemoryOrders(orders)
        self.fills = MemoryFills(self._view(tables.fills), self._view(tables.trades), orders)
        self.ledger = MemoryLedgerEntries(self._view(tables.entries), self._view(tables.causes))
        self.leases = MemoryLeases(self._view(tables.leases))
        self.controls = MemoryControls(self._view(tables.controls))
        self.modes = MemoryModes(self._view(tables.modes))
        self.breakers = MemoryBreakers(self._view(tables.breakers))
        self.discrepancies = MemoryDiscrepancies(self._view(tables.discrepancies))
        self.cursors = MemoryCursors(self._view(tables.cursors))
        self.audit = MemoryAudit(self._view(tables.audit))

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

    def _view(self, table: dict[Key, V]) -> View[V]:
        view = View(table, self._lock)
        self._views.append(view)
        return view


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
