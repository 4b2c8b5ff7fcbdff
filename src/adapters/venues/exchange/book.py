"""One symbol's book: our clients' resting orders against a market that takes no notice of them."""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from ....domain.orders import TimeInForce
from .path import Level, Path, Tick
from .records import Order

_LEVELS = 20
_STEP = 20_000
"""Made depth has a level each price ÷ this, at least a tick apart."""
_FAR = 2**62


@dataclass(frozen=True, slots=True)
class Hands:
    """What a book asks of its exchange.

    Attributes:
        fill: Execute lots of an order at a price; the flag says whether it was the maker.
        room: How many lots of an order may fill now.
        finish: End what is left of an order, with the reason.
    """

    fill: Callable[[Order, int, int, bool], None]
    room: Callable[[Order], int]
    finish: Callable[[Order, str], None]


class Book:
    """Matches by price, then time.

    The market's own lots at a price come before those of our clients that arrive there later. A
    resting order fills when trades go through its price, when they reach it and the queue ahead is
    used up, or when the other side's touch comes to it. What takers take is gone until the next
    tick.
    """

    def __init__(self, path: Path, hands: Hands, now_ms: int) -> None:
        self.path = path
        self._hands = hands
        self._bids: list[Order] = []
        self._asks: list[Order] = []
        self._stops: list[Order] = []
        self._taken: dict[int, int] = {}
        self._tick = path.at(now_ms)
        self._range: tuple[int, int] | None = None

    @property
    def is_idle(self) -> bool:
        """Whether no order waits here: then nothing that the market does matters."""
        return not (self._bids or self._asks or self._stops)

    def tick(self, now_ms: int) -> Tick:
        """Return the market at an instant."""
        found = self.path.at(now_ms)
        if found is not self._tick and found.at != self._tick.at:
            self._tick = found
            self._taken.clear()
        return found

    def mark(self, now_ms: int) -> int:
        """Return the middle of the touch in ticks."""
        tick = self.path.at(now_ms)
        return (tick.bid + tick.ask) // 2

    def touch(self, now_ms: int) -> tuple[int, int, int, int, int]:
        """Return bid, ask, their lots and the time, our clients' orders included."""
        tick = self.tick(now_ms)
        bid, bid_lots = self._best(tick, 1)
        ask, ask_lots = self._best(tick, -1)
        return bid, ask, bid_lots, ask_lots, tick.at

    def crosses(self, side: int, limit: int, now_ms: int) -> bool:
        """Return whether a limit on ``side`` would trade at once."""
        best, _ = self._best(self.tick(now_ms), -side)
        return limit >= best if side > 0 else limit <= best

    def triggered(self, side: int, trigger: int, now_ms: int) -> bool:
        """Return whether a stop would go off at once."""
        tick = self.tick(now_ms)
        return tick.ask >= trigger if side > 0 else tick.bid <= trigger

    def enter(self, order: Order, now_ms: int) -> None:
        """Take what an order can take now and let the rest wait, or end it."""
        self._take(order, self.tick(now_ms))
        if not order.is_open:
            return
        if order.new.time_in_force is TimeInForce.IOC:
            self._hands.finish(order, "immediate or cancel")
        elif not self._hands.room(order):
            self._hands.finish(order, "reduce-only: nothing is left to reduce")
        else:
            self._rest(order)

    def wait(self, order: Order) -> None:
        """Keep a stop until the price touches it."""
        order.stopped = True
        self._stops.append(order)
        self._range = None

    def remove(self, order: Order) -> None:
        """Take an order out, wherever it waits."""
        for orders in (self._bids, self._asks, self._stops):
            if order in orders:
                orders.remove(order)
        self._range = None

    def ticks(self, after: int, until: int) -> Sequence[Tick]:
        """Return the ticks of ``(after, until]`` that may concern a waiting order."""
        low, high = self._interest()
        return self.path.between(after, until, low, high)

    def play(self, tick: Tick) -> None:
        """Let one tick happen to the waiting orders."""
        low, high = self._interest()
        if tick.low > low and tick.high < high:
            return
        self._tick = tick
        self._taken.clear()
        if self._stops:
            self._release(tick)
        if self._bids and tick.low <= self._bids[0].new.limit:
            self._hit(list(self._bids), tick, tick.sold)
        if self._asks and tick.high >= self._asks[0].new.limit:
            self._hit(list(self._asks), tick, tick.bought)

    def _interest(self) -> tuple[int, int]:
        """Return the prices between which nothing happens to anybody."""
        if self._range is None:
            lows = [one.new.trigger or 0 for one in self._stops if one.new.side < 0]
            highs = [one.new.trigger or _FAR for one in self._stops if one.new.side > 0]
            if self._bids:
                lows.append(self._bids[0].new.limit)
            if self._asks:
                highs.append(self._asks[0].new.limit)
            self._range = max(lows, default=0), min(highs, default=_FAR)
        return self._range

    def _release(self, tick: Tick) -> None:
        for order in list(self._stops):
            trigger = order.new.trigger or 0
            if (tick.high >= trigger) if order.new.side > 0 else (tick.low <= trigger):
                self._stops.remove(order)
                self._range = None
                order.stopped = False
                self.enter(order, tick.at)

    def _hit(self, orders: list[Order], tick: Tick, volume: int) -> None:
        """Fill resting orders of one side from the trades of a tick, best price first."""
        for order in orders:
            if not order.is_open:
                continue
            side, limit = order.new.side, order.new.limit
            through = tick.low < limit if side > 0 else tick.high > limit
            reached = tick.low <= limit if side > 0 else tick.high >= limit
            if not reached:
                return
            if not through:
                passed = min(volume, order.queue)
                order.queue -= passed
                volume -= passed
            lots = min(volume, self._hands.room(order))
            if lots:
                volume -= lots
                self._hands.fill(order, lots, limit, True)
            self._meet(order, tick)

    def _meet(self, order: Order, tick: Tick) -> None:
        """Fill a resting order from the other side's touch where that has come to it."""
        side, limit = order.new.side, order.new.limit
        if not order.is_open or not (tick.ask <= limit if side > 0 else tick.bid >= limit):
            return
        for price, lots in self._depth(tick, -side):
            beyond = price > limit if side > 0 else price < limit
            take = min(lots, self._hands.room(order))
            if beyond or not take:
                return
            self._taken[price] = self._taken.get(price, 0) + take
            self._hands.fill(order, take, limit, True)

    def _take(self, order: Order, tick: Tick) -> None:
        """Trade an arriving order against depth and other clients' orders."""
        side, limit = order.new.side, order.new.limit
        others = list(self._asks if side > 0 else self._bids)
        for price, lots in self._depth(tick, -side):
            if not self._take_clients(order, others, price, strictly=True):
                return
            if price > limit if side > 0 else price < limit:
                break
            take = min(lots, self._hands.room(order))
            if not take:
                return
            self._taken[price] = self._taken.get(price, 0) + take
            self._hands.fill(order, take, price, False)
            if not order.is_open:
                return
        self._take_clients(order, others, limit, strictly=False)

    def _take_clients(
        self, order: Order, others: list[Order], price: int, *, strictly: bool
    ) -> bool:
        """Trade against clients' orders that are better than ``price``; False if it is over."""
        side, limit = order.new.side, order.new.limit
        while others:
            other = others[0]
            theirs = other.new.limit
            ahead = (price - theirs) * side
            if ahead < 0 or (strictly and ahead == 0) or (limit - theirs) * side < 0:
                return True
            if other.account == order.account:
                self._hands.finish(order, "would trade with the account's own order")
                return False
            lots = min(self._hands.room(order), self._hands.room(other))
            others.pop(0)
            if not lots:
                continue
            self._hands.fill(other, lots, theirs, True)
            self._hands.fill(order, lots, theirs, False)
            if not order.is_open:
                return False
            if other.is_open:
                return True
        return True

    def _rest(self, order: Order) -> None:
        side, limit = order.new.side, order.new.limit
        order.queue = next(
            (lots for price, lots in self._depth(self._tick, side) if price == limit), 0
        )
        if side > 0:
            insort(self._bids, order, key=lambda one: (-one.new.limit, one.number))
        else:
            insort(self._asks, order, key=lambda one: (one.new.limit, one.number))
        self._range = None

    def _best(self, tick: Tick, side: int) -> tuple[int, int]:
        """Return the best price of one side and its lots."""
        price, lots = next(self._depth(tick, side), (tick.bid if side > 0 else tick.ask, 0))
        mine = self._bids if side > 0 else self._asks
        if mine and (mine[0].new.limit - price) * side >= 0:
            best = mine[0].new.limit
            ours = sum(one.remaining for one in mine if one.new.limit == best)
            return best, ours + (lots if best == price else 0)
        return price, lots

    def _depth(self, tick: Tick, side: int) -> Iterator[Level]:
        """Yield the market's own levels of one side that have lots left, best first."""
        recorded = tick.bids if side > 0 else tick.asks
        levels = recorded or _made(tick, side)
        for price, lots in levels:
            left = lots - self._taken.get(price, 0)
            if left > 0:
                yield price, left


def _made(tick: Tick, side: int) -> Iterator[Level]:
    """Yield depth that grows away from the touch."""
    price, lots = (tick.bid, tick.bid_lots) if side > 0 else (tick.ask, tick.ask_lots)
    step = max(1, price // _STEP)
    for level in range(_LEVELS):
        at = price - side * level * step
        if at <= 0:
            return
        yield at, lots * (level + 1)
