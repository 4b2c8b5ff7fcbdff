"""Rewards, observations, episodes and whole steps, worked out by hand."""

from __future__ import annotations

import math

import pytest
from mettle.domain.errors import DataError
from mettle.domain.simulation import (
    Account,
    AssetBar,
    AssetTerms,
    FillReason,
    RewardKind,
    RewardState,
    SimulationSettings,
    advance,
    allowed_starts,
    episode_hash,
    episode_start,
    index_part,
    portfolio_part,
)
from mettle.domain.simulation.episodes import mix
from mettle.domain.simulation.numbers import to_float32
from mettle.domain.simulation.rewards import (
    decay,
    differential_sharpe,
    equal_weight_growth,
    reward,
    sortino,
)


def still(close: int, *, missing: bool = False) -> AssetBar:
    """Return a bar that stands at ``close``."""
    return AssetBar(close, close, close, close, missing=missing)


def test_growth_is_paid_in_logarithms() -> None:
    """From 100 to 110 pays log 1.1, whatever the market did."""
    state = RewardState(100)
    paid = reward(state, (100, 110), 1.5, 0, False, SimulationSettings())
    assert paid == math.log(1.1)
    assert state.peak == 110


def test_excess_takes_the_market_off() -> None:
    """Two assets that grow by 10 % and 30 % set a mark of 20 %."""
    settings = SimulationSettings(reward=RewardKind.EXCESS)
    growth = equal_weight_growth([100, 100], [110, 130])
    assert growth == pytest.approx(1.2, rel=1e-15)
    paid = reward(RewardState(100), (100, 120), growth, 0, False, settings)
    assert paid == pytest.approx(0.0, abs=1e-15)


def test_penalties_are_taken_off() -> None:
    """Half of a turnover of 2, and a tenth of a drawdown that deepens by 10 %."""
    settings = SimulationSettings(turnover_penalty=500_000, drawdown_penalty=100_000)
    paid = reward(RewardState(100), (100, 90), 1.0, 200, False, settings)
    assert paid == pytest.approx(math.log(0.9) - 1.0 - 0.01, rel=1e-12)
    rising = reward(RewardState(200), (100, 110), 1.0, 0, False, settings)
    assert rising == math.log(1.1)


def test_a_ruin_is_paid_for_once() -> None:
    """A loss of more than everything counts as a fall to 1e-9."""
    for left in (0, -5):
        paid = reward(RewardState(100), (100, left), 1.0, 0, True, SimulationSettings())
        assert paid == math.log(1e-9)


def test_half_of_the_weight_goes_in_a_half_life() -> None:
    """η compounds to one half."""
    assert (1 - decay(7)) ** 7 == pytest.approx(0.5, rel=1e-12)


def test_differential_sharpe_follows_its_paper() -> None:
    """Against the definition: the derivative of the moving Sharpe ratio by η, at η = 0."""
    first, second, change = 0.01, 0.0005, 0.02
    state = RewardState(1, first, second)
    paid = differential_sharpe(state, change, 0.1)

    def sharpe(eta: float) -> float:
        mean = first + eta * (change - first)
        square = second + eta * (change**2 - second)
        return mean / math.sqrt(square - mean**2)

    step = 1e-6
    assert paid == pytest.approx((sharpe(step) - sharpe(-step)) / (2 * step), rel=1e-6)
    assert state.first == pytest.approx(0.011)
    assert state.second == pytest.approx(0.0005 + 0.1 * (0.0004 - 0.0005))


def test_differential_sharpe_begins_with_the_return() -> None:
    """Without a variance there is no ratio yet."""
    assert differential_sharpe(RewardState(1), 0.02, 0.1) == 0.02


def test_sortino_counts_losses_only() -> None:
    """A gain over no losses is clipped; a loss is measured by itself."""
    state = RewardState(1)
    assert sortino(state, 0.02, 0.5) == 10.0
    assert state.second == 0.0
    assert sortino(state, -0.02, 0.5) == pytest.approx(-math.sqrt(2), rel=1e-6)
    assert sortino(RewardState(1), -0.02, 1e-9) == -10.0


@pytest.mark.parametrize("kind", list(RewardKind))
def test_no_change_pays_nothing(kind: RewardKind) -> None:
    """A flat account in a still market earns zero in every kind."""
    settings = SimulationSettings(reward=kind)
    account = Account.opened([AssetTerms(1)], settings.initial_cash)
    memory = RewardState(settings.initial_cash)
    done = advance(account, memory, [0.0], ([still(5)], [still(5)]), settings)
    assert (done.reward, done.fills, done.funding) == (0.0, (), (0,))


def test_the_agent_sees_its_account() -> None:
    """Cash ratio, then weight, unrealised return and age of each asset."""
    account = Account.opened([AssetTerms(1)] * 2, 1_000)
    account.trade(0, 1, 5, 100, fee=0)
    account.assets[0].bars_held = 7
    seen = portfolio_part(account, [120, 50])
    expected = [500 / 1_100, 600 / 1_100, 0.2, 0.07, 0.0, 0.0, 0.0]
    assert seen == [to_float32(value) for value in expected]


def test_a_short_is_seen_with_its_sign() -> None:
    """Weight below zero, a fall is a gain."""
    account = Account.opened([AssetTerms(1)], 1_000)
    account.trade(0, -1, 5, 100, fee=0)
    assert portfolio_part(account, [80]) == [
        to_float32(value) for value in (1_500 / 1_100, -400 / 1_100, 0.2, 0.0)
    ]


def test_without_equity_nothing_is_seen() -> None:
    """Ratios to nothing would be no numbers."""
    account = Account.opened([AssetTerms(1)], 1_000)
    account.trade(0, -1, 5, 100, fee=0)
    assert portfolio_part(account, [1_000]) == [0.0] * 4


def test_a_bar_is_named_by_two_small_floats() -> None:
    """Both are whole and under 2²⁴ up to 2³⁶ bars."""
    assert index_part(4096 * 3 + 5) == (3.0, 5.0)


def test_splitmix_matches_its_published_outputs() -> None:
    """The first outputs of the generator seeded with 0 and 1234567."""
    assert mix(0) == 0xE220A8397B1DCDAF
    assert mix(0x9E3779B97F4A7C15) == 0x6E789E6AA1B965F4
    assert mix(1234567) == 6457827717110365317


def test_episodes_are_hashed_from_their_names() -> None:
    """Seed, environment and episode each matter, and nothing else does."""
    one = episode_hash(7, 3, 0)
    assert one == mix(mix(mix(7) ^ 3) ^ 0)
    assert len({one, episode_hash(8, 3, 0), episode_hash(7, 4, 0), episode_hash(7, 3, 1)}) == 4
    assert episode_start([5, 6, 7], 7, 3, 0) == 5 + one % 3


def test_starts_have_a_window_behind_and_a_bar_ahead() -> None:
    """Inside one block, with features known over the window."""
    valid = [False, True, True, True, True, True, True, True]
    assert allowed_starts([(0, 4), (5, 8)], valid, 1) == [1, 2, 5, 6]
    assert allowed_starts([(0, 4), (5, 8)], valid, 2) == [2, 6]
    with pytest.raises(DataError, match="no bar is left") as caught:
        episode_start(allowed_starts([(0, 1)], valid, 1), 0, 0, 0)
    assert caught.value.mend


def test_a_whole_step_by_hand() -> None:
    """Half of 1,000,000 into an asset that opens 10 % up and closes there."""
    settings = SimulationSettings(initial_cash=1_000_000, slippage=0)
    account = Account.opened([AssetTerms(1, 0, 1_000)], 1_000_000)
    up = AssetBar(110, 110, 105, 110)
    done = advance(account, RewardState(1_000_000), [0.5], ([still(100)], [up]), settings)
    (fill,) = done.fills
    assert (fill.lots, fill.ticks, fill.fee, fill.reason) == (5_000, 110, 550, FillReason.REBALANCE)
    assert done.equity == 1_000_000 - 550
    assert done.reward == math.log(999_450 / 1_000_000)


def test_a_change_into_a_gap_is_dropped() -> None:
    """The order finds no bar; the account is as it was."""
    settings = SimulationSettings(initial_cash=1_000_000)
    account = Account.opened([AssetTerms(1)], 1_000_000)
    bars = ([still(100)], [still(100, missing=True)])
    done = advance(account, RewardState(1_000_000), [0.5], bars, settings)
    assert done.fills == ()
    assert account.cash == 1_000_000


def test_a_ruin_closes_at_the_close() -> None:
    """A short that doubles against a double leverage is sold out, with fee and slippage."""
    settings = SimulationSettings(
        initial_cash=1_000_000,
        leverage=2,
        allow_short=True,
        gross_limit=20_000,
        maintenance_margin=0,
        slippage=10_000,
        ruin_level=9_000,
        soft_margin=10_000,
        hard_margin=10_000,
    )
    account = Account.opened([AssetTerms(1, 0, 1_000)], 1_000_000)
    account.trade(0, -1, 5_000, 100, fee=0)
    memory = RewardState(1_000_000)
    nan = float("nan")
    done = advance(account, memory, [nan], ([still(100)], [still(140)]), settings)
    assert done.ruined
    (fill,) = done.fills
    assert (fill.reason, fill.side, fill.lots) == (FillReason.RUIN, 1, 5_000)
    assert (fill.reference, fill.ticks, fill.fee) == (140, 142, 710)
    assert done.equity == account.cash == 1_500_000 - 710_000 - 710
    assert done.reward == math.log(789_290 / 1_000_000)
