"""The journal in memory: for trials, tests and sessions that need no tomorrow."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Any, Protocol, Self

from ....application.journal import (
    AuditRecord,
    BreakerRecord,
    ControlRecord,
    DecisionRecord,
    DiscrepancyRecord,
    EquityMark,
    FillRecord,
    IntentRecord,
    IntentStatus,
    LeaseRecord,
    LedgerRecord,
    OrderRecord,
    RunRecord,
    SeenBar,
    SnapshotRecord,
)
from ....domain.orders import FINAL, intent_id
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
from .series import Series, SeriesView
from .views import Key, Lock, Table, V, View


class _Owned(Protocol):
    @property
    def account(self) -> str: ...


def _account(row: _Owned) -> Key:
    return (row.account,)


class Tables:
    """Everything that is committed."""

    def __init__(self) -> None:
        self.runs: Table[RunRecord] = Table()
        self.bars: Series[SeenBar] = Series()
        self.decisions: Series[DecisionRecord] = Series()
        self.marks: Series[EquityMark] = Series()
        self.snapshots: Table[SnapshotRecord] = Table()
        self.intents: Table[IntentRecord] = Table(
            account=_account,
            working=lambda one: _account(one) if one.status is IntentStatus.WORKING else None,
        )
        self.orders: Table[OrderRecord] = Table(
            account=_account,
            intent=lambda one: (one.account, intent_id(one.intent)),
            live=lambda one: None if isinstance(one.state, FINAL) else _account(one),
        )
        self.fills: Table[FillRecord] = Table(
            account=_account, order=lambda one: (one.account, one.client_order_id)
        )
        self.trades: Table[FillRecord] = Table()
        self.entries: Table[LedgerRecord] = Table(account=_account)
        self.causes: Table[LedgerRecord] = Table()
        self.leases: Table[LeaseRecord] = Table()
        self.controls: Table[ControlRecord] = Table(
            account=_account,
            pending=lambda one: _account(one) if one.handled_at is None else None,
        )
        self.modes: Table[ModeCause] = Table(account=_account)
        self.breakers: Table[BreakerRecord] = Table(account=_account)
        self.discrepancies: Table[DiscrepancyRecord] = Table(
            open=lambda one: _account(one) if one.closed_at is None else None
        )
        self.cursors: Table[tuple[str, str, int]] = Table(account=lambda one: (one[0],))
        self.audit: Table[AuditRecord] = Table(account=_account)
        self.ends: Table[int] = Table()


class MemoryUnitOfWork:
    """One transaction over the tables."""

    def __init__(self, tables: Tables, lock: Lock) -> None:
        self._lock = lock
        self._views: list[View[Any] | SeriesView[Any]] = []
        orders, ends = self._view(tables.orders), self._view(tables.ends)
        self.runs = MemoryRuns(self._view(tables.runs))
        self.bars = MemorySeenBars(self._series(tables.bars))
        self.decisions = MemoryDecisions(self._series(tables.decisions))
        self.marks = MemoryEquityMarks(self._series(tables.marks))
        self.snapshots = MemorySnapshots(self._view(tables.snapshots))
        self.intents = MemoryIntents(self._view(tables.intents))
        self.orders = MemoryOrders(orders)
        fills, trades = self._view(tables.fills), self._view(tables.trades)
        self.fills = MemoryFills(fills, trades, orders, ends)
        entries, causes = self._view(tables.entries), self._view(tables.causes)
        self.ledger = MemoryLedgerEntries(entries, causes, ends)
        self.leases = MemoryLeases(self._view(tables.leases))
        self.controls = MemoryControls(self._view(tables.controls))
        self.modes = MemoryModes(self._view(tables.modes))
        self.breakers = MemoryBreakers(self._view(tables.breakers))
        self.discrepancies = MemoryDiscrepancies(self._view(tables.discrepancies))
        self.cursors = MemoryCursors(self._view(tables.cursors))
        self.audit = MemoryAudit(self._view(tables.audit), ends)

    def commit(self) -> None:
        """Make everything since the last commit visible to others."""
        self._lock.check()
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

    def _view(self, table: Table[V]) -> View[V]:
        view = View(table, self._lock)
        self._views.append(view)
        return view

    def _series(self, series: Series[V]) -> SeriesView[V]:
        view = SeriesView(series, self._lock)
        self._views.append(view)
        return view


class MemoryStore:
    """A journal that is gone with the process; it takes no account of real money.

    Args:
        lock_timeout_s: How long a writer waits for another one.
    """

    durable = False

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
