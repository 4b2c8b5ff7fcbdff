"""Each fault of the stream, the clock and the account, struck on purpose; and plans of faults."""

from __future__ import annotations

from decimal import Decimal

import pytest
from mettle.adapters.venues.exchange import (
    CATALOGUE,
    ExchangeRules,
    Fault,
    FaultPlan,
    FeeMode,
    Strike,
)
from mettle.application.ports.venue import (
    Accepted,
    CancelAnswer,
    RefusalKind,
    Refused,
    RepeatedId,
    VenueOrder,
    VenueOrderStatus,
)
from mettle.domain.errors import ConfigError, VenueError
from mettle.domain.orders import Purpose, Side, TimeInForce
from tests.support.exchanges import (
    BTC,
    PERP,
    QUIET,
    START,
    bench,
    buy_now,
    fill_pushes,
    lasting,
    request,
    struck,
    tick,
    unknown,
)

MINUTE = 60_000
OPEN, FILLED = VenueOrderStatus.OPEN, VenueOrderStatus.FILLED
CANCELED = VenueOrderStatus.CANCELED


def test_fills_are_pushed_twice_late_or_never() -> None:
    """The history has each once, whatever the stream does."""
    for fault, at_once, in_the_end in (
        (Fault.FILL_TWICE, 1, 2),
        (Fault.FILL_LATE, 0, 1),
        (Fault.FILL_REORDERED, 0, 1),
        (Fault.PUSH_LOST, 0, 0),
    ):
        world = struck(fault)
        buy_now(world, "a")
        assert fill_pushes(world) == at_once
        world.at(2_401)
        assert at_once + fill_pushes(world) == in_the_end
        assert len(world.client.fills_since(0)) == 1


def test_the_stream_drops_in_a_burst() -> None:
    """From one fill on all pushes are lost until it is up again."""
    world = struck(Fault.STREAM_DROP)
    for name in "abc":
        buy_now(world, name)
    assert list(world.client.drain()) == []
    world.at(61)
    buy_now(world, "d")
    assert fill_pushes(world) == 1


@pytest.mark.parametrize("fault", [Fault.STREAM_FROZEN, Fault.LISTEN_KEY_EXPIRED])
def test_a_silent_stream_says_nothing(fault: Fault) -> None:
    """No error, no event; the questions are answered as ever."""
    world = lasting(fault)
    world.at(1)
    buy_now(world, "a")
    world.at(30)
    assert list(world.client.drain()) == []
    assert len(world.client.fills_since(0)) == 1
    world.at(601)
    buy_now(world, "b")
    assert fill_pushes(world) == 1


def test_an_order_is_filled_before_its_fills_show() -> None:
    """Its status says so at once; the trade comes seconds later, in the history and the stream."""
    world = struck(Fault.FILLED_BEFORE_FILLS)
    buy_now(world, "a")
    found = world.client.order(BTC, "a")
    assert found is not None
    assert (found.status, world.client.fills_since(0)) == (FILLED, [])
    events = list(world.client.drain())
    assert [type(one) for one in events] == [VenueOrder]
    world.at(21)
    assert len(world.client.fills_since(0)) == 1
    assert fill_pushes(world) == 1


@pytest.mark.parametrize(
    ("fault", "status", "least", "most"),
    [
        (Fault.PARTIAL_FILL, OPEN, 1, 99),
        (Fault.DUST_REMAINDER, CANCELED, 99, 99),
        (Fault.UNASKED_CANCEL, CANCELED, 0, 0),
    ],
)
def test_things_befall_an_order_that_rests(
    fault: Fault, status: VenueOrderStatus, least: int, most: int
) -> None:
    """A part fills; all but dust fills and the rest goes; somebody cancels it."""
    world = struck(fault)
    world.client.create(request("a"))
    world.at(61)
    found = world.client.order(BTC, "a")
    assert found is not None
    assert found.status is status
    assert least <= found.filled <= most
    assert world.exchange.faults.fired == {(fault, "open"): 1}


def test_the_clock_is_wrong_and_right_again() -> None:
    """Off by up to 90 s while it lasts; steps stay until the faults end."""
    world = lasting(Fault.CLOCK_SKEW)
    world.at(1)
    off = world.client.server_time() - world.clock.now_ms()
    assert 0 < abs(off) <= 90_000
    world.at(601)
    assert world.client.server_time() == world.clock.now_ms()
    world = bench(
        faults=FaultPlan(strikes=(Strike(Fault.CLOCK_STEP, START + 1),), ends_at=START + 60_000)
    )
    world.at(59)
    assert world.client.server_time() != world.clock.now_ms()
    world.at(61)
    assert world.client.server_time() == world.clock.now_ms()


def test_a_stamp_outside_the_window_is_refused_once() -> None:
    """90 s off, an order is refused in so many words; the next one carries the right time."""
    rules = ExchangeRules(RepeatedId.UNIQUE_AMONG_OPEN, stamped=True, fence_ms=5_000)
    world = bench(rules=rules)
    world.exchange.set_skew(90_000)
    answer = world.client.create(request("a"))
    assert isinstance(answer, Refused)
    assert answer.retry_after_ms > 0
    assert isinstance(world.client.create(request("b")), Accepted)
    world.exchange.set_skew(-90_000)
    with pytest.raises(VenueError, match="outside the window"):
        world.client.account()
    assert world.client.account().balances["USDT"] == 10_000


def test_fees_change_their_asset() -> None:
    """In the base or a third asset while it lasts, in the quote before and after."""
    for fault, asset in ((Fault.FEE_IN_BASE, "BTC"), (Fault.FEE_IN_THIRD, "BNB")):
        world = lasting(
            fault,
            rules=ExchangeRules(third_asset="BNB"),
            deposits={"USDT": 10_000, "BNB": 1},
        )
        world.exchange.set_third_price("USDT", 600 * 10**8)
        world.at(1)
        buy_now(world, "a")
        world.at(601)
        buy_now(world, "b")
        fees = [one.fee.currency for one in world.client.fills_since(0)]
        assert fees == [asset, "USDT"]
        assert world.exchange.floor.account("a").fee_mode is FeeMode.QUOTE


def test_filters_change_and_come_back() -> None:
    """Something is coarser while it lasts."""
    world = lasting(Fault.FILTERS_CHANGE)
    world.at(1)
    changed = world.exchange.floor.filters[BTC]
    world.at(601)
    before = world.exchange.floor.filters[BTC]
    assert changed != before
    assert changed.min_notional >= before.min_notional


def test_a_stop_of_somebody_locks_all_there_is_to_sell() -> None:
    """The coins are there and not free; then they are free again."""
    world = lasting(Fault.STOP_LOCKS_BALANCE)
    world.at(1)
    assert (world.held("BTC"), world.free("BTC")) == (Decimal(5), Decimal(0))
    answer = world.client.create(request("a", Side.SELL, limit=1_010))
    assert isinstance(answer, Refused)
    assert answer.kind is RefusalKind.INSUFFICIENT_FUNDS
    world.at(601)
    assert world.free("BTC") == 5


def test_a_stranger_orders_on_our_account() -> None:
    """An open order, or a fill, under an id that is not ours; gone after half an hour."""
    world = struck(Fault.FOREIGN_ORDER)
    world.at(1)
    (order,) = world.client.orders_since(0)
    assert order.client_order_id.startswith("manual-")
    world.at(1_900)
    assert world.client.open_orders() == []


def test_somebody_pays_in_or_takes_out() -> None:
    """A balance moves by no trade, and the exchange still adds up."""
    world = struck(Fault.BALANCE_MOVED)
    world.at(1)
    assert (world.held("USDT"), world.held("BTC")) != (Decimal(10_000), Decimal(5))
    assert world.client.fills_since(0) == []
    world.exchange.audit()


@pytest.mark.parametrize("side", [Side.BUY, Side.SELL])
def test_perpetuals_are_liquidated_and_pay_funding(side: Side) -> None:
    """Funding goes against the side that is held, or its way; a liquidation closes it."""
    limit = 1_002 if side is Side.BUY else 1_000
    for fault, sign in ((Fault.FUNDING_PAID, -1), (Fault.FUNDING_RECEIVED, 1)):
        strikes = (Strike(fault, START + 5_000), Strike(Fault.LIQUIDATION, START + 30_000_000))
        world = bench(
            *QUIET,
            symbol=PERP,
            faults=FaultPlan(strikes=strikes),
            deposits={"USDT": 10_000},
        )
        life = TimeInForce.IOC
        order = request("a", side, limit=limit, symbol=PERP, life=life)
        assert isinstance(world.client.create(order), Accepted)
        world.at(28_800)
        (row,) = world.client.funding_since(0)
        assert row.received == sign * 100 * 1_001 * 100_000 * 3 // 1_000
        world.at(30_001)
        assert world.client.account().positions == {}
        assert world.client.fills_since(0)[-1].protects is Purpose.LIQUIDATION


def test_fills_happen_while_nobody_is_there() -> None:
    """The client is gone; its order fills; a new client finds it."""
    world = bench(tick(0), tick(5, low=900, sold=10**6))
    world.client.create(request("a"))
    world.clients.clear()
    world.at(10)
    assert world.exchange.faults.fired == {(Fault.FILL_WHILE_DOWN, "open"): 1}
    assert world.held("BTC") == Decimal("5.1")


def test_the_states_are_whose_we_say() -> None:
    """A simulation counts by the order's state in its own journal."""
    world = struck(Fault.CANCEL_LOST)
    world.exchange.faults.states = lambda _account, _client_id: ("Cancelling",)
    world.client.create(request("a"))
    unknown(lambda: world.client.cancel(BTC, "a"))
    assert world.exchange.faults.fired == {(Fault.CANCEL_LOST, "Cancelling"): 1}


def test_all_faults_end_at_their_time() -> None:
    """A storm until the end of the first hour, then not one fault more."""
    world = bench(*QUIET, faults=FaultPlan.storm(5, ends_at=START + 60 * MINUTE))
    world.at(3_600)
    before = dict(world.exchange.faults.fired)
    for number in range(300):
        assert isinstance(world.client.create(request(f"o{number}", lots=20)), Accepted)
        assert world.client.cancel(BTC, f"o{number}") is CancelAnswer.TAKEN
        world.clock.advance(1_000)
    assert dict(world.exchange.faults.fired) == before


def test_plans_that_make_no_sense_are_refused() -> None:
    """More than every opportunity, less than none, no end, or what cannot be ordered."""
    with pytest.raises(ConfigError, match="add up to"):
        FaultPlan({Fault.CANCEL_LOST: 0.6, Fault.CANCEL_UNKNOWN: 0.6})
    with pytest.raises(ConfigError, match="not be negative"):
        FaultPlan({Fault.DNS_GONE: -1})
    with pytest.raises(ConfigError, match="needs an end"):
        Strike(Fault.DNS_GONE, 0)
    with pytest.raises(ConfigError, match="follows from others"):
        Strike(Fault.BANNED_418, 0)


def test_the_catalogue_is_whole() -> None:
    """Every fault has its terms, and a storm every fault that can be drawn."""
    assert set(CATALOGUE) == set(Fault)
    storm = FaultPlan.storm().rates
    assert {fault for fault in Fault if storm[fault] == 0} == {Fault.FILL_WHILE_DOWN}
