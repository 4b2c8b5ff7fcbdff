"""One simulated world: venue, database, processes and people under one seed, and who watches."""

from __future__ import annotations

import gc
import hashlib
import shutil
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from decimal import Decimal
from multiprocessing.util import Finalize
from pathlib import Path

from mettle.adapters.persistence.memory import MemoryStore
from mettle.adapters.persistence.sql import SqlStore
from mettle.adapters.system import PhiloxRandomness
from mettle.adapters.venues.exchange import (
    BarPath,
    ExchangeRules,
    ExchangeVenue,
    FaultPlan,
    FeeMode,
    Latency,
    NewOrder,
    SimulatedExchange,
)
from mettle.application.ports.unit_of_work import Store
from mettle.application.ports.venue import OrderRequest
from mettle.application.session.stops import has_stops
from mettle.domain.errors import (
    DataError,
    MettleError,
    NotRunning,
    RefusedForSafety,
    StorageError,
    VenueError,
)

from .aim import Aim
from .chance import Chance
from .clock import SimulatedWorldClock
from .exchange_truth import ExchangeTruth
from .feed import Candles
from .hooks import Hooks
from .markets import START, candles
from .oracle import Oracle, OracleSettings
from .oracle.view import state_name
from .people import DEATH, People
from .plan import MINUTE, WorldPlan, fault_plan
from .players import WARM_UP, SessionGear, run_session
from .report import Report
from .scheduler import Actor, Crash, Scheduler
from .sinks import WorldKillSwitch, WorldNotifier
from .storage import Change, Disk, ProcessStore
from .wire import CANARY, ProcessVenue, Wire

ACCOUNT = "sim:exchange:main"
_EXPECTED = (StorageError, VenueError, RefusedForSafety, NotRunning, DataError)
"""Errors that end a process honestly; its keeper starts it again."""


class World:
    """A world, ready to run.

    Args:
        plan: What it is like.
        memory: Keep the journal in memory instead of SQLite.
    """

    def __init__(self, plan: WorldPlan, *, memory: bool = False) -> None:
        self.plan = plan
        self.chance = Chance(plan.seed)
        self.panel = candles(plan.names, plan.bars, plan.seed, plan.timeframe, plan.swing)
        start = START + WARM_UP * self.panel.timeframe.milliseconds
        self.scheduler = Scheduler(self.chance, start)
        self.exchange = self._exchange()
        self.truth = ExchangeTruth(self.exchange, ACCOUNT, self.panel.instruments)
        self.oracle = Oracle(self._oracle_settings(), self.truth)
        self.hooks = Hooks(self.scheduler, self.chance)
        self._folder = Path(tempfile.mkdtemp(prefix="dst-", dir=_fast_disk()))
        self.store: Store = MemoryStore() if memory else _database(self._folder)
        self.disk = Disk(self.store, self.scheduler, self.chance, plan.disk)
        self.disk.committed = self._committed
        self.wire = Wire(self.oracle)
        self.notifier = WorldNotifier(self.oracle.data.said)
        self.kill_switch = WorldKillSwitch(self._flagged)
        self.report = Report(runs=1)
        self.candles = Candles(self.panel, WARM_UP, self.exchange, ACCOUNT)
        self.exchange.faults.states = self._states
        self.stopping = False
        self.resting = False
        self.pauses: tuple[int, ...] = (200, 1_000, 5_000, 30_000, 70_000)
        self.processes = {"session": Actor("session", lambda: self._session("session"))}
        self.clocks = {"session": SimulatedWorldClock(self.scheduler, plan.skew_ms)}
        if plan.second_trader and plan.has("second trader"):
            self.processes["rival"] = Actor("rival", lambda: self._session("rival"))
            self.clocks["rival"] = SimulatedWorldClock(self.scheduler)
        self.people = People(self)
        self.aim = Aim(self) if plan.aim else None
        self.disk.struck = lambda: self.struck("database fails")
        self.hooks.struck = self._died
        self.hooks.shares = plan.deaths
        self.oracle.use_clocks(lambda name: self.clocks[name].now_ms())
        self.scheduler.after_event = self._after_event
        self.scheduler.on_end = self._ended
        self._connections = 0
        self._lines: dict[str, ExchangeVenue] = {}

    def _exchange(self) -> SimulatedExchange:
        plan, clock = self.plan, SimulatedWorldClock(self.scheduler)
        randomness = PhiloxRandomness(plan.seed)
        paths = {
            one.symbol: BarPath(self.panel, one.symbol, randomness, ticks=12)
            for one in self.panel.instruments
        }
        rules = ExchangeRules(
            plan.policy,
            post_only=plan.post_only,
            lookup_by_id=plan.lookup_by_id,
            stamped=plan.stamped,
            leverage=max(1, plan.settings.leverage) * 2,
            third_asset="BNB",
            funding_ms=plan.funding_minutes * MINUTE,
            fence_ms=plan.fence_ms,
        )
        exchange = SimulatedExchange(
            self.panel.instruments, paths, clock, randomness, rules, self.faults_of(plan)
        )
        cash = Decimal(plan.settings.initial_cash) / 10**8
        deposits = {"USDT": cash, "BNB": Decimal(plan.third)} if plan.third else {"USDT": cash}
        exchange.open_account(ACCOUNT, deposits, fee_mode=FeeMode(plan.fee_mode))
        exchange.set_third_price("USDT", 500 * 10**8)
        return exchange

    def faults_of(self, plan: WorldPlan) -> FaultPlan:
        """Return what goes wrong at the venue."""
        return fault_plan(plan)

    def _oracle_settings(self) -> OracleSettings:
        return OracleSettings(
            ACCOUNT,
            self.plan.settings.initial_cash,
            self.panel.timeframe.milliseconds,
            self.plan.profile,
            (CANARY,),
        )

    # Processes.

    def _session(self, name: str) -> None:
        actor, clock = self.processes[name], self.clocks[name]
        if name != "session":
            self.struck("world: second trader")
        store = ProcessStore(self.disk, self.hooks, actor)
        run_session(
            SessionGear(
                name,
                ACCOUNT,
                self.candles,
                self.venue_for(actor, store),
                store,
                clock,
                self.kill_switch,
                self.notifier,
                self.plan.profile,
                self.plan.settings,
                self.oracle.data.told,
                lambda: self.resting,
                self.plan.calm,
                policy=self.plan.execution,
            ),
            lambda: self.stopping,
        )

    def venue_for(self, actor: Actor, store: ProcessStore) -> ProcessVenue:
        """Return a fresh connection of a process to the venue."""
        self._connections += 1
        inner = ExchangeVenue(
            self.exchange,
            ACCOUNT,
            self.clocks[actor.name],
            PhiloxRandomness(self.plan.seed),
            connection=self._connections,
            latency=Latency(timeout=self.plan.timeout_ms),
        )
        self._lines[actor.name] = inner
        return ProcessVenue(inner, self.wire, self.hooks, actor, store, self._ghost)

    def _ghost(self, request: OrderRequest) -> None:
        """A request whose sender died on the way: it may still arrive."""
        new = NewOrder.of(request.client_order_id, request.terms)
        if self.truth.received[-1:] == [new] or any(one == new for one in self.truth.received):
            return
        if self.chance.hit("ghost", 0.5):
            self.struck("request arrives after its sender died", ["Submitting"])
            due = self.scheduler.now + self.chance.stream("ghost").choice((1, 50, 900, 4_000))
            place = self.exchange.reception.place
            self.scheduler.at(due, "ghost", lambda: self._arrive(place, new))

    def _arrive(self, place: Callable[[str, NewOrder], object], new: NewOrder) -> None:
        self.exchange.sync()
        place(ACCOUNT, new)

    def _ended(self, actor: Actor, error: BaseException | None) -> None:
        """Keep a process running: whatever ended it, it starts again."""
        name = "end" if error is None else type(error).__name__
        self.report.ends[f"{actor.name} {name}"] += 1
        line = self._lines.pop(actor.name, None)
        if line is not None:
            # What a dead process held is gone, whether or not its memory was collected.
            line.close()
        self.oracle.contract.ended()
        if error is not None:
            self.oracle.data.said("an error", str(error))
        if isinstance(error, Crash):
            self.report.restarts += 1
        elif error is not None and not _is_honest(error):
            where = traceback.extract_tb(error.__traceback__)[-1]
            text = f"{actor.name} died of {type(error).__name__}: {error} ({where.name})"
            self.oracle.found.broken("defect", text)
        if error is None or self.stopping or self.processes.get(actor.name) is not actor:
            return
        pause = self.chance.stream("restart").choice(self.pauses)
        self.scheduler.start_actor(actor, self.scheduler.now + pause)

    # Watching.

    def _committed(self, actor: Actor, changes: list[Change]) -> None:
        self.oracle.found.time = self.scheduler.now
        self.exchange.sync()
        self.oracle.committed(changes)
        written = sum(one.table == "orders" and one.method == "add" for one in changes)
        self.report.orders += written
        if written:
            self.people.at_write_ahead(actor)

    def _states(self, account: str, client_id: str) -> list[str]:
        """Return the states in which our journal has the orders that a fault strikes."""
        view = self.oracle.view
        if account != ACCOUNT:
            return []
        live = view.possibly_live
        ids = live if not client_id else (client_id,) if client_id in live else ()
        return [state_name(view.orders[one]) for one in ids]

    def struck(self, fault: str, states: Sequence[str] | None = None) -> None:
        """Count a fault outside the venue: once, and once a state of the orders that may live."""
        self.report.fired[fault] += 1
        for state in (self.states_of_live() if states is None else states) or ("idle",):
            self.report.cells[fault, state] += 1

    def _died(self, label: str) -> None:
        self.struck(DEATH)
        self.people.at_death(label)

    def states_of_live(self) -> list[str]:
        """Return the states of the orders that may be live, each once."""
        view = self.oracle.view
        return sorted({state_name(view.orders[one]) for one in view.possibly_live})

    def _flagged(self, reason: str | None) -> None:
        self.oracle.found.time = self.scheduler.now
        self.oracle.flagged(reason)

    def _after_event(self, _: str) -> None:
        self.exchange.sync()
        self.oracle.tick(self.scheduler.events, self.scheduler.now)
        if self.aim is not None:
            self.aim.look()

    # Running.

    def run(self, events: int, *, stop_at_violation: bool = True, calm: bool = True) -> Report:
        """Live through ``events`` events of trouble, then through the calm, and report."""
        began = time.monotonic()
        gc.disable()
        try:
            self._begin()
            done = self._live(events, stop_at_violation)
            if done and calm:
                self._calm()
        finally:
            gc.enable()
            self.close()
        return self._reported(time.monotonic() - began)

    def _begin(self) -> None:
        for name, actor in self.processes.items():
            self.scheduler.start_actor(actor, self.scheduler.now + 10 * (name != "session"))
        self.people.begin()
        self.hooks.share = self.plan.crash_share if self.plan.has("crash") else 0.0

    def _live(self, events: int, stop_at_violation: bool) -> bool:
        while self.scheduler.events < events:
            before = self.scheduler.events
            self.scheduler.run(events=min(500, events - before))
            if self.scheduler.events == before:
                break
            if stop_at_violation and self.oracle.violations:
                return False
        return not (stop_at_violation and self.oracle.violations)

    def _calm(self) -> None:
        """End every fault, give the account back, and see whether everything comes right."""
        self.hooks.share, self.hooks.shares = 0.0, {}
        self.disk.quiet = True
        self.disk.until.clear()
        self.exchange.mischief.calm()
        self.people.calm()
        self._pass(5)
        self.oracle.end.settled(self.scheduler.now - 5 * MINUTE)
        self.people.tidy()
        for _ in range(5):
            self._pass(1)
            self._look_at_stops()
        self.resting = True
        self._pass(self.plan.calm_minutes - 10)
        self.oracle.end.database(self.store)
        # A stop may be reached at any moment, the last one too; where there is none, nothing may.
        margin = MINUTE if has_stops(self.oracle.settings.profile) else 0
        self.oracle.end.settled(self.scheduler.now - margin)
        self.oracle.end.converged()
        self._look_at_stops()
        try:
            self.exchange.audit()
        except MettleError as error:
            self.oracle.found.broken("exchange", str(error))

    def _look_at_stops(self) -> None:
        if has_stops(self.oracle.settings.profile) and self.exchange.rules.stops:
            self.oracle.end.protected(self.scheduler.now)

    def _pass(self, minutes: int) -> None:
        self.scheduler.run(until=self.scheduler.now + minutes * MINUTE)

    def close(self) -> None:
        """End every process and take the database away."""
        self.stopping = True
        for actor in self.processes.values():
            self.scheduler.kill(actor)
        self.store.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def trace(self) -> str:
        """SHA-256 over everything that happened, here and at the venue."""
        return hashlib.sha256(f"{self.scheduler.trace}{self.exchange.trace}".encode()).hexdigest()

    def _reported(self, seconds: float) -> Report:
        report, view = self.report, self.oracle.view
        report.events, report.seconds = self.scheduler.events, seconds
        report.checks, report.fills = self.oracle.found.checks, len(view.fills)
        report.disk.update(self.disk.fired)
        for fault, count in self.exchange.faults.struck.items():
            report.fired[fault.value] += count
        for (fault, state), count in self.exchange.faults.fired.items():
            report.cells[fault.value, state] += count
        report.places.update(self.hooks.covered)
        report.deaths.update(self.hooks.killed)
        report.calls.update(self.wire.calls)
        for order in view.orders.values():
            report.states[type(order.state).__name__] += 1
        report.broken = [(self.plan.seed, one) for one in self.oracle.violations]
        report.traces = {self.plan.seed: self.trace}
        return report


def _is_honest(error: BaseException) -> bool:
    """Return whether a process may end so: the disk, the venue, or somebody else's lease."""
    if isinstance(error, StorageError):
        # A journal that contradicts itself is no fault of the disk.
        return "simulated" in str(error) or "locked" in str(error)
    return isinstance(error, _EXPECTED)


def _fast_disk() -> str | None:
    shm = Path("/dev/shm")  # noqa: S108  a disk in memory, where there is one
    return str(shm) if shm.is_dir() else None


_template: Path | None = None


def _database(folder: Path) -> Store:
    """Return a fresh database; its schema is made once a process and copied."""
    global _template  # noqa: PLW0603  made once
    if _template is None:
        home = Path(tempfile.mkdtemp(prefix="dst-template-", dir=_fast_disk()))
        # Runs at the end of children, too, which leave without the interpreter's own farewell.
        Finalize(None, shutil.rmtree, (home, True), exitpriority=0)
        SqlStore(home / "mettle.db").close()
        _template = home / "mettle.db"
    shutil.copy(_template, folder / "mettle.db")
    return SqlStore(folder / "mettle.db", lock_timeout_s=0.2)
