"""Whatever happens at the venue: the books come to hold what it holds, or somebody is asked."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st
from mettle.application.ports.venue import VenueFunding
from mettle.application.reconcile.rules import Agreement, bookings
from mettle.application.reconcile.views import Difference, Kind
from mettle.domain.market import Symbol
from mettle.domain.money import total
from mettle.domain.orders import Purpose
from mettle.domain.risk import Mode
from tests.support.reconciling import LOT, PERPETUAL, QUOTE, SECOND_SPOT, SPOT, World

CALLS = ["open_orders", "fills_since", "account", "order", "cancel", "quote", "funding_since"]
amounts = st.decimals("-30", "30", places=3)
lots = st.integers(1, 20)
symbols = st.sampled_from([SPOT, SECOND_SPOT, PERPETUAL])

happenings = st.one_of(
    st.tuples(st.just("own"), symbols, lots),
    st.tuples(st.just("missed"), symbols, lots),
    st.tuples(st.just("stray"), symbols, lots),
    st.tuples(st.just("foreign order"), symbols, lots),
    st.tuples(st.just("foreign trade"), symbols, st.integers(-20, 20).filter(bool)),
    st.tuples(st.just("transfer"), symbols, st.integers(-20, 20).filter(bool)),
    st.tuples(st.just("cash"), symbols, st.integers(-20, 20).filter(bool)),
    st.tuples(st.just("funding"), symbols, lots),
    st.tuples(st.just("liquidation"), symbols, lots),
    st.tuples(st.just("hide"), symbols, lots),
    st.tuples(st.just("show"), symbols, lots),
    st.tuples(st.sampled_from(CALLS), symbols, lots),
    st.tuples(st.just("passes"), symbols, st.integers(1, 4)),
    st.tuples(st.just("restart"), symbols, lots),
)


class Story:
    """Makes things happen in a world, and remembers what our side could know of."""

    def __init__(self) -> None:
        self.world = World()
        self.number = 0

    def tell(self, what: str, symbol: Symbol, size: int) -> None:
        """Let one thing happen, a moment after the last."""
        self.number += 1
        self.world.clock.advance(700)
        if what in CALLS:
            self.world.venue.failing ^= {what}
            return
        told: Callable[..., None] = getattr(self, what.replace(" ", "_"))
        told(symbol, size)

    def held(self, symbol: Symbol) -> int:
        """Return the venue's lots."""
        venue = self.world.venue
        if symbol == PERPETUAL:
            return venue.positions.get(PERPETUAL, 0)
        base = "BTC" if symbol == SPOT else "ETH"
        return int(venue.balances.get(base, Decimal(0)) / LOT)

    def own(self, symbol: Symbol, size: int) -> None:
        """Trade through the desk, and have it pushed; what fails is left to the desk."""
        order_id = self.missed(symbol, size)
        if order_id:
            self.world.venue.pushed.append(self.world.venue.fills[-1])
        self.world.work(2)

    def missed(self, symbol: Symbol, size: int) -> str:
        """Trade through the desk, and say nothing."""
        world = self.world
        before = set(world.desk.board.orders)
        try:
            world.approve(symbol, size)
        except IndexError:
            return ""
        made = set(world.desk.board.orders) - before
        for order_id in made:
            world.venue.trade(symbol, order_id, size)
        return next(iter(made), "")

    def stray(self, symbol: Symbol, size: int) -> None:
        """An order of ours that the journal has lost, half filled."""
        order_id = self.world.our_id(symbol, size, self.number)
        self.world.venue.place(symbol, order_id, size)
        if size > 1:
            self.world.venue.trade(symbol, order_id, size // 2)

    def foreign_order(self, symbol: Symbol, size: int) -> None:
        """Somebody orders."""
        self.world.venue.place(symbol, f"m{self.number}", size)

    def foreign_trade(self, symbol: Symbol, size: int) -> None:
        """Somebody trades, and never sells more than there is."""
        if symbol != PERPETUAL:
            size = max(size, -self.held(symbol))
        if size:
            self.world.venue.trade(symbol, f"m{self.number}", size)

    def transfer(self, symbol: Symbol, size: int) -> None:
        """Coins or contracts come or go."""
        if symbol == PERPETUAL:
            self.world.venue.positions[PERPETUAL] = self.held(symbol) + size
        else:
            size = max(size, -self.held(symbol))
            self.world.venue.move("BTC" if symbol == SPOT else "ETH", size * LOT)

    def cash(self, symbol: Symbol, size: int) -> None:
        """Money comes or goes."""
        self.world.venue.move(QUOTE, Decimal(size))

    def funding(self, symbol: Symbol, size: int) -> None:
        """A settlement that nobody pushed."""
        now = self.world.clock.now_ms()
        settled = VenueFunding(f"F{self.number}", PERPETUAL, -size * 10**8, now)
        self.world.venue.funding.append(settled)
        self.world.venue.move(QUOTE, Decimal(-size))

    def liquidation(self, symbol: Symbol, size: int) -> None:
        """The venue closes the perpetual."""
        held = self.held(PERPETUAL)
        if held:
            self.world.venue.trade(PERPETUAL, "", -held, protects=Purpose.LIQUIDATION)

    def hide(self, symbol: Symbol, size: int) -> None:
        """The last trade is not shown for a while."""
        if self.world.venue.fills:
            self.world.venue.hidden_fills.add(self.world.venue.fills[-1].trade_id)

    def show(self, symbol: Symbol, size: int) -> None:
        """It is shown."""
        self.world.venue.hidden_fills.clear()

    def passes(self, symbol: Symbol, size: int) -> None:
        """Time for the desk and for some passes."""
        self.world.work(3)
        self.world.passes(size)

    def restart(self, symbol: Symbol, size: int) -> None:
        """A new life."""
        self.world.start()


@settings(max_examples=60, deadline=None)
@given(st.lists(happenings, min_size=1, max_size=14))
def test_the_books_come_to_hold_what_the_venue_holds(
    happened: list[tuple[str, Symbol, int]],
) -> None:
    """Once the faults end; no trade is lost, doubled or invented, no foreign order is touched."""
    story = Story()
    for what, symbol, size in happened:
        story.tell(what, symbol, size)
        story.world.check()
    world = story.world
    world.venue.failing.clear()
    world.venue.hidden_fills.clear()
    for _ in range(4):
        world.work(40)
        world.passes(4, apart=20_000)
    paused = world.mode() is Mode.PAUSED and bool(world.open())
    assert world.agrees() or paused
    world.check()
    real = [one.trade_id for one in world.venue.fills]
    booked = world.trades()
    assert len(booked) == len(set(booked))
    assert set(booked) <= set(real)
    ours = {one.trade_id for one in world.venue.fills if not one.client_order_id.startswith("m")}
    assert ours <= set(booked)
    assert not [one for one in world.venue.cancelled if one.startswith("m")]
    suspended = {
        asset: amount
        for (book, asset), amount in world.books.balances().items()
        if book == "suspense" and amount
    }
    waiting = {one.discrepancy_id.split("#")[1] for one in world.open() if one.kind == "position"}
    assert waiting == set(suspended)


@given(amounts, amounts, amounts, amounts, st.booleans())
def test_bookings_add_up_to_the_change(
    change: Decimal, held: Decimal, outside: Decimal, suspended: Decimal, contracts: bool
) -> None:
    """Exactly; what comes back never overshoots, and nothing is booked twice the same way."""
    parts = bookings(change, held=held, outside=outside, suspended=suspended, contracts=contracts)
    assert total(one.amount for one in parts) == change
    assert all(one.amount for one in parts)
    back = total(one.amount for one in parts if one.unexplained and not one.vanished)
    assert min(Decimal(0), -suspended) <= back <= max(Decimal(0), -suspended)
    assert all(one.unexplained for one in parts if one.vanished)


@given(st.lists(st.tuples(st.integers(1, 9), st.booleans()), max_size=30))
def test_nothing_is_acted_on_before_two_passes_that_agree(
    course: list[tuple[int, bool]],
) -> None:
    """A model of the memory: acted on exactly if it has been there for five without a gap."""
    memory, one, at, since = Agreement(5), Difference(Kind.FILL, "a"), 0, -1
    for pause, there in course:
        at += pause
        since = (at if since < 0 else since) if there else -1
        expected = (one,) if there and at - since >= 5 else ()
        assert memory.take([one] if there else [], at) == expected


def test_the_story_can_fail() -> None:
    """A trade that is never shown leaves suspense and a pause, so the property has two ends."""
    story = Story()
    story.tell("own", SPOT, 10)
    story.tell("cash", SPOT, -5)
    story.world.passes(4)
    assert story.world.mode() is Mode.PAUSED
    assert story.world.agrees()
    assert story.world.books.portfolio.suspended(QUOTE) == -5
