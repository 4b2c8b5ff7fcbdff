"""What the desk's hands share: the plan, the gear, the board, and how to write things down."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import TypeVar

from ...domain.errors import RefusedForSafety, StorageError, VenueError
from ...domain.market import Instrument, Symbol
from ...domain.orders import Unknown, filled_lots
from ..journal import OrderRecord
from ..ports.unit_of_work import UnitOfWork
from .ambiguity import Inquiry
from .board import Board, Working
from .collector import Collector
from .gear import DeskGear, DeskPlan
from .listener import Listener

T = TypeVar("T")

RETRY = 2_000
"""When to look again after something that stands in the way, milliseconds."""
SECOND = 1_000


class Bench:
    """The shared state of one desk.

    Attributes:
        stale: Whether the journal must be read again before anything is sent: a write failed, so
            what we hold may be ahead of what is written.
        late: Orders whose outcome is written with the next bar.
        alarms: What asks for a reconciliation.
    """

    def __init__(self, plan: DeskPlan, gear: DeskGear) -> None:
        self.plan = plan
        self.listener = Listener(gear.venue, gear.ruling, gear.clock, self.meet)
        on_bars = gear.venue.capabilities.bar_orders
        self.gear = gear if on_bars else replace(gear, venue=self.listener)
        self.board = Board()
        self.collector = Collector(plan, self.gear, self.board)
        self.stale = True
        self._met: tuple[int, float] | None = None
        self._looked: tuple[int, float] | None = None
        self.late: list[str] = []
        self.alarms: list[str] = []
        self._kill_answered = False

    def use_instruments(self, instruments: Mapping[Symbol, Instrument]) -> None:
        """Price orders by other terms from now on; what is booked keeps to its fills."""
        self.plan = replace(self.plan, instruments=instruments)

    def reset(self) -> None:
        """Forget everything that is under way."""
        self.board = Board()
        self.collector = Collector(self.plan, self.gear, self.board)
        self.late.clear()

    @property
    def now(self) -> int:
        """The present, Unix milliseconds UTC."""
        return self.gear.clock.now_ms()

    def meet(self, server_time: int) -> None:
        """Note the venue's clock as it is now."""
        self._met = server_time, self.gear.clock.monotonic()

    def follow_clock(self) -> None:
        """Let nothing wait longer because the machine's clock was set back since the last call."""
        now, at = self.now, self.gear.clock.monotonic()
        if self._looked is not None:
            then, when = self._looked
            behind = then + int((at - when) * SECOND) - now
            if behind > SECOND:
                self.board.set_back(behind)
                self.listener.set_back(behind)
        self._looked = now, at

    @property
    def knows_time(self) -> bool:
        """Whether the venue ever told its time: without it no fence can be set."""
        return self._met is not None

    @property
    def venue_time(self) -> int:
        """The venue's clock as we know it: carried on by time that passed, whoever sets clocks."""
        if self._met is None:
            return self.now
        server_time, at = self._met
        return server_time + int((self.gear.clock.monotonic() - at) * 1000)

    def is_called_off(self) -> bool:
        """Return whether a kill has come for which nothing was asked to end yet.

        Whoever asks about one order after the other looks at this between them: where each answer
        takes its time, the orders that a kill is to end must not wait for all of them.
        """
        killed = self.gear.kill_switch.reason(self.plan.account) is not None
        self._kill_answered &= killed
        return killed and not self._kill_answered

    def answer_kill(self) -> None:
        """Note that everything is being asked to end."""
        self._kill_answered = True

    def ask_time(self) -> None:
        """Set our idea of the venue's clock; a question that fails leaves it as it is."""
        with suppress(VenueError):
            self.gear.venue.server_time()

    def hears_time(self, time_ms: int) -> bool:
        """Return whether the venue's own word on the time can be had, of then or later.

        Time that passed is no word: the venue's clock may have been set back meanwhile.
        """
        if self._met is not None and self._met[0] >= time_ms:
            return True
        try:
            self.gear.venue.server_time()
        except VenueError:
            return False
        return True

    def time_within(self, least: int, most: int) -> int:
        """Return the venue's time; asked for anew where it is not what it should be by now."""
        if not least <= self.venue_time <= most:
            self.ask_time()
        return self.venue_time

    def write(self, action: Callable[[UnitOfWork], T]) -> T:
        """Do ``action`` in a transaction of its own.

        Raises:
            StorageError: If it could not be kept; the desk is stale then.
            RefusedForSafety: If somebody else trades the account now.
        """
        try:
            with self.gear.store.writing() as unit:
                self.fence(unit)
                result = action(unit)
                self.gear.ruling.commit(unit)
        except StorageError:
            self.stale = True
            raise
        return result

    def fence(self, unit: UnitOfWork) -> None:
        """Refuse to write over what a later trader of the account wrote.

        A kill raises the epoch and leaves the holder: whoever is killed still writes down what
        became of his orders.

        Raises:
            RefusedForSafety: If somebody else holds the lease.
        """
        lease = self.gear.lease()
        if lease is None:
            return
        held = unit.leases.find(self.plan.account)
        if held is not None and held.epoch != lease.epoch and held.holder != lease.holder:
            raise RefusedForSafety(
                f"account {self.plan.account} is traded by {held.holder} now",
                mend="only one trader an account: end the other one, then start again",
            )

    def lose_sight(self, unit: UnitOfWork, order: OrderRecord, why: str, now: int) -> None:
        """Write down that nobody knows what became of an order."""
        state = Unknown(filled_lots(order.state), now)
        unit.orders.update(self.board.changed(order, state, now))
        self.note_unknown(unit, order, why, now)

    def note_unknown(self, unit: UnitOfWork, order: OrderRecord, why: str, now: int) -> None:
        """Begin to ask about an order."""
        unit.audit.add(self.plan.account, order.client_order_id, f"UNKNOWN: {why}", now, now)
        self.alarms.append("an order's outcome is unknown")
        working = self.board.of(order)
        if working is not None:
            working.inquiry = Inquiry(now, self.gear.clock.monotonic())
            working.due = working.inquiry.due

    def clear(self, working: Working, now: int) -> None:
        """Note that an intent has nothing unknown left."""
        working.inquiry, working.due = None, now
        symbol, others = working.symbol, self.board.working.values()
        if not any(one.inquiry is not None and one.symbol == symbol for one in others):
            self.gear.ruling.found_again(working.symbol, now)
