"""TradingSession: bars in, decisions and orders out, everything written down."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

from ...domain.errors import DataError
from ...domain.market import Instrument, Timeframe
from ...domain.orders import (
    Intended,
    Leg,
    OrderIntent,
    OrderKind,
    OrderTerms,
    Purpose,
    Reduction,
    Submitting,
    client_order_id,
    move,
)
from ...domain.simulation import Account, SimulationSettings
from ...domain.simulation.step import is_ruined
from ..journal import OrderRecord, RunStatus, SnapshotRecord
from ..market.row import BarRow
from ..ports.agent import Agent
from ..ports.bar_feed import BarFeed
from ..ports.clock import Clock
from ..ports.feature_builder import FeatureStream
from ..ports.unit_of_work import Store, UnitOfWork
from ..ports.venue import OrderRequest, Venue
from .books import Books
from .decider import Decider
from .gate import DataGate
from .observer import Observer
from .recorder import Recorder
from .recovery import FEATURES, Recovered, Recovery

Reinstate = Callable[[Account, BarRow, int], None]
"""Gives a simulated venue the account back: account, last bar, trades of that bar."""


@dataclass(frozen=True, slots=True)
class SessionPlan:
    """What fixes the course of a session.

    Attributes:
        grace_ms: How long after its close a bar may take to be final.
        commit_every: Bars a transaction; more than 1 only for recorded bars, where a crash loses
            nothing that the next run does not find again.
        snapshot_every: Bars between snapshots of the indicators.
    """

    run_id: str
    instruments: tuple[Instrument, ...]
    timeframe: Timeframe
    settings: SimulationSettings
    grace_ms: int = 3_000
    commit_every: int = 1
    snapshot_every: int = 512

    @property
    def symbols(self) -> tuple[str, ...]:
        """The assets' names, in column order."""
        return tuple(str(one.symbol) for one in self.instruments)


@dataclass(frozen=True, slots=True)
class Gear:
    """What a session works with.

    Attributes:
        reinstate: How to give a simulated venue its account back after a restart.
    """

    agent: Agent
    feed: BarFeed
    venue: Venue
    stream: FeatureStream
    store: Store
    clock: Clock
    reinstate: Reinstate | None = None


class TradingSession:
    """Runs one agent on one account until its bars end or it is told to stop.

    All of one bar is one unit of work: the bar as seen, what the venue reported, the mark, the
    decision, and the orders, which are sent only after the commit. A session that died goes on from
    the journal at the next bar, as if nothing had happened.
    """

    def __init__(self, plan: SessionPlan, gear: Gear) -> None:
        self._plan = plan
        self._gear = gear
        self._books = Books(plan.run_id, plan.instruments, plan.settings.initial_cash)
        self._observer = Observer(gear.stream, gear.agent, len(plan.instruments))
        self._decider = Decider(plan.run_id, plan.instruments, plan.settings)
        self._recorder = Recorder(plan.run_id, self._books, gear.venue.name, plan.symbols)
        self._gate = DataGate(plan.timeframe, plan.grace_ms)
        self._bars = 0
        self._before = 0
        self._uncommitted = 0
        self._last: BarRow | None = None

    @property
    def bars(self) -> int:
        """Bars lived through in this process."""
        return self._bars

    @property
    def position(self) -> int:
        """Bars lived through since the run began, in whatever process."""
        return self._before + self._bars

    @property
    def books(self) -> Books:
        """The session's books, to read."""
        return self._books

    def run(
        self,
        should_stop: Callable[[], bool] = lambda: False,
        on_bar: Callable[[int], None] = lambda _: None,
    ) -> RunStatus:
        """Live until the bars end, the account is ruined, or ``should_stop`` says so.

        Args:
            should_stop: Asked between bars.
            on_bar: Told how many bars were lived through.

        Raises:
            DataError: If bars are out of order, or too few for the agent's warm-up.
            StorageError: If the journal cannot be written; what was committed stands.
        """
        with self._gear.store.writing() as unit:
            status = self._begin(unit)
            if status is None:
                after = None if self._last is None else self._last.open_time
                for row in self._gear.feed.rows(after):
                    status = self._bar(unit, row)
                    on_bar(self._bars)
                    if status is not None:
                        break
                    if should_stop():
                        status = RunStatus.STOPPED
                        break
            return self._end(unit, status or RunStatus.FINISHED)

    def _begin(self, unit: UnitOfWork) -> RunStatus | None:
        plan, gear = self._plan, self._gear
        recovery = Recovery(
            unit, plan.run_id, plan.symbols, plan.timeframe, plan.settings.maker_wait
        )
        found = recovery.replay(self._books, self._observer, gear.feed)
        if found is None:
            self._observer.warm_up(gear.feed.history())
            return None
        return self._resume(unit, found)

    def _resume(self, unit: UnitOfWork, found: Recovered) -> RunStatus | None:
        self._last = found.last
        self._before = found.bars
        self._gate.resume(found.last.open_time)
        self._recorder.resume(found.live, found.fills, found.chains, found.last.open_time)
        if self._gear.reinstate is not None:
            account = copy.deepcopy(self._books.account)
            self._gear.reinstate(account, found.last, found.trades)
        # A simulated clock stands at the beginning again; a real one is past this long ago.
        self._gear.clock.sleep_until(found.last.close_time + self._plan.grace_ms)
        now = self._gear.clock.now_ms()
        for order in found.live:
            self._submit(order, now)
        if found.mark is None or found.mark.bar_time != found.last.open_time:
            # It died between the exits of a ruin and the last mark.
            return self._close_books(unit, found.last, now)
        return None

    def _bar(self, unit: UnitOfWork, row: BarRow) -> RunStatus | None:
        now = self._gear.clock.now_ms()
        self._gate.admit(row, now)
        if self._last is None:
            unit.ledger.add(self._books.open(row.close_time, now))
        self._recorder.seen(unit, row, now)
        self._collect(unit, now)
        self._books.live_through(row)
        self._last = row
        self._bars += 1
        settings = self._plan.settings
        mark = self._books.mark(row, now)
        if is_ruined(mark.equity, settings.initial_cash, settings):
            exits = self._decider.close_all(row, self._books.account)
            self._send(unit, exits, now, commit=True)
            return self._close_books(unit, row, now)
        unit.marks.add(mark)
        self._observer.take(row)
        self._decide(unit, row, now)
        return None

    def _decide(self, unit: UnitOfWork, row: BarRow, now: int) -> None:
        if not self._observer.ready:
            raise DataError(
                f"the bar of {row.open_time} lies within the agent's warm-up",
                mend="start later, or give more history before the start",
            )
        blocked, actions = "", None
        if self._gate.stale(row, now):
            blocked = "the bar is older than one interval"
        else:
            actions = self._observer.decide(self._books.account, row.closes)
        decided = self._decider.decide(row, actions, self._books.account, now, blocked)
        unit.decisions.add(decided.record)
        if self._bars % self._plan.snapshot_every == 0:
            self._snapshot(unit, row)
        self._uncommitted += 1
        commit = self._uncommitted >= self._plan.commit_every
        self._send(unit, decided.intents, now, commit=commit)

    def _send(
        self, unit: UnitOfWork, intents: tuple[OrderIntent, ...], now: int, *, commit: bool
    ) -> None:
        """Write the orders down, commit, and only then send them."""
        orders = []
        for intent in intents:
            order_id = client_order_id(intent, venue=self._gear.venue.name, leg=Leg.BAR, attempt=1)
            state = move(Intended(), Submitting())
            order = OrderRecord(self._plan.run_id, order_id, intent, state, now, now)
            self._recorder.add(unit, order)
            orders.append(order)
        self._recorder.flush(unit)
        if commit:
            unit.commit()
            self._uncommitted = 0
        for order in orders:
            self._submit(order, now)

    def _submit(self, order: OrderRecord, now: int) -> None:
        request = OrderRequest(order.client_order_id, _bar_terms(order.intent))
        answer = self._gear.venue.create(request)
        self._recorder.answered(order.client_order_id, answer, now)

    def _collect(self, unit: UnitOfWork, now: int) -> None:
        self._recorder.apply(unit, self._gear.venue.drain(), now)

    def _close_books(self, unit: UnitOfWork, row: BarRow, now: int) -> RunStatus:
        self._collect(unit, now)
        unit.marks.add(self._books.mark(row, now))
        return RunStatus.RUINED

    def _snapshot(self, unit: UnitOfWork, row: BarRow) -> None:
        content = self._observer.snapshot()
        unit.snapshots.put(SnapshotRecord(self._plan.run_id, FEATURES, row.open_time, content))

    def _end(self, unit: UnitOfWork, status: RunStatus) -> RunStatus:
        now = self._gear.clock.now_ms()
        if status is not RunStatus.STOPPED:
            for order in self._recorder.live:
                self._gear.venue.cancel(order.intent.symbol, order.client_order_id)
            self._collect(unit, now)
        if self._last is not None:
            self._books.prove_everything(self._last)
            if status is RunStatus.STOPPED:
                self._snapshot(unit, self._last)
        self._recorder.flush(unit)
        unit.runs.set_status(self._plan.run_id, status, now)
        unit.commit()
        return status


def _bar_terms(intent: OrderIntent) -> OrderTerms:
    kind = OrderKind.LAST_CLOSE if intent.purpose is Purpose.RUIN else OrderKind.NEXT_OPEN
    return OrderTerms(
        intent.symbol,
        intent.side,
        intent.lots,
        kind,
        reduce_only=isinstance(intent, Reduction),
    )
