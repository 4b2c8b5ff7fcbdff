"""Clients of the simulated exchange: latency, pages, streams, switches and memory."""

from __future__ import annotations

import gc
from decimal import Decimal

import pytest
from mettle.adapters.system import PhiloxRandomness, SimulatedClock
from mettle.adapters.venues.exchange import (
    BarPath,
    ExchangeRules,
    ExchangeVenue,
    Latency,
    NewOrder,
    RecordedPath,
    SimulatedExchange,
)
from mettle.application.ports.venue import (
    Accepted,
    OrderRequest,
    Refused,
    VenueFill,
    VenueOrderStatus,
)
from mettle.domain.errors import ConfigError, DataError, NotFound, VenueError
from mettle.domain.orders import OrderKind, OrderTerms, Side, TimeInForce
from tests.support.exchanges import BTC, START, bench, instrument, request, tick, walk


def test_every_call_takes_time_on_the_clients_clock() -> None:
    """There and back, within the latencies; the exchange has lived as long."""
    world = bench(tick(0), latency=Latency((20, 30), (40, 50), (0, 0)))
    world.client.open_orders()
    assert START + 60 <= world.clock.now_ms() <= START + 80
    assert world.exchange.floor.now == world.clock.now_ms()


def test_an_order_meets_the_market_that_is_there_when_it_arrives() -> None:
    """The price moves while the request is on its way: the fill is at the new one."""
    world = bench(tick(0), tick(0.5, bid=1_020), latency=Latency((600, 600), (0, 0), (0, 0)))
    world.client.create(request("a", limit=1_050, life=TimeInForce.IOC))
    assert [one.ticks for one in world.client.fills_since(0)] == [1_022]


def test_pushes_arrive_later_and_in_order() -> None:
    """Nothing before the least delay; then every event, each behind the one before."""
    world = bench(tick(0), latency=Latency((0, 0), (0, 0), (100, 400)))
    for name in "abcd":
        world.client.create(request(name, limit=1_002, lots=20, life=TimeInForce.IOC))
    assert list(world.client.drain()) == []
    world.at(1)
    fills = [one for one in world.client.drain() if isinstance(one, VenueFill)]
    assert [one.trade_id for one in fills] == ["1", "2", "3", "4"]


def test_each_connection_has_its_own_stream() -> None:
    """Two clients of one account both hear of a fill; one of another account does not."""
    world = bench(tick(0), accounts=("a", "b"))
    second = ExchangeVenue(world.exchange, "a", world.clock, PhiloxRandomness(1), connection=2)
    world.client.create(request("x", limit=1_002, life=TimeInForce.IOC))
    world.at(5)
    assert len(world.client.drain()) == len(second.drain()) == 2
    assert list(world.clients["b"].drain()) == []


def test_a_client_that_is_gone_is_forgotten() -> None:
    """Its stream holds nothing once the object is dropped."""
    world = bench(tick(0))
    second = ExchangeVenue(world.exchange, "a", world.clock, PhiloxRandomness(1), connection=2)
    world.clients.clear()
    gc.collect()
    assert world.exchange.floor.is_heard("a")
    second.close()
    assert not world.exchange.floor.is_heard("a")


def test_histories_are_read_page_by_page() -> None:
    """Seven fills in pages of three: four requests, all fills, in order."""
    latency = Latency((10, 10), (0, 0), (0, 0))
    world = bench(tick(0), rules=ExchangeRules(page=3), latency=latency)
    for number in range(7):
        world.client.create(request(f"o{number}", limit=1_002, lots=10, life=TimeInForce.IOC))
    before = world.clock.now_ms()
    assert [one.trade_id for one in world.client.fills_since(0)] == list("1234567")
    assert world.clock.now_ms() - before == 30
    assert len(world.client.orders_since(0)) == 7


def test_the_dead_mans_switch_cancels_all_but_stops() -> None:
    """Renewed in time it does nothing; left alone it ends what rests; disarmed it is quiet."""
    world = bench(tick(0), rules=ExchangeRules(dead_man=True))
    assert world.client.capabilities.dead_man_ms is not None
    world.client.create(request("a"))
    world.place(NewOrder("s", BTC, -1, 100, 890, trigger=900))
    world.client.cancel_all_after(10_000)
    world.at(9)
    world.client.cancel_all_after(10_000)
    world.at(18)
    assert len(world.client.open_orders()) == 2
    world.at(19)
    assert [one.client_order_id for one in world.client.open_orders()] == ["s"]
    world.client.create(request("b"))
    world.client.cancel_all_after(1_000)
    world.client.cancel_all_after(None)
    world.at(30)
    assert len(world.client.open_orders()) == 2


def test_without_a_switch_there_is_none_to_arm() -> None:
    """The capability says so, and the call too."""
    world = bench(tick(0))
    assert world.client.capabilities.dead_man_ms is None
    with pytest.raises(VenueError, match="no dead man's switch"):
        world.client.cancel_all_after(1_000)


def test_old_histories_are_forgotten_where_that_is_asked_for() -> None:
    """After three days with one day's memory the old order is gone, the one that rests is not."""
    world = bench(tick(0), rules=ExchangeRules(retain_ms=86_400_000))
    world.client.create(request("a", limit=1_002, life=TimeInForce.IOC))
    world.client.create(request("r"))
    world.at(3 * 86_400)
    assert world.client.fills_since(0) == []
    assert world.client.order(BTC, "a") is None
    assert [one.client_order_id for one in world.client.open_orders()] == ["r"]
    world.exchange.audit()


def test_only_limit_orders_trade_here() -> None:
    """The kinds that live on bars are refused before anything is sent."""
    world = bench(tick(0))
    terms = OrderTerms(BTC, Side.BUY, 100, OrderKind.NEXT_OPEN)
    assert isinstance(world.client.create(OrderRequest("a", terms)), Refused)


def test_drawn_ticks_keep_to_their_bars() -> None:
    """Each bar's ticks open, touch both extremes and close as it did; volume is all there."""
    panel = walk(("BTC/USDT",), 20, 3)
    path = BarPath(panel, BTC, PhiloxRandomness(3))
    step = panel.timeframe.milliseconds
    for bar in range(20):
        begin = START + bar * step
        ticks = path.between(begin - 1, begin + step - 1, 2**62, 0)
        middle = [(one.bid + (one.ask - one.bid) // 2) for one in ticks]
        assert len(ticks) == 60
        assert (middle[0], middle[-1]) == (panel.open[bar, 0], panel.close[bar, 0])
        assert min(middle) == panel.low[bar, 0]
        assert max(middle) == panel.high[bar, 0]
        assert sum(one.sold + one.bought for one in ticks) == panel.volume[bar, 0]
        assert path.at(begin + 7_000) is ticks[1]


def test_stretches_that_concern_nobody_are_left_out_whole() -> None:
    """Between a low bid and a high ask no tick is drawn; at a bid inside, whole bars are."""
    panel = walk(("BTC/USDT",), 20, 3)
    path = BarPath(panel, BTC, PhiloxRandomness(3))
    end = START + 20 * panel.timeframe.milliseconds
    assert list(path.between(START, end, 1, 2**62)) == []
    lowest = int(panel.low.min())
    some = path.between(START, end, lowest, 2**62)
    assert 0 < len(some) < 20 * 60
    assert min(one.low for one in some) == lowest


def test_worlds_that_make_no_sense_are_refused() -> None:
    """No market for a symbol, ticks out of order, unknown accounts, absurd rules."""
    clock, randomness = SimulatedClock(START), PhiloxRandomness(1)
    with pytest.raises(ConfigError, match="no market for BTC/USDT"):
        SimulatedExchange([instrument(BTC)], {}, clock, randomness)
    with pytest.raises(DataError, match="each later"):
        RecordedPath([tick(1), tick(1)])
    with pytest.raises(DataError, match="cannot have 7 ticks"):
        BarPath(walk(("BTC/USDT",), 2, 1), BTC, randomness, ticks=7)
    with pytest.raises(NotFound, match="no account 'z'"):
        ExchangeVenue(bench().exchange, "z", clock, randomness)
    with pytest.raises(ConfigError, match="leverage must be positive"):
        ExchangeRules(leverage=0)


def test_its_watchers_hear_of_everything() -> None:
    """Requests as received, orders, trades, ends, flows: in this order, each with its record."""
    world = bench(tick(0))
    kinds: list[str] = []
    world.exchange.watch(lambda kind, _account, _record: kinds.append(kind))
    assert isinstance(
        world.client.create(request("a", limit=1_002, life=TimeInForce.IOC)), Accepted
    )
    world.client.create(request("a"))
    world.exchange.transfer("a", "USDT", Decimal(1))
    assert kinds == ["create", "order", "trade", "end", "create", "answer", "flow"]
    found = world.client.order(BTC, "a")
    assert found is not None
    assert found.status is VenueOrderStatus.FILLED
