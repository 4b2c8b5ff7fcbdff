"""OrderDesk: the only way to a venue. Every intent is on the disk before it is on the wire."""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from ...domain.market import Symbol
from ...domain.orders import (
    Cancel,
    Cancelling,
    Clarify,
    Finish,
    Leg,
    Opening,
    OrderTerms,
    Place,
    PlanStep,
    Wait,
    is_urgent,
    next_step,
    resized,
)
from ...domain.risk import Approved, Refused, Verdict, permits
from ..journal import IntentStatus, OrderRecord
from ..ports.unit_of_work import UnitOfWork
from ..ports.venue import VenueOrder
from .bench import RETRY, Bench
from .board import Board, Working, is_protective
from .docket import approved_intent, refused_intent, resting_intent
from .follower import Follower
from .gear import DeskGear, DeskPlan
from .offers import Later, Never, Offers
from .pricing import bar_terms
from .reload import reload_board
from .sender import Sender
from .waiting import Waiting

_STEPS = 4
"""How many steps of one plan may follow each other at once."""
_NONE: frozenset[Symbol] = frozenset()


class OrderDesk:
    """Carries out approved intents on one account.

    Everything that it knows is in the journal; after a crash, or a write that failed, it reads it
    again (:meth:`recover`) before it sends anything. Not thread-safe.
    """

    def __init__(self, plan: DeskPlan, gear: DeskGear) -> None:
        self._bench = Bench(plan, gear)
        self._sender = Sender(self._bench)
        self._follower = Follower(self._bench)
        self._offers = Offers(self._bench)
        self._prepared: list[OrderRecord] = []
        self._waiting = Waiting(gear.venue.capabilities)

    @property
    def board(self) -> Board:
        """What is under way, to read."""
        return self._bench.board

    @property
    def is_stale(self) -> bool:
        """Whether the journal must be read again before anything is sent."""
        return self._bench.stale

    @property
    def bench(self) -> Bench:
        """What the desk's hands share; reconciliation works at it too."""
        return self._bench

    def take_alarm(self) -> str:
        """Return what asks for a reconciliation since the last call; empty if nothing does."""
        alarms, self._bench.alarms = self._bench.alarms, []
        return alarms[0] if alarms else ""

    def is_working(self, symbol: Symbol) -> bool:
        """Return whether an intent on a symbol is under way, or waits for another one to end."""
        return symbol in self._waiting.symbols() or any(True for _ in self.board.on(symbol))

    def busy_symbols(self) -> frozenset[Symbol]:
        """Return the symbols on which an intent is under way, or waits for another one to end."""
        if not self.board.working and not self._waiting:
            return _NONE
        working = (one.symbol for one in self.board.working.values() if not one.rests)
        return frozenset([*self._waiting.symbols(), *working])

    def is_exiting(self, symbol: Symbol) -> bool:
        """Return whether an exit that cannot wait is under way on a symbol, or waits for one."""
        working = (one.record.intent for one in self.board.on(symbol))
        return self._waiting.has_exit(symbol) or any(map(is_urgent, working))

    def next_due(self) -> int | None:
        """Return when :meth:`work` has something to do; None if only the venue can tell."""
        bench = self._bench
        if bench.stale:
            return bench.now + RETRY
        dues = [one.due for one in self.board.working.values() if one.due is not None]
        if not bench.gear.venue.capabilities.bar_orders:
            dues += self._follower.dues()
        return min(dues, default=None)

    def set_clock(self, server_time: int) -> None:
        """Note the venue's clock as it is now."""
        self._bench.meet(server_time)

    @property
    def venue_time(self) -> int:
        """The venue's clock as we know it, Unix milliseconds UTC."""
        return self._bench.venue_time

    def fence(self, unit: UnitOfWork) -> None:
        """Refuse the caller's transaction if somebody else trades the account now.

        Raises:
            RefusedForSafety: If so.
        """
        self._bench.fence(unit)

    def recover(self) -> None:
        """Read everything under way from the journal; what was being sent is unknown now.

        Raises:
            StorageError: If the journal cannot be read or written.
        """
        self._bench.reset()
        self._waiting.clear()
        self._prepared = self._bench.write(lambda unit: reload_board(unit, self._bench))
        self._bench.stale = False

    def execute(self, approved: Approved, arrival: int, deadline: int) -> None:
        """Carry out an approved intent, beginning now.

        Args:
            arrival: The mark in ticks it was decided on.
            deadline: When its signal is too old for a new attempt, by the venue's clock.

        Raises:
            StorageError: If it could not be written down; then nothing was sent.
            RefusedForSafety: If the account is no longer ours to trade.
        """
        working = self._enlist(approved, arrival, deadline)
        if working is not None:
            self._advance(working)

    def rest(self, approved: Approved, trigger: int) -> None:
        """Let a protective stop rest at the venue, behind ``trigger`` ticks.

        Raises:
            StorageError: If it could not be written down; then nothing was sent.
            RefusedForSafety: If the account is no longer ours to trade.
        """
        if self.board.resting(approved.intent.symbol) is None:
            record = resting_intent(self._bench, approved, trigger)
            self._advance(Working(record, trigger=trigger))

    def stand_down(self, symbol: Symbol) -> None:
        """Let the protective stop of a symbol end as soon as it can."""
        working = self.board.resting(symbol)
        if working is not None and not working.stopping:
            working.stopping, working.due = True, 0

    def admit(
        self, unit: UnitOfWork, verdict: Verdict, arrival: int, deadline: int
    ) -> Approved | None:
        """Return what may be sent; what was refused whole is written down, with the reason."""
        if isinstance(verdict, Approved):
            return verdict
        if verdict.instead is None:
            unit.intents.add(refused_intent(self._bench, verdict, arrival, deadline))
            return None
        return replace(verdict.instead, note=f"only the closing part: {verdict.reason}")

    def prepare(self, unit: UnitOfWork, approved: Approved, arrival: int, deadline: int) -> None:
        """Write a bar order down in the caller's transaction; :meth:`dispatch` sends it after.

        Raises:
            RefusedForSafety: If the account is no longer ours to trade.
        """
        working = self._enlist(approved, arrival, deadline)
        if working is not None:
            terms = bar_terms(approved.intent, approved.intent.lots)
            first = Place(Leg.BAR, 1, terms.lots)
            self._prepared.append(self._write_ahead(unit, working, first, terms, approved))

    def dispatch(self) -> None:
        """Send what was prepared, once the caller has committed."""
        prepared, self._prepared = self._prepared, []
        for order in prepared:
            self._sender.send(order)

    def _enlist(self, approved: Approved, arrival: int, deadline: int) -> Working | None:
        intent, bench = approved.intent, self._bench
        if any(True for _ in self.board.on(intent.symbol)):
            if is_urgent(intent):
                # What is under way ends first; then the exit takes what is left.
                self.stop(intent.symbol)
                self._waiting.hold(approved, arrival, deadline)
            return None
        if self._waiting.is_locked(self.board, intent):
            self.stand_down(intent.symbol)
            self._waiting.hold(approved, arrival, deadline)
            return None
        return Working(approved_intent(bench, approved, arrival, deadline))

    def stop(self, symbol: Symbol | None = None) -> None:
        """Let every intent, or those on a symbol, end as soon as it can; stops that rest stay."""
        for working in self.board.working.values():
            if not working.rests and symbol in {None, working.symbol}:
                working.stopping, working.due = True, 0

    def cancel_everything(self) -> bool:
        """Ask the venue to end each order of ours that may be live; return whether none is left.

        For a kill: to be called again until it returns True. Orders of unknown outcome, and those
        that the venue shows under an id of ours, are asked to end too; protective stops stay. Needs
        no database.
        """
        self._bench.answer_kill()
        live = {one.client_order_id: one for one in self.board.live() if not is_protective(one)}
        for order in live.values():
            self._follower.ask_to_end(order)
        strays = self._follower.end_strays(live)
        self._waiting.clear()
        self.stop()
        return not live and not strays

    def work(self) -> bool:
        """Do everything that is due: pushes, plans, questions; a venue that fails stops nothing.

        Returns:
            False if a kill came meanwhile: the rest waits until everything was asked to end.

        Raises:
            StorageError: If the journal cannot be read or written; the desk is stale then and
                sends nothing until it could read the journal again.
            RefusedForSafety: If the account is no longer ours to trade.
        """
        bench = self._bench
        if bench.stale:
            self.recover()
        bench.follow_clock()
        if events := bench.gear.venue.drain():
            bench.write(lambda unit: bench.collector.take(unit, events, bench.now))
        self._follower.poll(bench.now)
        for working in list(self.board.working.values()):
            if bench.is_called_off():
                return False
            if working.due is None or working.due <= bench.now:
                self._advance(working)
        self._release()
        return not bench.is_called_off()

    def collect(self, unit: UnitOfWork) -> None:
        """Book the venue's pushes in the caller's transaction, and let go of what has ended."""
        now = self._bench.now
        late, self._bench.late = self._bench.late, []
        events = self._bench.gear.venue.drain()
        if not (events or late or self.board.working):
            return
        told = {one.client_order_id for one in events if isinstance(one, VenueOrder)}
        for order_id in late:
            if order_id in self.board.orders and order_id not in told:
                unit.orders.update(self.board.orders[order_id])
        self._bench.collector.take(unit, events, now)
        for working in list(self.board.working.values()):
            step = self._step(working)
            if isinstance(step, Finish):
                self._finish(unit, working, step.outcome)

    def _release(self) -> None:
        """Carry out the intents whose symbol has become free, of stops that rest too."""
        for symbol in self._waiting.locked(self.board):
            self.stand_down(symbol)
        for approved, arrival, deadline in self._waiting.ready(self.board):
            intent = approved.intent
            verdict = self._bench.gear.ruling.judge(intent, self._bench.now)
            if isinstance(intent, Opening) and self.venue_time > deadline:
                verdict = Refused(
                    intent, "age", "the stop in its way ended too late for its signal"
                )
            if isinstance(verdict, Approved):
                self.execute(verdict, arrival, deadline)
            elif not is_urgent(intent):
                self._refuse(verdict, arrival, deadline)

    def _refuse(self, refused: Refused, arrival: int, deadline: int) -> None:
        """Write down that an intent that waited comes to nothing, or carry out its closing part."""
        instead = self._bench.write(lambda unit: self.admit(unit, refused, arrival, deadline))
        if instead is not None:
            self.execute(instead, arrival, deadline)

    def _step(self, working: Working) -> PlanStep:
        intent, ruling = working.record.intent, self._bench.gear.ruling
        stopping = working.stopping
        if not (stopping or working.rests):
            # A stop that rests stays, whatever the mode: not even a kill takes it away.
            stopping = not permits(ruling.mode(working.symbol), intent)
        return next_step(
            working.plan,
            intent,
            self.board.views(working),
            self._bench.now,
            self._bench.plan.policy,
            stopping=stopping,
        )

    def _advance(self, working: Working) -> None:
        for _ in range(_STEPS):
            step = self._step(working)
            if not self._do(working, step):
                return
        working.due = self._bench.now

    def _do(self, working: Working, step: PlanStep) -> bool:
        """Do one step; return whether the next one may follow at once."""
        if isinstance(step, Place):
            return self._place(working, step)
        if isinstance(step, Clarify):
            return self._follower.clarify(working, self._bench.now)
        if isinstance(step, Cancel):
            self._follower.cancel(working, self._bench.now)
        elif isinstance(step, Wait):
            self._wait(working, step.until)
        elif isinstance(step, Finish):
            self._give_up(working, step.outcome)
        else:
            assert_never(step)
        return False

    def _wait(self, working: Working, until: int | None) -> None:
        order = self.board.last(working)
        if order is not None and isinstance(order.state, Cancelling):
            self._follower.watch(working, order, self._bench.now)
        else:
            working.due = until

    def _place(self, working: Working, step: Place) -> bool:
        """Send the next attempt, or end the intent if something stands against it for good."""
        bench, now = self._bench, self._bench.now
        if now < bench.listener.quiet_until:
            working.due = bench.listener.quiet_until
            return False
        intent = resized(working.record.intent, step.lots)
        if (
            isinstance(intent, Opening)
            and working.attempts
            and self.venue_time > working.record.deadline
        ):
            return self._give_up(working, "the signal is too old for another attempt")
        verdict = bench.gear.ruling.judge(intent, now)
        if not isinstance(verdict, Approved):
            if verdict.instead is None:
                return self._give_up(working, verdict.reason)
            verdict = verdict.instead
        offer = self._offers.make(working, verdict.intent, step.leg)
        if isinstance(offer, Never):
            return self._give_up(working, offer.why)
        if isinstance(offer, Later):
            working.due = offer.at
            return False
        terms, approved = offer, verdict
        self._sender.send(
            bench.write(lambda unit: self._write_ahead(unit, working, step, terms, approved))
        )
        return True

    def _write_ahead(
        self, unit: UnitOfWork, working: Working, step: Place, terms: OrderTerms, approved: Approved
    ) -> OrderRecord:
        """T1; of an opening that may only close, nothing counts as opened."""
        if isinstance(approved.intent, Opening):
            self._bench.gear.ruling.opening(approved.intent, self._bench.now)
        return self._sender.write_ahead(unit, working, step, terms, approved.reserved)

    def _give_up(self, working: Working, outcome: str) -> bool:
        self._bench.write(lambda unit: self._finish(unit, working, outcome))
        return False

    def _finish(self, unit: UnitOfWork, working: Working, outcome: str) -> None:
        record = replace(
            working.record,
            status=IntentStatus.DONE,
            stage=working.stage(),
            outcome=outcome,
            updated_at=self._bench.now,
        )
        intent = record.intent
        filled = sum(self.board.booked.get(one, 0) for one in working.attempts)
        if isinstance(intent, Opening) and not filled:
            self._bench.gear.ruling.unfilled(intent, self._bench.now)
        if record.intent_id in self.board.working:
            unit.intents.update(record)
            self.board.drop(working)
            self._bench.clear(working, self._bench.now)
        else:
            # Refused before its first attempt: written down all the same.
            unit.intents.add(record)
