"""What is looked after between the bars: lease, commands, kill flag, stops."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from ...domain.errors import VenueError
from ...domain.orders import OrderIntent, Purpose, intent_for
from ...domain.risk import Approved, Mode
from ..execution.desk import OrderDesk
from ..execution.docket import at_its_own_time
from ..reconcile import Outcome, Reconciler
from .books import Books
from .controls import Controls, Wishes
from .dead_man import SwitchKeeper
from .exit_backoff import ExitBackoff
from .guard import Guard
from .lease import LeaseKeeper
from .plan import Gear, SessionPlan
from .ranges import Ranges, needs_ranges
from .resting import RestingStops
from .stops import StopWatch
from .terms import TermsKeeper

LOOK = 1_000
"""How often it is looked, milliseconds."""


class Warden:
    """Keeps an account safe while nothing is decided.

    Attributes:
        switch: The venue's dead man's switch.
    """

    def __init__(
        self,
        plan: SessionPlan,
        gear: Gear,
        books: Books,
        guard: Guard,
        desk: OrderDesk,
        lease: LeaseKeeper,
        reconciler: Reconciler,
    ) -> None:
        self._reconciler = reconciler
        self._plan = plan
        self._gear = gear
        self._books = books
        self._guard = guard
        self._desk = desk
        self._lease = lease
        self._on_bars = gear.venue.capabilities.bar_orders
        self._controls = Controls(
            plan.owner,
            gear.store,
            guard,
            gear.kill_switch,
            reconciler.acknowledge,
            desk.fence,
            gear.wall.now_ms(),
        )
        if books.ranges is None and needs_ranges(gear.engine.profile) and not self._on_bars:
            books.ranges = Ranges(len(plan.instruments))
        self._stops = StopWatch(plan.owner, gear.venue, books, gear.engine.profile)
        self._resting = RestingStops(
            plan.owner, plan.instruments, desk, books, guard, gear.engine.profile
        )
        self._backoff = ExitBackoff()
        self._terms = TermsKeeper(plan, desk.bench, guard, gear.notifier)
        self.switch = SwitchKeeper(gear.venue)
        self._looked = 0

    @property
    def wishes(self) -> Wishes:
        """What people asked for and is not a mode."""
        return self._controls.wishes

    def is_due(self, *, force: bool) -> bool:
        """Return whether it is time to look: by the world's clock, not for every recorded bar."""
        wall = self._gear.wall.now_ms()
        if not force and 0 <= wall - self._looked < LOOK:
            return False
        self._looked = wall
        return True

    def look(self, marks: Sequence[int]) -> None:
        """Keep the lease, obey commands, carry out a kill, send the exits whose stop was reached.

        Args:
            marks: The last closes in ticks; empty before the first bar.

        Raises:
            RefusedForSafety: If the account is no longer ours to trade.
            StorageError: If the journal cannot be read or written.
        """
        reason = self._gear.kill_switch.reason(self._plan.owner)
        killed = reason is not None
        if killed and not self._on_bars:
            # Before anything that needs the database: the flag works without it.
            self._desk.cancel_everything()
        if self._plan.holder:
            self._lease.keep()
        self._controls.obey(self._gear.clock.now_ms(), reason)
        if self.wishes.lease and self._plan.holder:
            # Knowing that it is killed, it writes on: what its orders come to, and the flatten.
            self._lease.reclaim()
        self.wishes.lease = False
        if self._on_bars:
            return
        self.switch.renew(self._gear.clock.now_ms())
        if not self._guard.is_killed:
            self._protect(marks)
            return
        if not killed:
            self._desk.cancel_everything()
        if self._guard.flattens:
            self._flatten(marks)

    def reconcile(self) -> None:
        """Hold the books against the venue if it is time, or if something asks for it.

        Raises:
            StorageError: If the journal cannot be read or written.
        """
        why = self._desk.take_alarm()
        if why:
            self._reconciler.request(why)
        now = self._gear.clock.now_ms()
        if self._reconciler.due(now):
            known = self._terms.read(now)
            clean = self._reconciler.run() is Outcome.CLEAN and known
            now = self._gear.clock.now_ms()
            self._guard.reconciled(now, clean=clean, foreign=self._reconciler.foreign)

    def read_margin(self) -> None:
        """Ask the venue how much of the margin is used; a failed question keeps the last answer."""
        if any(one.symbol.is_perpetual for one in self._plan.instruments):
            with suppress(VenueError):
                self._guard.margin(self._desk.bench.gear.venue.account().margin_ratio)

    def next_reconciliation(self) -> int:
        """Return when the next one is due."""
        return self._reconciler.next_due()

    def _protect(self, marks: Sequence[int]) -> None:
        """Keep a stop at the venue, and send the exits whose stop was reached and did nothing."""
        now = self._gear.clock.now_ms()
        for exit_ in self._stops.due(self._plan.instruments, now):
            symbol = exit_.symbol
            if self._desk.is_exiting(symbol) or self._resting.covers(symbol, now):
                continue
            if self._backoff.allows(symbol, exit_.lots, now):
                self._send(exit_, marks)
        self._resting.keep(now)

    def exits_on_bars(self, decided_at: int) -> tuple[OrderIntent, ...]:
        """Return what a kill with flatten closes, where orders wait for the next bar."""
        if not (self._on_bars and self._guard.flattens and self._guard.mode() is Mode.KILLED):
            return ()
        account = self._plan.owner
        held = zip(self._plan.instruments, self._books.account.lots, strict=True)
        return tuple(
            intent_for(account, one.symbol, lots, -lots, decided_at, Purpose.FLATTEN)
            for one, lots in held
            if lots
        )

    def _flatten(self, marks: Sequence[int]) -> None:
        """Close what is held, once nothing of ours is under way on the symbol."""
        now, account = self._gear.clock.now_ms(), self._plan.owner
        for one, lots in zip(self._plan.instruments, self._books.account.lots, strict=True):
            if lots and not self._desk.is_working(one.symbol):
                self._send(
                    intent_for(account, one.symbol, lots, -lots, now, Purpose.FLATTEN), marks
                )

    def _send(self, intent: OrderIntent, marks: Sequence[int]) -> None:
        now = self._gear.clock.now_ms()
        verdict = self._guard.judge(at_its_own_time(self._desk.bench, intent), now)
        if isinstance(verdict, Approved):
            arrival = marks[self._books.column(intent.symbol)] if marks else 0
            self._desk.execute(verdict, arrival, self._desk.venue_time)
