"""What must hold of every record: scale, bounds, and sums to the last unit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from mettle.application.backtest.assess import gross_exposure
from mettle.domain.performance import nav_per_unit, ratios, simple_returns, trade_table
from mettle.domain.performance import statistics as stats
from mettle.domain.performance.drawdown import deepest, drawdowns, longest, underwater
from mettle.domain.performance.intervals import automatic_block_length
from mettle.domain.performance.probabilistic import probabilistic_sharpe, sharpe_variance
from mettle.domain.performance.sample import Sample
from mettle.domain.performance.trade_rows import FILL_FIELDS
from mettle.domain.performance.trade_segments import has_partial_exit, segments
from mettle.domain.performance.trade_walk import walk
from tests.support.backtests import small_backtest, small_panel

RETURNS = st.lists(st.floats(-0.5, 0.5), min_size=3, max_size=60).map(np.array)
MARKS = st.lists(st.floats(0.01, 1e6), min_size=1, max_size=60).map(np.array)
SEEDS = st.integers(0, 2**32 - 1)


@given(RETURNS, st.floats(0.01, 50.0))
def test_ratios_do_not_depend_on_size(values: np.ndarray, factor: float) -> None:
    """Twice the stake is twice the risk: Sharpe and Sortino stay, volatility scales."""
    ours, theirs = ratios.sharpe(values), ratios.sharpe(values * factor)
    assume(values.std() > 1e-9)
    assert ours == pytest.approx(theirs, rel=1e-6)
    if (sortino := Sample.of(values).sortino()) is not None and abs(values.min()) > 1e-100:
        assert sortino == pytest.approx(Sample.of(values * factor).sortino(), rel=1e-6)
    assert Sample.of(values * factor).volatility() == pytest.approx(
        (Sample.of(values).volatility() or 0.0) * factor
    )


@given(RETURNS)
def test_a_mirrored_record_has_the_mirrored_sharpe(values: np.ndarray) -> None:
    """What one side earns the other loses."""
    ours, mirrored = ratios.sharpe(values), ratios.sharpe(-values)
    assert (ours is None) == (mirrored is None)
    if ours is not None:
        assert mirrored == pytest.approx(-ours)


@given(MARKS, st.floats(1e-3, 1e3))
def test_drawdowns_are_shares_and_scale_free(marks: np.ndarray, factor: float) -> None:
    """Depths lie in 0 … 1; the deepest is the deepest of all, the longest the longest."""
    depth = underwater(marks)
    assert np.all((depth >= 0.0) & (depth <= 1.0))
    np.testing.assert_allclose(depth, underwater(marks * factor), atol=1e-9)
    found = drawdowns(marks)
    assert longest(depth) == max((one.length for one in found), default=0)
    worst = deepest(depth)
    if worst is None:
        assert found == []
    else:
        assert worst in found
        assert worst.depth == depth.max() == max(one.depth for one in found)


@given(MARKS, st.data())
def test_deposits_leave_the_nav_alone(marks: np.ndarray, data: st.DataObject) -> None:
    """The same returns with any money coming in give the same NAV."""
    nav = nav_per_unit(marks)
    equity, flows = [100.0], [0.0]
    for growth in 1.0 + simple_returns(nav):
        moved = data.draw(st.floats(0.0, 1e4))
        equity.append(equity[-1] * growth + moved)
        flows.append(moved)
    np.testing.assert_allclose(nav_per_unit(equity, flows), nav, rtol=1e-6)


@given(st.lists(st.floats(-1e6, 1e6), max_size=40).map(np.array))
def test_trade_statistics_keep_their_bounds(net: np.ndarray) -> None:
    """Hit rate in 0 … 1; profit factor over 1 exactly when the sum is a gain."""
    net = net.astype(np.float64)
    rate, factor = stats.hit_rate(net), stats.profit_factor(net)
    assert rate is None or 0.0 <= rate <= 1.0
    assert sum(stats.streaks(net)) <= net.size
    if factor is not None:
        assume(abs(net.sum()) > 1e-6)
        assert (factor > 1.0) == (net.sum() > 0.0)


@given(st.integers(1, 500), st.data())
def test_wilson_holds_its_share(n: int, data: st.DataObject) -> None:
    """Inside 0 … 1, around the share."""
    wins = data.draw(st.integers(0, n))
    low, high = stats.wilson_interval(wins, n, 1.645)
    assert 0.0 <= low <= wins / n + 1e-12
    assert wins / n - 1e-12 <= high <= 1.0


@given(st.floats(-0.5, 0.5), st.integers(2, 10_000), st.floats(-2, 2), st.floats(0, 20))
def test_probability_grows_with_the_ratio(
    ratio: float, n: int, skewness: float, tails: float
) -> None:
    """A probability; one half at the benchmark itself."""
    kurtosis = 1.0 + skewness**2 + tails
    found = probabilistic_sharpe(ratio, n, skewness=skewness, kurtosis=kurtosis)
    assert 0.0 <= found <= 1.0
    assert probabilistic_sharpe(ratio, n, ratio, skewness=skewness, kurtosis=kurtosis) == 0.5
    assert sharpe_variance(ratio, skewness, kurtosis) > 0.0


@given(SEEDS, st.integers(3, 300))
def test_block_length_stays_in_its_bounds(seed: int, n: int) -> None:
    """At least 1, at most ⌈min(3√n, n/3)⌉."""
    walk_ = np.cumsum(np.random.default_rng(seed).normal(size=n))
    length = automatic_block_length(walk_)
    assert 1.0 <= length <= max(1.0, np.ceil(min(3 * np.sqrt(n), n / 3)))


def random_fills(seed: int, *, whole: bool) -> np.ndarray:
    """Return fills of one asset, with turns, and with partial exits unless ``whole``."""
    rng = np.random.default_rng(seed)
    rows: list[tuple[int, ...]] = []
    held, bar = 0, 0
    for _ in range(int(rng.integers(0, 25))):
        bar += int(rng.integers(0, 3))
        side, lots = int(rng.choice([-1, 1])), int(rng.integers(1, 40))
        if whole and held * side < 0:
            lots = abs(held) + int(rng.choice([0, 0, int(rng.integers(1, 30))]))
        held += side * lots
        ticks = int(rng.integers(50, 150))
        slip = int(rng.integers(0, 3))
        rows.append((bar, 0, side, lots, ticks, ticks - slip, int(rng.integers(0, 99)), 0, 0))
    return np.array(rows, dtype=FILL_FIELDS)


@given(SEEDS)
def test_whole_exits_in_arrays_equal_the_walk(seed: int) -> None:
    """Every column, funding included."""
    given_fills = random_fills(seed, whole=True)
    rng = np.random.default_rng(seed + 1)
    paid_at = np.sort(rng.integers(0, len(given_fills) + 1, 6))
    paid = rng.integers(-50, 50, 6)
    assert not has_partial_exit(given_fills)
    quick, plain = (take(given_fills, 7, paid_at, paid) for take in (segments, walk))
    assert quick[0].tolist() == plain[0].tolist()
    assert quick[1].tolist() == plain[1].tolist()


@given(SEEDS, st.booleans())
def test_trades_and_the_open_position_add_up(seed: int, whole: bool) -> None:
    """Cash in and out, fees and slippage: after a closing fill nothing is left over."""
    given_fills = random_fills(seed, whole=whole)
    held = int((given_fills["side"] * given_fills["lots"]).sum())
    if held:
        last = np.array(
            [(1_000, 0, -1 if held > 0 else 1, abs(held), 77, 75, 5, 0, 0)], dtype=FILL_FIELDS
        )
        given_fills = np.concatenate([given_fills, last])
    table = trade_table(given_fills, [7])
    value = given_fills["lots"] * given_fills["ticks"] * 7
    assert table["gross"].sum() == -(given_fills["side"] * value).sum()
    assert table["fee"].sum() == given_fills["fee"].sum()
    slipped = np.abs(given_fills["ticks"] - given_fills["reference"]) * given_fills["lots"] * 7
    assert table["slippage"].sum() == slipped.sum()


@pytest.mark.parametrize("seed", range(4))
def test_a_backtest_adds_up_to_the_last_unit(seed: int) -> None:
    """Trades are the engine's realised P&L; closed out, they are all of the equity's change."""
    panel = small_panel(400, ("BTC/USDT:USDT", "ETH/USDT"), seed=seed, funding=True)
    result = small_backtest(panel, close_at_end=True, resamples=0)
    run, trades = result.run, result.trades
    assert trades["gross"].sum() == run.fills["realised"].sum()
    assert trades["fee"].sum() == run.fills["fee"].sum()
    assert trades["funding"].sum() == run.funding.sum() != 0
    assert trades["net"].sum() == run.equity[-1] - run.equity[0]
    costs = result.costs
    assert costs.gross - costs.fee - costs.slippage + costs.funding == costs.net
    assert gross_exposure(run, panel)[-1] == 0.0
