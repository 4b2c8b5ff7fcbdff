"""From actions to changes, worked out by hand."""

from __future__ import annotations

import math

import pytest
from mettle.domain.simulation import (
    Account,
    ActionScheme,
    AssetBar,
    AssetTerms,
    FillReason,
    Plan,
    SimulationSettings,
    plan_changes,
)
from mettle.domain.simulation.margin import hard_cuts, margin_usage, soften
from mettle.domain.simulation.numbers import quantise
from mettle.domain.simulation.sizing import (
    increment_weight,
    limit_gross,
    target_lots,
    threshold_weight,
    wanted_weight,
    worth_trading,
)

LONG_SHORT = SimulationSettings(leverage=2, allow_short=True, gross_limit=20_000)


def bar(close: int, *, missing: bool = False) -> AssetBar:
    """Return a bar that stands still."""
    return AssetBar(close, close, close, close, missing=missing)


def plan(
    actions: list[float],
    settings: SimulationSettings,
    lots: tuple[int, ...] = (0, 0),
    terms: AssetTerms | None = None,
    missing: tuple[bool, bool] = (False, False),
) -> Plan:
    """Plan on an equity of 1,000,000 with two assets at 100 ticks and units of 1."""
    one = terms or AssetTerms(1)
    account = Account.opened([one, one], 1_000_000)
    for asset, held in enumerate(lots):
        if held:
            account.trade(asset, 1 if held > 0 else -1, abs(held), 100, fee=0)
    bars = [bar(100, missing=gone) for gone in missing]
    return plan_changes(actions, account, bars, settings)


@pytest.mark.parametrize(
    ("action", "whole"),
    [
        (0.5, 5_000),
        (-1.0, -10_000),
        (0.03125, 312),
        (0.09375, 938),
        (1.0000001, None),
        (math.nan, None),
        (math.inf, None),
    ],
)
def test_actions_become_ten_thousandths(action: float, whole: int | None) -> None:
    """Half-even inside [−1, 1], HOLD elsewhere."""
    assert quantise(action) == whole


def test_target_weights_are_clipped() -> None:
    """To the largest weight, and to zero without shorts."""
    settings = SimulationSettings(max_weight=4_000)
    assert wanted_weight(9_000, 0, 0, 100, settings) == 4_000
    assert wanted_weight(-9_000, 0, 0, 100, settings) == 0
    assert wanted_weight(-9_000, 0, 0, 100, LONG_SHORT) == -9_000


@pytest.mark.parametrize(
    ("action", "lots", "short", "weight"),
    [
        (3_000, 0, True, None),
        (3_001, 0, True, 10_000),
        (-3_001, 0, True, -10_000),
        (-3_001, 0, False, 0),
        (-3_001, 5, True, 0),
        (9_000, -5, True, 0),
        (9_000, 5, True, 10_000),
    ],
)
def test_threshold_is_all_in_or_out(
    action: int, lots: int, short: bool, weight: int | None
) -> None:
    """Beyond the threshold all of it; against a position first out."""
    settings = LONG_SHORT if short else SimulationSettings()
    assert threshold_weight(action, lots, settings) == weight


@pytest.mark.parametrize(
    ("action", "lots", "value", "weight"),
    [
        (0, 5, 500, None),
        (10_000, 5, 500, 7_500),
        (5_000, 0, 0, 1_250),
        (-5_000, 5, 500, 3_750),
        (-10_000, 2, 200, 0),
        (10_000, -2, 200, 0),
        (-10_000, -2, 200, -4_500),
        (-1, 5, 500, 5_000),
        (-1, 1, 0, 0),
    ],
)
def test_increments_move_the_present_weight(
    action: int, lots: int, value: int, weight: int | None
) -> None:
    """By a part of the increment, and never through zero."""
    assert increment_weight(action, lots, value, 1_000, LONG_SHORT) == weight


def test_without_equity_everything_is_closed() -> None:
    """HOLD stays HOLD; any wish becomes nothing."""
    increment = SimulationSettings(scheme=ActionScheme.INCREMENT)
    assert wanted_weight(9_000, 1, 5, 0, SimulationSettings()) == 0
    assert wanted_weight(9_000, 1, 5, -3, increment) == 0
    assert wanted_weight(0, 1, 5, -3, increment) is None
    threshold = SimulationSettings(scheme=ActionScheme.THRESHOLD)
    assert wanted_weight(100, 1, 5, -3, threshold) is None
    assert wanted_weight(9_000, 1, 5, -3, threshold) == 0


def test_gross_is_scaled_around_what_is_held() -> None:
    """HOLD takes 2,001 of 5,000 (rounded up); 8,000 of wishes share the other 2,999."""
    assert limit_gross([6_000, None, -2_000], [0, 2_001, 0], 10_000, 5_000) == [2_249, None, -749]
    assert limit_gross([2_000, None], [0, 20_000], 10_000, 5_000) == [0, None]
    assert limit_gross([2_000, 1_000], [0, 0], 10_000, 5_000) == [2_000, 1_000]
    assert limit_gross([None, 0], [20_000, 0], 10_000, 5_000) == [None, 0]


def test_targets_round_toward_zero() -> None:
    """A third of 1,000 at 100 a lot is 3 lots, long or short."""
    assert target_lots(3_333, 1_000, 100) == 3
    assert target_lots(-3_999, 1_000, 100) == -3
    assert target_lots(0, 1_000, 100) == 0


@pytest.mark.parametrize(
    ("target", "lots", "minimum", "perpetual", "band", "worth"),
    [
        (5, 4, 100, False, 0, True),
        (5, 4, 101, False, 0, False),
        (4, 5, 101, True, 0, True),
        (0, 1, 101, True, 0, True),
        (0, 1, 101, False, 0, False),
        (-1, 1, 201, True, 0, False),
        (5, 4, 0, False, 1_000, True),
        (5, 4, 0, False, 1_001, False),
        (0, 1, 0, False, 10_000, True),
    ],
)
def test_small_changes_are_left(
    target: int, lots: int, minimum: int, perpetual: bool, band: int, worth: bool
) -> None:
    """The minimum binds all but a perpetual's reduction, the band all but an exit."""
    terms = AssetTerms(1, min_notional=minimum, is_perpetual=perpetual)
    assert worth_trading(target, lots, 100, 1_000, terms, band) is worth


def test_a_plan_sizes_on_equity() -> None:
    """Weights of 25 % and 50 % of 1,000,000 at 100 a lot."""
    made = plan([0.25, 0.5], SimulationSettings())
    assert made == Plan(
        (2_500, 5_000), (2_500, 5_000), FillReason.REBALANCE, 1_000_000, (2_500, 5_000)
    )


def test_a_missing_bar_is_a_hold() -> None:
    """Nobody trades what cannot be seen, and it counts against the gross limit."""
    made = plan([0.0, 1.0], SimulationSettings(), lots=(6_000, 0), missing=(True, False))
    assert made.weights == (None, 4_000)
    assert made.changes == (0, 4_000)


def test_margin_usage_counts_against_leverage() -> None:
    """Gross 1,500 on 1,000 at twofold leverage is three quarters."""
    assert margin_usage(1_500, 1_000, 2) == 7_500
    assert margin_usage(0, 0, 2) is None


def test_the_soft_limit_lets_nothing_grow() -> None:
    """Growth is dropped, a flip closes, a reduction passes."""
    assert soften(2, 5) == 0
    assert soften(-2, -5) == 0
    assert soften(-2, 5) == -2
    assert soften(-8, 5) == -5
    assert soften(3, 0) == 0
    assert soften(0, 5) == 0


def test_the_soft_limit_binds_a_plan() -> None:
    """At 85 % usage a wish for more is dropped and a wish for less is kept."""
    settings = SimulationSettings(leverage=2, gross_limit=20_000, max_weight=20_000)
    made = plan([1.0, 0.1], settings, lots=(9_000, 8_000))
    assert made.changes == (0, -7_000)
    assert made.reason is FillReason.REBALANCE


def test_the_hard_limit_cuts_the_largest_first() -> None:
    """From 1,900,000 down to 1,600,000: the larger position gives all of it."""
    settings = SimulationSettings(leverage=2, gross_limit=20_000, max_weight=20_000)
    made = plan([1.0, 1.0], settings, lots=(9_000, 10_000))
    assert made.reason is FillReason.MARGIN
    assert made.changes == (0, -3_000)


def test_hard_cuts_pass_over_gaps_and_keep_order() -> None:
    """Equal sizes go by index, missing bars stay, and without equity everything goes."""
    settings = SimulationSettings(leverage=2, gross_limit=20_000)
    half = hard_cuts([10, -10], [100, 100], [False, False], 750, settings)
    assert half == [-8, 0]
    assert hard_cuts([10, -10], [100, 100], [True, False], 750, settings) == [0, 8]
    assert hard_cuts([10, -10], [100, 100], [False, False], -5, settings) == [-10, 10]


def test_an_account_without_equity_closes_all_that_trades() -> None:
    """A short that has eaten everything is bought back; the wish for more is nothing."""
    account = Account.opened([AssetTerms(1)] * 2, 1_000_000)
    account.trade(0, -1, 10_000, 100, fee=0)
    made = plan_changes([-1.0, 1.0], account, [bar(300), bar(100)], LONG_SHORT)
    assert made == Plan((10_000, 0), (0, 0), FillReason.MARGIN, -1_000_000, (0, 0))
