"""TradingSession: bars in, decisions and orders out, everything written down."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace

from ...domain.errors import DataError
from ...domain.market import Symbol
from ...domain.orders import OrderIntent
from ...domain.simulation import Worth
from ...domain.simulation.step import is_ruined
from ..execution.desk import OrderDesk
from ..journal import RunStatus, SnapshotRecord
from ..market.row import BarRow
from ..ports.unit_of_work import UnitOfWork
from ..reconcile import Reconciler
from .books import Books
from .decider import Decided, Decider
from .gate import DataGate
from .guard import Guard, GuardGear
from .held_unit import HeldUnit
from .intake import Intake
from .lease import LeaseKeeper
from .observer import Observer
from .plan import Gear, SessionPlan
from .recorder import BarRecorder
from .recovery import FEATURES, Recovered, Recovery
from .warden import LOOK, Warden

_PATIENCE = 60_000
"""How long a session that ends waits for its orders to end, milliseconds."""
_STALE = "the bar is older than one interval"
_RUINED = "the account is ruined"


class TradingSession:
    """Runs one agent on one account until its bars end or it is told to stop.

    Crash-only: :meth:`start` is recovery, and whatever goes wrong with the disk ends the session;
    the next one goes on from the journal. On a venue that lives on bars, all of one bar is one unit
    of work: the bar as seen, what the venue reported, the mark, the decision, and the orders, which
    are sent only after the commit.
    """

    def __init__(self, plan: SessionPlan, gear: Gear) -> None:
        self._plan = plan
        self._gear = gear
        account = plan.owner
        self._books = Books(account, plan.run_id, plan.instruments, plan.settings.initial_cash)
        self._books.rebuilt_by(self._rebuild)
        self._observer = Observer(gear.stream, gear.agent, len(plan.instruments))
        terms, able = (plan.instruments, plan.settings), gear.venue.capabilities
        self._decider = Decider(account, plan.run_id, *terms, lends_coins=able.lends_coins)
        self._recorder = BarRecorder(plan.run_id, plan.symbols)
        self._gate = DataGate(plan.timeframe, plan.grace_ms)
        self._lease = LeaseKeeper(gear.store, gear.wall, account, plan.holder)
        loud = gear.kill_switch, gear.notifier
        self._guard = Guard(GuardGear(account, plan.instruments, self._books, gear.engine, *loud))
        desk_gear = gear.for_desk(self._books, self._guard, self._lease.current)
        self._desk = OrderDesk(plan.for_desk(), desk_gear)
        self._warden = self._new_warden(0)
        self._on_bars = able.bar_orders
        hears = None if self._on_bars else self._desk.bench.hears_time
        self._intake = Intake(gear.feed, gear.clock, hears)
        self._bars = 0
        self._before = 0
        self._uncommitted = 0
        self._last: BarRow | None = None
        self._unit = HeldUnit(gear.store)

    def _new_warden(self, began: int) -> Warden:
        plan = replace(self._plan.reconcile, began=began)
        reconciler = Reconciler(self._desk.bench, self._books, self._guard, plan)
        return Warden(
            self._plan, self._gear, self._books, self._guard, self._desk, self._lease, reconciler
        )

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

    @property
    def guard(self) -> Guard:
        """Modes and breakers, to read."""
        return self._guard

    def run(
        self,
        should_stop: Callable[[], bool] = lambda: False,
        on_bar: Callable[[int], None] = lambda _: None,
    ) -> RunStatus:
        """Live until the bars end, the account is ruined, or ``should_stop`` says so.

        Args:
            should_stop: Asked between steps.
            on_bar: Told how many bars were lived through.

        Raises:
            DataError: If bars are out of order, or too few for the agent's warm-up.
            StorageError: If the journal cannot be written; what was committed stands.
            RefusedForSafety: If somebody else trades the account.
        """
        try:
            status = self.start()
            while status is None:
                status = self._turn(should_stop, on_bar)
            return self._end(status)
        finally:
            self._unit.close()

    def _turn(
        self, should_stop: Callable[[], bool], on_bar: Callable[[int], None]
    ) -> RunStatus | None:
        due = self.next_due()
        if due is None:
            return RunStatus.FINISHED
        self._gear.clock.sleep_until(due)
        before = self._bars
        status = self.step()
        if self._bars != before:
            on_bar(self._bars)
        if status is None and (should_stop() or self._warden.wishes.stop):
            return RunStatus.STOPPED
        return status

    def start(self) -> RunStatus | None:
        """Take the account and recover it from the journal.

        Returns:
            RUINED if the run had died in the middle of a ruin; else None.
        """
        gear = self._gear
        if not self._on_bars and gear.kill_switch.reason(self._plan.owner) is not None:
            # The flag works even where the journal cannot be read.
            self._desk.cancel_everything()
        if self._plan.holder:
            self._lease.acquire()
        with gear.store.reading() as unit:
            self._guard.load(unit)
            found = self._recovery(unit).replay(self._books, self._observer, gear.feed)
        if found is None:
            self._observer.warm_up(gear.feed.history())
            gear.feed.seek(None)
        else:
            self._resume(found)
        if not self._on_bars:
            self._meet_venue()
            self._guard.gate("the books were not held against the venue yet")
        self._desk.recover()
        self._guard.watch(self._desk.board)
        self._look(force=True)
        if found is None:
            return None
        self._desk.dispatch()
        if found.mark is None or found.mark.bar_time != found.last.open_time:
            # It died between the exits of a ruin and the last mark.
            return self._close_books(found.last)
        return None

    def _meet_venue(self) -> None:
        """Open the books of a new account, and set our idea of the venue's clock."""
        if not self._books.is_open:
            now = self._gear.clock.now_ms()
            with self._gear.store.writing() as unit:
                self._desk.fence(unit)
                unit.ledger.add(self._books.open(now, now))
                unit.commit()
        self._warden = self._new_warden(self._books.opened_at)
        # Where that fails it is asked before the first order: no fence is set without it.
        self._desk.bench.ask_time()

    def next_due(self) -> int | None:
        """Return when :meth:`step` has something to do; None when the bars have ended."""
        bar = self._intake.next_due()
        if self._on_bars:
            return bar
        dues = [self._warden.next_reconciliation()]
        if self._gear.clock is self._gear.wall or any(self._books.account.lots):
            # Where time is simulated and nothing is held, nobody looks between the bars.
            dues.append(self._gear.clock.now_ms() + LOOK)
        dues += [due for due in (bar, self._desk.next_due()) if due is not None]
        if bar is None and not self._desk.board.is_busy:
            return None
        return min(dues)

    def step(self) -> RunStatus | None:
        """Do everything that is due; return how the run ended, if it did."""
        self._look()
        if not self._on_bars:
            if not self._desk.work():
                self._look(force=True)
            self._warden.reconcile()
        row = self._intake.take()
        if row is None:
            return None
        if not self._on_bars:
            self._warden.read_margin()
        return self._bar(row)

    def close(self) -> None:
        """Let go of the database; for whoever calls :meth:`step` instead of :meth:`run`."""
        self._unit.close()

    def _look(self, *, force: bool = False) -> None:
        """Between bars: keep the lease, and look at commands, the kill flag and the stops."""
        if not self._warden.is_due(force=force):
            return
        if self._uncommitted:
            self._commit(self._unit.open())
        self._warden.look(() if self._last is None else self._last.closes)

    # One bar.

    def _bar(self, row: BarRow) -> RunStatus | None:
        now = self._gear.clock.now_ms()
        time = now if self._on_bars else self._desk.bench.time_within(*self._gate.window(row))
        self._gate.admit(row, time)
        unit = self._unit.open()
        if not self._uncommitted:
            # Once a transaction: as long as it lasts nobody else can take the lease.
            self._desk.fence(unit)
        plan, books = self._plan, self._books
        if not books.is_open:
            unit.ledger.add(books.open(row.close_time, now))
        books.bar_time = row.open_time
        self._recorder.seen(unit, row, now)
        if self._on_bars:
            self._desk.collect(unit)
        books.live_through(row)
        self._last = row
        self._bars += 1
        closes = row.closes
        worth = books.account.worth(closes)
        mark = books.mark(row, now, worth)
        cuts = self._guard.marked(closes, mark.equity, now)
        if self._guard.is_waiting:
            self._reconcile_bar(now)
        ruined = is_ruined(mark.equity, plan.settings.initial_cash, plan.settings)
        if ruined:
            exits = self._decider.close_all(row, books.account)
            self._send(unit, exits, row, now, commit=True)
            if self._on_bars:
                return self._close_books(row)
        unit.marks.add(mark)
        self._observer.take(row)
        blocked = _STALE if self._gate.stale(row, time) else ""
        decided = self._decide(row, now, worth, _RUINED if ruined else blocked)
        unit.decisions.add(decided.record)
        if self._bars % plan.snapshot_every == 0:
            self._snapshot(unit, row)
        self._uncommitted += 1
        commit = self._uncommitted >= plan.commit_every
        exits = self._warden.exits_on_bars(row.close_time)
        self._send(unit, exits or (*cuts, *decided.intents), row, now, commit=commit)
        return None

    def _decide(self, row: BarRow, now: int, worth: Worth, blocked: str) -> Decided:
        if not self._observer.ready:
            raise DataError(
                f"the bar of {row.open_time} lies within the agent's warm-up",
                mend="start later, or give more history before the start",
            )
        account, actions = self._books.account, None
        if not blocked:
            actions = self._observer.decide(account, worth)
            if not all(-1 <= one <= 1 for one in actions):
                self._guard.bad_action(now)
        working = self._desk.busy_symbols()
        return self._decider.decide(row, actions, account, now, blocked, working, worth)

    def _send(
        self,
        unit: UnitOfWork,
        intents: tuple[OrderIntent, ...],
        row: BarRow,
        now: int,
        *,
        commit: bool,
    ) -> None:
        """Judge the intents, write them down, commit, and only then send them."""
        if self._on_bars and not intents:
            if commit:
                self._commit(unit)
            return
        deadline = row.close_time + self._plan.timeframe.milliseconds
        approved = []
        for intent in intents:
            verdict = self._guard.judge(intent, now)
            one = self._desk.admit(unit, verdict, self._arrival(intent.symbol), deadline)
            approved += [] if one is None else [one]
        if self._on_bars:
            for one in approved:
                self._desk.prepare(unit, one, self._arrival(one.intent.symbol), deadline)
        if commit:
            self._commit(unit)
        if self._on_bars:
            self._desk.dispatch()
            return
        # No transaction is held over a call to a venue.
        self._unit.close()
        for one in approved:
            self._desk.execute(one, self._arrival(one.intent.symbol), deadline)

    def _arrival(self, symbol: Symbol) -> int:
        return 0 if self._last is None else self._last.closes[self._books.column(symbol)]

    def _commit(self, unit: UnitOfWork) -> None:
        self._guard.commit(unit)
        self._uncommitted = 0

    def _reconcile_bar(self, now: int) -> None:
        """On bars the venue is ours: its account is compared with the books when it matters."""
        if self._on_bars:
            account = self._gear.venue.account()
            clean = not any(
                self._books.differs(one.symbol, account) for one in self._plan.instruments
            )
            self._guard.reconciled(now, clean=clean, foreign={})

    # Beginnings and ends.

    def _recovery(self, unit: UnitOfWork) -> Recovery:
        plan = self._plan
        whose, wait = (plan.run_id, plan.owner, plan.symbols), plan.settings.maker_wait
        return Recovery(unit, *whose, plan.timeframe, wait, on_bars=self._on_bars)

    def _rebuild(self, unit: UnitOfWork) -> None:
        """Build the books again; not at the start, where they have just been built."""
        self._recovery(unit).replay(self._books, None, self._gear.feed)
        if self._last is not None:
            self._books.bar_time = self._last.open_time

    def _resume(self, found: Recovered) -> None:
        gear = self._gear
        self._last = found.last
        self._before = found.bars
        self._books.bar_time = found.last.open_time
        self._gate.resume(found.last.open_time)
        self._recorder.resume(found.chains)
        gear.feed.seek(found.last.open_time)
        if gear.reinstate is not None:
            gear.reinstate(copy.deepcopy(self._books.account), found.last, found.trades)
        self._guard.remember(found.last.closes)
        # A simulated clock stands at the beginning again; a real one is past this long ago.
        gear.clock.sleep_until(found.last.close_time + self._plan.grace_ms)

    def _close_books(self, row: BarRow) -> RunStatus:
        unit = self._unit.open()
        self._desk.collect(unit)
        unit.marks.add(self._books.mark(row, self._gear.clock.now_ms()))
        return RunStatus.RUINED

    def _snapshot(self, unit: UnitOfWork, row: BarRow) -> None:
        content = self._observer.snapshot()
        unit.snapshots.put(SnapshotRecord(self._plan.run_id, FEATURES, row.open_time, content))

    def _end(self, status: RunStatus) -> RunStatus:
        if not self._on_bars:
            self._wind_down()
        elif status is not RunStatus.STOPPED:
            self._desk.cancel_everything()
        unit = self._unit.open()
        if self._on_bars and status is not RunStatus.STOPPED:
            self._desk.collect(unit)
        if self._last is not None:
            self._books.prove_everything(self._last)
            if status is RunStatus.STOPPED:
                self._snapshot(unit, self._last)
        unit.runs.set_status(self._plan.run_id, status, self._gear.clock.now_ms())
        self._commit(unit)
        self._unit.close()
        self._lease.release()
        return status

    def _wind_down(self) -> None:
        """Let everything under way end; what does not is left to the next start."""
        clock = self._gear.clock
        until = clock.monotonic() + _PATIENCE / 1000
        self._desk.stop()
        while self._desk.board.is_busy and clock.monotonic() < until:
            if not self._desk.work():
                self._desk.cancel_everything()
            now, due = clock.now_ms(), self._desk.next_due()
            left = max(0, round((until - clock.monotonic()) * 1000))
            clock.sleep_until(min(now + left, due if due is not None else now + LOOK))
        self._warden.switch.disarm(left=self._desk.board.is_busy)
