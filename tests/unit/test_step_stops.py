"""Stops, trailing stops and liquidation, worked out by hand."""

from __future__ import annotations

import pytest
from mettle.domain.simulation import (
    Account,
    AssetBar,
    AssetState,
    AssetTerms,
    FillReason,
    SimulationSettings,
    StopKind,
    inside_bar,
)
from mettle.domain.simulation.stops import (
    Exit,
    find_exit,
    levels,
    liquidation_level,
    stop_level,
    trailing_level,
)

LONG = AssetState(lots=10, basis=10_000, high_water=1_100, bars_held=3)
SHORT = AssetState(lots=-10, basis=10_000, high_water=900, bars_held=3)
FIVE = SimulationSettings(stop_loss=50_000, slippage=1_000)
LIMIT = SimulationSettings(stop_loss=50_000, stop_kind=StopKind.LIMIT, stop_limit_offset=10_000)


def bar(open_: int, high: int, low: int) -> AssetBar:
    """Return a bar that closes where it opened."""
    return AssetBar(open_, high, low, open_)


def test_levels_lie_beyond_the_entry() -> None:
    """Five per cent of an entry at 1,000; a short's mirror; both away from the market."""
    assert stop_level(LONG, 1, 50_000) == 950
    assert stop_level(SHORT, 1, 50_000) == 1_050
    assert stop_level(AssetState(3, 1_000, 333, 0), 1, 50_000) == 316
    assert stop_level(AssetState(-3, 1_000, 333, 0), 1, 50_000) == 350


def test_trailing_levels_follow_the_best_price() -> None:
    """Ten per cent under the high of 1,100, over the low of 900."""
    assert trailing_level(LONG, 100_000) == 990
    assert trailing_level(SHORT, 100_000) == 990


def test_liquidation_leaves_the_maintenance_margin() -> None:
    """At fivefold leverage and half a per cent: 80.5 % and 119.5 % of the entry."""
    settings = SimulationSettings(leverage=5, maintenance_margin=5_000)
    assert liquidation_level(LONG, 1, settings) == 805
    assert liquidation_level(SHORT, 1, settings) == 1_195


def test_levels_out_of_range_do_not_exist() -> None:
    """Under one tick for a long, above 10¹² for a short."""
    wide = SimulationSettings(stop_loss=999_999)
    assert levels(AssetState(10, 10_000, 1_000, 0), 1, wide) == []
    far = AssetState(-1, 6 * 10**11, 10**11, 0)
    assert levels(far, 1, wide) == []
    assert len(levels(far, 1, SimulationSettings(trailing_stop=1))) == 1


@pytest.mark.parametrize(
    ("seen", "found"),
    [
        (bar(1_000, 1_010, 951), None),
        (bar(1_000, 1_010, 950), Exit(949, 950, FillReason.STOP)),
        (bar(940, 960, 930), Exit(939, 940, FillReason.STOP)),
    ],
)
def test_a_market_stop_fills_at_its_level_or_the_gap(seen: AssetBar, found: Exit | None) -> None:
    """Less slippage, rounded against."""
    assert find_exit(LONG, seen, 1, FIVE) == found


def test_a_shorts_stop_is_the_mirror() -> None:
    """Reached from below, filled above."""
    assert find_exit(SHORT, bar(1_000, 1_049, 990), 1, FIVE) is None
    assert find_exit(SHORT, bar(1_000, 1_050, 990), 1, FIVE) == Exit(1_052, 1_050, FillReason.STOP)
    assert find_exit(SHORT, bar(1_060, 1_070, 990), 1, FIVE) == Exit(1_062, 1_060, FillReason.STOP)


@pytest.mark.parametrize(
    ("seen", "ticks"),
    [
        (bar(1_000, 1_010, 900), 950),
        (bar(945, 946, 900), 945),
        (bar(940, 940, 900), 940),
        (bar(930, 941, 900), 940),
        (bar(930, 940, 900), None),
    ],
)
def test_a_limit_stop_has_gap_risk(seen: AssetBar, ticks: int | None) -> None:
    """Level 950, limit 940: through, gap to the limit, gap past it and back, gap and gone."""
    found = find_exit(LONG, seen, 1, LIMIT)
    assert found == (None if ticks is None else Exit(ticks, ticks, FillReason.STOP))


@pytest.mark.parametrize(
    ("seen", "ticks"),
    [
        (bar(1_000, 1_100, 990), 1_050),
        (bar(1_055, 1_100, 990), 1_055),
        (bar(1_070, 1_100, 1_060), 1_061),
        (bar(1_070, 1_100, 1_061), None),
    ],
)
def test_a_shorts_limit_stop_is_the_mirror(seen: AssetBar, ticks: int | None) -> None:
    """Level 1,050, limit ⌈1,060.5⌉."""
    found = find_exit(SHORT, seen, 1, LIMIT)
    assert found == (None if ticks is None else Exit(ticks, ticks, FillReason.STOP))


def test_the_nearest_level_acts_first() -> None:
    """A trailing stop at 990 comes before a stop at 950, and after it where that lies higher."""
    both = SimulationSettings(stop_loss=50_000, trailing_stop=100_000, slippage=0)
    found = find_exit(LONG, bar(1_000, 1_010, 900), 1, both)
    assert found == Exit(990, 990, FillReason.TRAILING_STOP)
    wide = SimulationSettings(stop_loss=50_000, trailing_stop=200_000, slippage=0)
    found = find_exit(LONG, bar(1_000, 1_010, 800), 1, wide)
    assert found == Exit(950, 950, FillReason.STOP)


def test_equal_levels_act_in_a_stated_order() -> None:
    """Liquidation, then the stop, then the trailing stop."""
    level = AssetState(lots=10, basis=10_000, high_water=1_000, bars_held=0)
    settings = SimulationSettings(
        leverage=10, maintenance_margin=50_000, stop_loss=50_000, trailing_stop=50_000, slippage=0
    )
    assert [one.ticks for one in levels(level, 1, settings)] == [950, 950, 950]
    found = find_exit(level, bar(1_000, 1_000, 900), 1, settings)
    assert found == Exit(950, 950, FillReason.LIQUIDATION)


def test_a_liquidation_follows_a_limit_stop_that_missed() -> None:
    """It is a market order, whatever kind the stops are."""
    settings = SimulationSettings(
        leverage=5, stop_loss=50_000, stop_kind=StopKind.LIMIT, stop_limit_offset=0, slippage=0
    )
    found = find_exit(LONG, bar(900, 900, 700), 1, settings)
    assert found == Exit(805, 805, FillReason.LIQUIDATION)


def account(settings: SimulationSettings, lots: int = 10) -> Account:
    """Return an account that holds ``lots`` bought at 1,000."""
    one = Account.opened([AssetTerms(1, 0, 1_000)], settings.initial_cash)
    one.trade(0, 1 if lots > 0 else -1, abs(lots), 1_000, fee=0)
    return one


def test_a_position_that_lives_is_marked() -> None:
    """Its high water takes the bar's best, and it is one bar older."""
    settings = SimulationSettings(trailing_stop=100_000)
    one = account(settings)
    assert inside_bar(one, 0, bar(1_000, 1_200, 1_000), settings) == (0, None)
    assert (one.assets[0].high_water, one.assets[0].bars_held) == (1_200, 1)
    short = account(settings, -10)
    inside_bar(short, 0, bar(1_000, 1_050, 800), settings)
    assert short.assets[0].high_water == 800


def test_the_trailing_stop_does_not_look_ahead() -> None:
    """A bar that rises to 1,200 and falls to 1,000 is judged by the mark before it."""
    settings = SimulationSettings(trailing_stop=100_000)
    one = account(settings)
    assert inside_bar(one, 0, bar(1_000, 1_200, 1_000), settings)[1] is None
    assert inside_bar(one, 0, bar(1_100, 1_100, 1_080), settings)[1] is not None


def test_a_liquidation_pays_its_penalty() -> None:
    """Taker fee and liquidation fee are rounded each and booked together."""
    settings = SimulationSettings(leverage=5, liquidation_fee=5_000, slippage=0)
    one = account(settings)
    _, fill = inside_bar(one, 0, bar(1_000, 1_000, 700), settings)
    assert fill is not None
    assert (fill.ticks, fill.lots, fill.side) == (805, 10, -1)
    assert fill.fee == 8 + 40
    assert fill.realised == 8_050 - 10_000


def test_funding_inside_comes_before_the_stop() -> None:
    """The position that is stopped has paid; a flat one has not; a gap costs nothing."""
    settings = SimulationSettings(stop_loss=50_000)
    one = account(settings)
    falling = AssetBar(1_000, 1_000, 900, 900, funding_inside=1_000_000)
    received, fill = inside_bar(one, 0, falling, settings)
    assert received == -100
    assert fill is not None
    assert inside_bar(one, 0, falling, settings) == (0, None)
    gone = AssetBar(1_000, 1_000, 1_000, 1_000, missing=True, funding_inside=1_000_000)
    other = account(settings)
    assert inside_bar(other, 0, gone, settings) == (0, None)
    assert other.assets[0].bars_held == 1
