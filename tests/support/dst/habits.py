"""Four ways to handle an order of unknown outcome that are found in the wild, and what they cost.

Each is a small but honest trader: a limit order, two minutes of patience, a cancellation, then a
marketable order for the rest. They differ in one thing only: what they do when a call fails.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

from mettle.application.ports.clock import Clock
from mettle.application.ports.venue import (
    Accepted,
    OrderRequest,
    Refused,
    Venue,
    VenueFill,
    VenueOrderStatus,
)
from mettle.domain.errors import MettleError
from mettle.domain.market import Instrument, Symbol
from mettle.domain.orders import OrderTerms, Side, TimeInForce

from .chance import Chance


class Habit(Enum):
    """What is done when nobody knows what became of an order."""

    BLIND_RETRY = "blind retry"
    """Send again under a fresh id, up to three times."""
    FORGET = "forget on error"
    """An error means that there is no order."""
    LOST_AFTER_THREE = "lost after three"
    """Three questions without an answer or a find, and the order is called lost."""
    REJECTED_AFTER_FIVE = "rejected after five"
    """Five questions two seconds apart, and the order is called rejected."""


@dataclass
class Kept:
    """What such a trader has on disk: it survives a crash, and is written after the fact.

    Attributes:
        ids: Order id → intent's number.
        wanted: Intent's number → lots.
        booked: Trade ids.
        closed: Orders that it believes to have ended.
    """

    ids: dict[str, int] = field(default_factory=dict)
    wanted: dict[int, int] = field(default_factory=dict)
    booked: set[tuple[str, str]] = field(default_factory=set)
    closed: set[str] = field(default_factory=set)
    lots: dict[Symbol, int] = field(default_factory=dict)
    numbers: int = 0


@dataclass
class _Task:
    """An intent under way."""

    number: int
    symbol: Symbol
    side: Side
    left: int
    order_id: str = ""
    sent_at: int = 0
    asked: int = 0
    due: int = 0
    cancelled: bool = False
    unsure: bool = False


@dataclass(frozen=True)
class BaselineGear:
    """What such a trader works with."""

    habit: Habit
    instruments: tuple[Instrument, ...]
    venue: Venue
    clock: Clock
    chance: Chance
    kept: Kept
    sent: Callable[[str, int, int], None]
    """Told of each create before it leaves: order id, intent's number, the intent's lots."""
    pace_ms: int = 20_000
    resting: Callable[[], bool] = lambda: False
    """Whether nothing new is to be begun."""


class BaselineTrader:
    """One life of such a trader."""

    def __init__(self, gear: BaselineGear) -> None:
        self._gear = gear
        self._tasks: dict[Symbol, _Task] = {}

    def run(self, should_stop: Callable[[], bool]) -> None:
        """Trade until told to stop."""
        clock = self._gear.clock
        decide_at = clock.now_ms() + 1_000
        while not should_stop():
            self._drain()
            for task in list(self._tasks.values()):
                if task.due <= clock.now_ms():
                    self._work(task)
            if clock.now_ms() >= decide_at:
                decide_at = clock.now_ms() + self._gear.pace_ms
                self._decide()
            clock.sleep_until(clock.now_ms() + 1_000)

    def _drain(self) -> None:
        for event in self._gear.venue.drain():
            if isinstance(event, VenueFill):
                self._book(event)

    def _book(self, fill: VenueFill) -> None:
        kept, key = self._gear.kept, (str(fill.symbol), fill.trade_id)
        if key in kept.booked or fill.client_order_id not in kept.ids:
            return
        kept.booked.add(key)
        kept.lots[fill.symbol] = kept.lots.get(fill.symbol, 0) + fill.side * fill.lots
        task = self._tasks.get(fill.symbol)
        if task is not None and kept.ids[fill.client_order_id] == task.number:
            task.left = max(0, task.left - fill.lots)

    def _decide(self) -> None:
        random, kept = self._gear.chance.stream("baseline"), self._gear.kept
        if self._gear.resting():
            return
        for one in self._gear.instruments:
            if random.random() < 0.5 or one.symbol in self._tasks:
                continue
            change = random.choice((0, 0, 500, 1_000, 2_000)) - kept.lots.get(one.symbol, 0)
            if not change:
                continue
            kept.numbers += 1
            kept.wanted[kept.numbers] = abs(change)
            side = Side.BUY if change > 0 else Side.SELL
            task = _Task(kept.numbers, one.symbol, side, abs(change))
            self._tasks[one.symbol] = task
            self._send(task, maker=True)

    def _send(self, task: _Task, *, maker: bool) -> None:
        gear, now = self._gear, self._gear.clock.now_ms()
        try:
            quote = gear.venue.quote(task.symbol)
        except MettleError:
            self._drop(task)
            return
        buying = task.side is Side.BUY
        own, other = (quote.bid, quote.ask) if buying else (quote.ask, quote.bid)
        limit = own if maker else other + (30 * other // 10_000) * task.side.sign
        kind = TimeInForce.GTC if maker else TimeInForce.IOC
        terms = OrderTerms(
            task.symbol, task.side, task.left, limit=max(1, limit), time_in_force=kind,
            post_only=maker,
        )  # fmt: skip
        task.sent_at, task.asked, task.cancelled, task.unsure = now, 0, False, False
        tries = 3 if gear.habit is Habit.BLIND_RETRY else 1
        for _ in range(tries):
            if self._attempt(task, terms):
                return
        self._failed(task)

    def _attempt(self, task: _Task, terms: OrderTerms) -> bool:
        """Send once; return whether there was an answer."""
        gear = self._gear
        order_id = f"{gear.chance.stream('ids').getrandbits(128):032x}"
        keeps = gear.habit in {Habit.LOST_AFTER_THREE, Habit.REJECTED_AFTER_FIVE}
        if keeps:
            gear.kept.ids[order_id] = task.number
        gear.sent(order_id, task.number, gear.kept.wanted[task.number])
        task.order_id = order_id
        try:
            answer = gear.venue.create(OrderRequest(order_id, terms))
        except MettleError:
            task.unsure = keeps
            return False
        gear.kept.ids[order_id] = task.number
        if isinstance(answer, Accepted):
            task.due = gear.clock.now_ms() + 2_000
            return True
        assert isinstance(answer, Refused)
        gear.kept.closed.add(order_id)
        self._drop(task)
        return True

    def _failed(self, task: _Task) -> None:
        if task.unsure:
            task.due = self._gear.clock.now_ms() + 2_000
        else:
            self._drop(task)

    def _drop(self, task: _Task) -> None:
        self._tasks.pop(task.symbol, None)

    def _work(self, task: _Task) -> None:
        """Ask about the order; give it up, cancel it, or send the rest."""
        gear, now = self._gear, self._gear.clock.now_ms()
        task.due = now + 2_000
        try:
            shown = gear.venue.order(task.symbol, task.order_id)
            for fill in gear.venue.fills_since(task.sent_at - 60_000):
                self._book(fill)
        except MettleError:
            self._unanswered(task)
            return
        if shown is None:
            self._unanswered(task)
            return
        task.unsure, task.asked = False, 0
        if shown.status is VenueOrderStatus.OPEN:
            if now - task.sent_at > 120_000:
                self._cancel(task)
            return
        gear.kept.closed.add(task.order_id)
        if task.cancelled and task.left > 0:
            self._send(task, maker=False)
        else:
            self._drop(task)

    def _unanswered(self, task: _Task) -> None:
        task.asked += 1
        limits = {Habit.LOST_AFTER_THREE: 3, Habit.REJECTED_AFTER_FIVE: 5}
        if task.asked >= limits.get(self._gear.habit, 3):
            # Here is the mistake: silence is taken for an answer.
            self._gear.kept.closed.add(task.order_id)
            self._drop(task)

    def _cancel(self, task: _Task) -> None:
        try:
            self._gear.venue.cancel(task.symbol, task.order_id)
        except MettleError:
            if self._gear.habit is Habit.FORGET:
                self._gear.kept.closed.add(task.order_id)
                self._drop(task)
            return
        task.cancelled = True
