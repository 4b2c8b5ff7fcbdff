"""The simulated exchange matches by price, then time, against a market that it cannot move."""

from __future__ import annotations

import pytest
from mettle.adapters.venues.exchange import ExchangeRules, NewOrder, Order, PostOnlyShape
from mettle.application.ports.venue import (
    Accepted,
    Acknowledgement,
    RefusalKind,
    Refused,
    VenueOrderStatus,
)
from mettle.domain.orders import TimeInForce
from tests.support.exchanges import BTC, START, Bench, bench, tick

OPEN, FILLED = VenueOrderStatus.OPEN, VenueOrderStatus.FILLED
EXPIRED, CANCELED = VenueOrderStatus.EXPIRED, VenueOrderStatus.CANCELED


def prices(world: Bench, account: str = "a") -> list[tuple[int, int, bool]]:
    """Return lots, ticks and maker flag of every trade."""
    trades = world.exchange.trades(account, 0, 0)
    return [(one.shown.lots, one.shown.ticks, one.shown.maker) for one in trades]


def taken(answer: tuple[Acknowledgement, Order | None]) -> Order:
    """Return the order of an answer that must be a yes."""
    assert isinstance(answer[0], Accepted)
    assert answer[1] is not None
    return answer[1]


def test_a_marketable_limit_walks_the_depth_up_to_its_limit() -> None:
    """500 lots at each level of a growing book: price by price, and no further than the limit."""
    world = bench(tick(0, size=500))
    new = NewOrder("x", BTC, 1, 3_000, 1_003, TimeInForce.IOC)
    order = taken(world.place(new))
    assert prices(world) == [(500, 1_002, False), (1_000, 1_003, False)]
    assert (order.status, order.filled, order.reason) == (EXPIRED, 1_500, "immediate or cancel")


def test_taken_depth_is_gone_until_the_next_tick() -> None:
    """A second taker in the same tick finds the next level; after a tick the depth is back."""
    world = bench(tick(0, size=500), tick(1, size=500))
    for name in ("x", "y"):
        world.place(NewOrder(name, BTC, 1, 500, 1_003, TimeInForce.IOC))
    world.at(1)
    world.place(NewOrder("z", BTC, 1, 500, 1_003, TimeInForce.IOC))
    assert [price for _, price, _ in prices(world)] == [1_002, 1_003, 1_002]


def test_a_resting_order_waits_for_its_queue() -> None:
    """At the touch, 500 lots are ahead: 600 sold leave 100 for us, 400 more fill the rest."""
    world = bench(
        tick(0), tick(1, low=1_000, sold=600), tick(2, low=1_000, sold=150), tick(3, sold=99)
    )
    order = world.rest(1, 200, 1_000)
    assert order.queue == 500
    world.at(1)
    assert (order.filled, order.status) == (100, OPEN)
    world.at(3)
    assert (order.filled, order.status) == (200, FILLED)
    assert prices(world) == [(100, 1_000, True), (100, 1_000, True)]


def test_trades_through_the_price_fill_whatever_the_queue() -> None:
    """A trade below a bid means that everything at the bid is gone; volume still limits it."""
    world = bench(tick(0), tick(1, low=999, sold=150))
    order = world.rest(1, 200, 1_000)
    world.at(1)
    assert order.filled == 150


def test_a_touch_that_comes_to_us_fills_us() -> None:
    """An ask at our bid trades with us at our price, as maker, as far as its depth goes."""
    world = bench(tick(0), tick(1, bid=994, size=50))
    order = world.rest(1, 100, 997)
    world.at(1)
    assert order.status is FILLED
    assert prices(world) == [(50, 997, True), (50, 997, True)]


def test_the_better_price_then_the_earlier_order_goes_first() -> None:
    """Of three bids, the highest fills first, then the one that came first."""
    world = bench(tick(0), tick(1, low=990, sold=250))
    low, high, late = (
        world.rest(1, 100, price, name) for price, name in ((995, "l"), (999, "h"), (995, "t"))
    )
    world.at(1)
    assert [one.filled for one in (high, low, late)] == [100, 100, 50]


def test_clients_trade_with_each_other() -> None:
    """A better bid of another client is met before the market's, at that client's price."""
    world = bench(tick(0), accounts=("a", "b"))
    bid = world.rest(1, 100, 1_001, account="b")
    world.place(NewOrder("s", BTC, -1, 250, 1_000, TimeInForce.IOC))
    assert bid.status is FILLED
    assert prices(world) == [(100, 1_001, False), (150, 1_000, False)]
    assert prices(world, "b") == [(100, 1_001, True)]


def test_nobody_trades_with_himself() -> None:
    """An order that would meet the account's own ends instead."""
    world = bench(tick(0))
    bid = world.rest(1, 100, 1_001)
    _, sale = world.place(NewOrder("s", BTC, -1, 50, 1_000))
    assert sale is not None
    assert (sale.status, sale.filled, bid.filled) == (EXPIRED, 0, 0)


@pytest.mark.parametrize(
    ("shape", "status"),
    [
        (PostOnlyShape.REJECTED, VenueOrderStatus.REJECTED),
        (PostOnlyShape.LATE_CANCEL, CANCELED),
        (PostOnlyShape.ERROR, None),
    ],
)
def test_post_only_is_turned_away_in_three_shapes(
    shape: PostOnlyShape, status: VenueOrderStatus | None
) -> None:
    """At the other side's touch it never trades: an error, a rejected order, a late cancel."""
    world = bench(tick(0), rules=ExchangeRules(post_only_shape=shape))
    answer, order = world.place(NewOrder("x", BTC, 1, 100, 1_002, post_only=True))
    if status is None:
        assert isinstance(answer, Refused)
        assert (answer.kind, order) == (RefusalKind.WOULD_CROSS, None)
    else:
        assert order is not None
        assert order.is_open is (shape is PostOnlyShape.LATE_CANCEL)
        world.at(5)
        assert (order.status, order.filled) == (status, 0)
    assert world.free("USDT") == 10_000


def test_post_only_rests_inside_the_spread() -> None:
    """One tick off the other side it is taken, and becomes the touch."""
    world = bench(tick(0))
    taken(world.place(NewOrder("x", BTC, 1, 100, 1_001, post_only=True)))
    quote = world.client.quote(BTC)
    assert (quote.bid, quote.bid_lots, quote.ask) == (1_001, 100, 1_002)


def test_a_dated_order_ends_by_itself() -> None:
    """Not before its date, by the exchange's clock, and its lock ends with it."""
    world = bench(tick(0))
    new = NewOrder("x", BTC, 1, 100, 990, TimeInForce.GTD, START + 125_000)
    order = taken(world.place(new))
    world.at(124.9)
    assert order.is_open
    world.at(125)
    assert (order.status, order.reason) == (EXPIRED, "good till date")
    assert world.free("USDT") == 10_000


def test_a_dated_order_follows_a_clock_that_steps() -> None:
    """The exchange's clock jumps 90 s ahead: the order ends 90 s earlier, in true time."""
    world = bench(tick(0))
    new = NewOrder("x", BTC, 1, 100, 990, TimeInForce.GTD, START + 125_000)
    order = taken(world.place(new))
    world.exchange.set_skew(90_000)
    world.at(34.9)
    assert order.is_open
    world.at(35)
    assert order.status is EXPIRED


def test_a_stop_locks_and_goes_off() -> None:
    """It locks the base, does nothing before its price, then sells as the limit order it is."""
    world = bench(tick(0), tick(1, bid=960), tick(2, bid=949, low=949))
    stop = taken(world.place(NewOrder("x", BTC, -1, 400, 940, trigger=950)))
    assert (
        world.free("BTC")
        == world.held("BTC") - 400 * world.exchange.floor.instruments[BTC].lot_size
    )
    world.at(1)
    assert (stop.is_open, stop.stopped, stop.filled) == (True, True, 0)
    world.at(2)
    assert stop.status is FILLED
    assert prices(world) == [(400, 949, False)]


def test_a_stop_that_would_go_off_at_once_is_refused() -> None:
    """The bid is below its trigger already."""
    answer, _ = bench(tick(0)).place(NewOrder("x", BTC, -1, 400, 990, trigger=1_001))
    assert isinstance(answer, Refused)


def test_nothing_happens_while_nothing_waits() -> None:
    """The market is a function of time: without orders no tick is played."""
    world = bench(*(tick(second) for second in range(100)))
    world.at(99)
    assert world.exchange.ticks == 0
    assert world.client.quote(BTC).at == START + 99_000
