"""The simulated exchange locks, charges and settles to the atom."""

from __future__ import annotations

from decimal import Decimal

import pytest
from mettle.adapters.venues.exchange import ExchangeRules, FeeMode, Filters, NewOrder
from mettle.application.ports.venue import Accepted, RefusalKind, Refused, VenueOrderStatus
from mettle.domain.errors import ConfigError, MettleError
from mettle.domain.market import Symbol
from mettle.domain.money import Money
from mettle.domain.orders import Purpose, TimeInForce
from tests.support.exchanges import BTC, PERP, START, Bench, bench, tick

IOC = TimeInForce.IOC
HOURS_8 = 28_800
LEVERED = ExchangeRules(leverage=5, maintenance_ppm=50_000)


def trade(world: Bench, side: int, lots: int, symbol: Symbol = BTC) -> None:
    """Trade at once at the touch, whatever the price."""
    new = NewOrder(f"t{world.sent}", symbol, side, lots, 1_200 if side > 0 else 500, IOC)
    world.sent += 1
    answer, order = world.place(new)
    assert isinstance(answer, Accepted)
    assert order is not None
    assert order.status is VenueOrderStatus.FILLED


def test_a_bid_locks_its_cost_and_its_fee() -> None:
    """100 lots at 990 are 99; with the taker's 0.2 % it locks 99.198, and gives it all back."""
    world = bench(tick(0))
    world.rest(1, 100, 990)
    assert world.free("USDT") == Decimal(10000) - Decimal("99.198")
    assert world.held("USDT") == 10_000
    world.exchange.reception.cancel("a", BTC, "x")
    assert world.free("USDT") == 10_000


def test_what_is_locked_cannot_be_spent_twice() -> None:
    """Two orders for all the money, or all the coins: the second is refused for funds."""
    world = bench(tick(0))
    world.rest(-1, 5_000, 1_100)
    for side, lots, limit in ((-1, 10, 1_100), (1, 10_000, 999)):
        answer, _ = world.place(NewOrder("y", BTC, side, lots, limit))
        assert isinstance(answer, Refused)
        assert answer.kind is RefusalKind.INSUFFICIENT_FUNDS


def test_a_partial_fill_keeps_the_rest_locked() -> None:
    """After 40 of 100 lots, 60 lots at the limit and their fee stay locked."""
    world = bench(tick(0), tick(1, low=989, sold=40))
    order = world.rest(1, 100, 990)
    world.at(1)
    assert order.filled == 40
    spent = Decimal("39.6") + Decimal("0.0396")
    assert world.held("USDT") == 10_000 - spent
    assert world.held("USDT") - world.free("USDT") == Decimal("59.4") * Decimal("1.002")


@pytest.mark.parametrize(
    ("mode", "side", "asset", "amount"),
    [
        (FeeMode.QUOTE, 1, "USDT", "0.2004"),
        (FeeMode.QUOTE, -1, "USDT", "0.2"),
        (FeeMode.RECEIVED, 1, "BTC", "0.0002"),
        (FeeMode.RECEIVED, -1, "USDT", "0.2"),
        (FeeMode.THIRD, 1, "BNB", "0.000334"),
        (FeeMode.THIRD, -1, "BNB", "0.00033333"),
    ],
)
def test_fees_are_charged_where_the_account_wants_them(
    mode: FeeMode, side: int, asset: str, amount: str
) -> None:
    """100 lots at the touch, taker 0.2 %: in the quote, in what was received, in a third asset."""
    world = bench(
        tick(0),
        rules=ExchangeRules(third_asset="BNB"),
        deposits={"USDT": 10_000, "BTC": 5, "BNB": 1},
    )
    world.exchange.set_third_price("USDT", 600 * 10**8)
    world.exchange.floor.account("a").fee_mode = mode
    before = world.held(asset)
    trade(world, side, 100)
    (found,) = world.client.fills_since(0)
    assert found.fee == Money.of(amount, asset)
    expected = Money.of("600", "USDT") if asset == "BNB" else None
    assert found.fee_price == expected
    moved = {"USDT": -side * Decimal(found.ticks) / 10, "BTC": side * Decimal("0.1")}
    assert world.held(asset) - before == moved.get(asset, 0) - Decimal(amount)
    world.exchange.audit()


def test_without_the_third_asset_the_fee_is_taken_from_what_was_received() -> None:
    """An empty BNB balance falls back, as it does at the venues that have such an asset."""
    world = bench(tick(0), rules=ExchangeRules(third_asset="BNB"))
    world.exchange.set_third_price("USDT", 600 * 10**8)
    world.exchange.floor.account("a").fee_mode = FeeMode.THIRD
    trade(world, 1, 100)
    assert world.client.fills_since(0)[0].fee.currency == "BTC"


def test_filters_refuse_and_change_at_run_time() -> None:
    """Notional, step of size and step of price, each as soon as it is set."""
    world = bench(tick(0))
    cases = [
        (Filters(min_notional=10 * 10**8), NewOrder("x", BTC, 1, 10, 990)),
        (Filters(lot_multiple=10), NewOrder("x", BTC, 1, 105, 990)),
        (Filters(tick_multiple=5), NewOrder("x", BTC, 1, 100, 991)),
        (Filters(max_lots=99), NewOrder("x", BTC, 1, 100, 990)),
    ]
    for filters, new in cases:
        world.exchange.set_filters(BTC, filters)
        answer, _ = world.place(new)
        assert isinstance(answer, Refused)
        assert answer.kind is RefusalKind.FILTER
    world.exchange.set_filters(BTC, Filters())
    assert isinstance(world.place(NewOrder("x", BTC, 1, 1, 990))[0], Accepted)


def test_nobody_takes_out_what_he_has_not_got() -> None:
    """Locked money cannot leave."""
    world = bench(tick(0))
    world.rest(1, 5_000, 990)
    with pytest.raises(ConfigError, match="has not got 9000 USDT free"):
        world.exchange.transfer("a", "USDT", Decimal(-9_000))


@pytest.mark.parametrize("rate", [50_000, -50_000])
@pytest.mark.parametrize("side", [1, -1])
def test_funding_is_signed_by_side_and_by_rate(rate: int, side: int) -> None:
    """A long pays a positive rate, a short receives it; 1,000 lots at mark 1,001 and ±0.05 %."""
    world = bench(
        tick(0), symbol=PERP, rules=LEVERED, funding={START + HOURS_8 * 1_000: rate},
        deposits={"USDT": 10_000},
    )  # fmt: skip
    trade(world, side, 1_000, PERP)
    before = world.held("USDT")
    world.at(HOURS_8)
    received = -side * rate * 1_001
    (row,) = world.client.funding_since(0)
    assert row.received == received
    assert world.held("USDT") - before == Decimal(received).scaleb(-8)
    world.exchange.audit()


def test_funding_counts_what_is_held_at_the_settlement() -> None:
    """A position that grew between two settlements pays once, on its size then."""
    world = bench(
        tick(0), symbol=PERP, rules=LEVERED, funding={START + HOURS_8 * 1_000: 10_000},
        deposits={"USDT": 10_000},
    )  # fmt: skip
    trade(world, 1, 100, PERP)
    world.at(HOURS_8 / 2)
    trade(world, 1, 300, PERP)
    world.at(HOURS_8)
    assert [row.received for row in world.client.funding_since(0)] == [-10_000 * 1_001 * 4 // 10]


def test_a_perpetual_realises_profit_into_the_wallet() -> None:
    """Long 1,000 at 1,002, closed at 1,100: 98 less two fees; positions net to nothing."""
    world = bench(
        tick(0, size=10**6), tick(1, bid=1_100, size=10**6), symbol=PERP, rules=LEVERED,
        deposits={"USDT": 10_000},
    )  # fmt: skip
    trade(world, 1, 1_000, PERP)
    assert world.exchange.account("a").positions == {PERP: 1_000}
    world.at(1)
    trade(world, -1, 1_000, PERP)
    assert world.held("USDT") == 10_000 + 98 - Decimal("2.004") - Decimal("2.2")
    assert world.exchange.account("a").positions == {}
    world.exchange.audit()


def test_margin_limits_what_can_be_opened() -> None:
    """At leverage 5, 100 carries 500 and not 600; closing needs none."""
    world = bench(tick(0, size=10**6), symbol=PERP, rules=LEVERED, deposits={"USDT": 100})
    answer, _ = world.place(NewOrder("x", PERP, 1, 600, 1_002, IOC))
    assert isinstance(answer, Refused)
    assert answer.kind is RefusalKind.INSUFFICIENT_FUNDS
    trade(world, 1, 90, PERP)
    assert world.exchange.account("a").margin_ratio == Decimal("0.1806")


def test_equity_below_maintenance_is_liquidated() -> None:
    """A fall takes the margin: orders go, the position is closed, and the fill says why."""
    world = bench(
        tick(0, size=10**6), tick(5, bid=780, size=10**6), symbol=PERP, rules=LEVERED,
        deposits={"USDT": 220},
    )  # fmt: skip
    trade(world, 1, 900, PERP)
    rest = world.rest(-1, 100, 1_200, "r")
    world.at(20)
    assert world.exchange.account("a").positions == {}
    assert rest.status is VenueOrderStatus.CANCELED
    last = world.client.fills_since(0)[-1]
    assert (last.protects, last.client_order_id, last.side) == (Purpose.LIQUIDATION, "", -1)
    world.exchange.audit()


def test_reduce_only_never_opens_or_turns() -> None:
    """Refused without a position; of 150 against 100 lots, 100 fill and the rest ends."""
    world = bench(tick(0, size=10**6), symbol=PERP, rules=LEVERED, deposits={"USDT": 10_000})
    new = NewOrder("x", PERP, -1, 150, 900, reduce_only=True)
    assert isinstance(world.place(new)[0], Refused)
    trade(world, 1, 100, PERP)
    _, order = world.place(new)
    assert order is not None
    assert (order.filled, order.status) == (100, VenueOrderStatus.EXPIRED)
    assert world.exchange.account("a").positions == {}


def test_the_audit_finds_a_stolen_atom() -> None:
    """One atom too many in one account is one atom that nobody gave."""
    world = bench(tick(0))
    world.exchange.audit()
    world.exchange.floor.account("a").holdings.balances["USDT"] += 1
    with pytest.raises(MettleError, match="made or lost 1 atoms of USDT"):
        world.exchange.audit()
