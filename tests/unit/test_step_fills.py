"""Fill prices, waiting, participation and what cash affords, worked out by hand."""

from __future__ import annotations

import pytest
from mettle.domain.simulation import (
    Account,
    AssetBar,
    AssetTerms,
    Execution,
    FillReason,
    Order,
    Plan,
    Quote,
    SimulationSettings,
    Wait,
    fee_of,
    fillable,
    interpolate_wait,
    open_bar,
    quote,
)
from mettle.domain.simulation.fills import affordable, maker_limit, traded_through
from mettle.domain.simulation.numbers import slip

TERMS = AssetTerms(1, maker_ppm=100, taker_ppm=400)
BAR = AssetBar(
    1_000,
    1_100,
    900,
    1_040,
    wait_low=982,
    wait_high=1_018,
    wait_price_buy=1_002,
    wait_price_sell=1_001,
)
MAKER = SimulationSettings(execution=Execution.MAKER, maker_offset=10_000, slippage=1_000)


@pytest.mark.parametrize(
    ("ticks", "side", "rate", "slipped"),
    [(1_000, 1, 500, 1_001), (1_000, -1, 500, 999), (1_000, 1, 0, 1_000), (1, -1, 500_000, 1)],
)
def test_slippage_rounds_against_the_taker(ticks: int, side: int, rate: int, slipped: int) -> None:
    """A buy goes up, a sell down, and never under one tick."""
    assert slip(ticks, side, rate) == slipped


def test_waiting_moves_extremes_by_the_square_root() -> None:
    """144 of 3,600 s is a share of 0.2 of the range and 0.04 of the way."""
    assert interpolate_wait(1_000, 1_100, 900, 1_040, 144, 3_600) == Wait(980, 1_020, 1_002, 1_001)


def test_waiting_longer_than_the_bar_sees_all_of_it() -> None:
    """Two minutes of a minute's bar end at its close."""
    assert interpolate_wait(1_000, 1_100, 900, 1_040, 120, 60) == Wait(900, 1_100, 1_040, 1_040)


def test_a_falling_price_rounds_against_each_side() -> None:
    """A third of the way from 100 down to 90: a buy pays 97, a sell gets 96."""
    wait = interpolate_wait(100, 100, 90, 90, 20, 60)
    assert (wait.price_buy, wait.price_sell) == (97, 96)


@pytest.mark.parametrize(
    ("side", "close", "open_", "limit"),
    [
        (1, 1_000, 1_000, 990),
        (1, 1_000, 980, 980),
        (-1, 1_000, 1_000, 1_010),
        (-1, 1_000, 1_020, 1_020),
        (1, 1, 5, 1),
    ],
)
def test_a_limit_rests_beside_the_close(side: int, close: int, open_: int, limit: int) -> None:
    """At one per cent, or at a better open."""
    assert maker_limit(side, close, open_, 10_000) == limit


def test_a_touch_is_no_fill() -> None:
    """The market must go through the limit."""
    assert not traded_through(1, 982, BAR)
    assert traded_through(1, 983, BAR)
    assert not traded_through(-1, 1_018, BAR)
    assert traded_through(-1, 1_017, BAR)


def test_a_maker_fills_at_its_limit() -> None:
    """Limit 990 lies above the low of 982 within the wait."""
    assert quote(1, 1_000, BAR, TERMS, MAKER) == Quote(990, 990, 100, maker=True)
    assert quote(-1, 1_000, BAR, TERMS, MAKER) == Quote(1_010, 1_010, 100, maker=True)


def test_an_unfilled_maker_takes_after_the_wait() -> None:
    """With a limit out of reach it pays the price of that moment, slippage and taker fee."""
    far = SimulationSettings(execution=Execution.MAKER, maker_offset=30_000, slippage=1_000)
    assert quote(1, 1_000, BAR, TERMS, far) == Quote(1_004, 1_002, 400, maker=False)
    assert quote(-1, 1_000, BAR, TERMS, far) == Quote(999, 1_001, 400, maker=False)


def test_a_taker_pays_the_open() -> None:
    """Whatever the rest of the bar does."""
    taker = SimulationSettings(slippage=1_000)
    assert quote(1, 7, BAR, TERMS, taker) == Quote(1_001, 1_000, 400, maker=False)
    assert quote(-1, 7, BAR, TERMS, taker) == Quote(999, 1_000, 400, maker=False)


def test_fees_round_half_to_even() -> None:
    """Half a unit goes to the even one."""
    assert [fee_of(value, 500_000) for value in (1, 3, 4)] == [0, 2, 2]


def test_volume_limits_a_fill() -> None:
    """A tenth of 1,005 lots is 100; nothing is a limit of its own, zero means none."""
    assert fillable(500, 1_005, 100_000) == 100
    assert fillable(50, 1_005, 100_000) == 50
    assert fillable(500, 0, 100_000) == 0
    assert fillable(500, 0, 0) == 500


def order(asset: int, lots: int, ticks: int = 100) -> Order:
    """Return a buy at a price without fee."""
    return Order(asset, 1, lots, Quote(ticks, ticks, 0, maker=False), 1)


def test_buys_share_what_cash_there_is() -> None:
    """600 and 300 wanted, 450 there, two kept back: 448/900 of each."""
    scaled = affordable([order(0, 6), order(1, 3)], 450, [AssetTerms(1)] * 2)
    assert [(one.asset, one.lots) for one in scaled] == [(0, 2), (1, 1)]


def test_a_scaled_buy_that_is_too_small_is_dropped() -> None:
    """Under the minimum, or nothing at all; without cash nothing is bought."""
    minimum = [AssetTerms(1, min_notional=200)] * 2
    assert [one.asset for one in affordable([order(0, 6), order(1, 3)], 450, minimum)] == [0]
    assert affordable([order(0, 6)], 50, [AssetTerms(1)]) == []
    assert affordable([order(0, 6)], -5, [AssetTerms(1)]) == []


def test_what_cash_covers_is_not_scaled() -> None:
    """To the last unit, and under the minimum too: the plan has judged that."""
    assert affordable([order(0, 6)], 600, [AssetTerms(1, min_notional=700)]) == [order(0, 6)]


def test_the_open_settles_sells_then_buys() -> None:
    """Funding on the old position first, then a sell pays for a buy of a lower index."""
    terms = [AssetTerms(1, is_perpetual=True), AssetTerms(1)]
    account = Account.opened(terms, 1_000)
    account.trade(1, 1, 10, 100, fee=0)
    bars = [AssetBar(100, 100, 100, 100), AssetBar(100, 100, 100, 100, funding_open=1_000_000)]
    plan = Plan((8, -10), (8_000, 0), FillReason.REBALANCE, 1_000)
    funding, done = open_bar(account, plan, bars, bars, SimulationSettings(slippage=0))
    assert funding == [0, -10]
    assert [(fill.asset, fill.side, fill.lots) for fill in done] == [(1, -1, 10), (0, 1, 8)]
    assert account.cash == 1_000 - 10 - 800
