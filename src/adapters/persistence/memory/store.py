"""The journal in memory: for trials, tests and sessions that need no tomorrow."""

from __future__ import annotations

import threading
from functools import cached_property
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
    """One transaction over the tables; what nobody asks for is not made."""

    def __init__(self, tables: Tables, lock: Lock) -> None:
        self._tables = tables
        self._lock = lock
        self._views: list[View[Any] | SeriesView[Any]] = []

    @cached_property
    def runs(self) -> MemoryRuns:
        """Sessions by id."""
        return MemoryRuns(self._view(self._tables.runs))

    @cached_property
    def bars(self) -> MemorySeenBars:
        """Bars as seen."""
        return MemorySeenBars(self._series(self._tables.bars))

    @cached_property
    def decisions(self) -> MemoryDecisions:
        """Decisions."""
        return MemoryDecisions(self._series(self._tables.decisions))

    @cached_property
    def marks(self) -> MemoryEquityMarks:
        """The equity curve."""
        return MemoryEquityMarks(self._series(self._tables.marks))

    @cached_property
    def snapshots(self) -> MemorySnapshots:
        """States that are slow to rebuild."""
        return MemorySnapshots(self._view(self._tables.snapshots))

    @cached_property
    def intents(self) -> MemoryIntents:
        """Approved intents."""
        return MemoryIntents(self._view(self._tables.intents))

    @cached_property
    def orders(self) -> MemoryOrders:
        """Attempts."""
        return MemoryOrders(self._orders)

    @cached_property
    def leases(self) -> MemoryLeases:
        """Who may trade."""
        return MemoryLeases(self._view(self._tables.leases))

    @cached_property
    def controls(self) -> MemoryControls:
        """Commands to sessions."""
        return MemoryControls(self._view(self._tables.controls))

    @cached_property
    def modes(self) -> MemoryModes:
        """Why less than everything is allowed."""
        return MemoryModes(self._view(self._tables.modes))

    @cached_property
    def breakers(self) -> MemoryBreakers:
        """Breakers."""
        return MemoryBreakers(self._view(self._tables.breakers))

    @cached_property
    def discrepancies(self) -> MemoryDiscrepancies:
        """Differences to the venue."""
        return MemoryDiscrepancies(self._view(self._tables.discrepancies))

    @cached_property
    def cursors(self) -> MemoryCursors:
        """How far the venue was read."""
        return MemoryCursors(self._view(self._tables.cursors))

    @cached_property
    def audit(self) -> MemoryAudit:
        """What changed what may be done."""
        return MemoryAudit(self._view(self._tables.audit), self._ends)

    @cached_property
    def fills(self) -> MemoryFills:
        """Fills."""
        fills, trades = self._view(self._tables.fills), self._view(self._tables.trades)
        return MemoryFills(fills, trades, self._orders, self._ends)

    @cached_property
    def ledger(self) -> MemoryLedgerEntries:
        """Ledger entries."""
        entries, causes = self._view(self._tables.entries), self._view(self._tables.causes)
        return MemoryLedgerEntries(entries, causes, self._ends)

    @cached_property
    def _orders(self) -> View[OrderRecord]:
        return self._view(self._tables.orders)

    @cached_property
    def _ends(self) -> View[int]:
        return self._view(self._tables.ends)

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
