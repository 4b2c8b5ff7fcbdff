"""The stationary bootstrap: indices, sums, block length, coverage."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from mettle.domain.errors import InvalidValue
from mettle.domain.performance import intervals, probabilistic, ratios
from mettle.domain.performance.drawdown import max_drawdown
from mettle.domain.performance.intervals import BootstrapPlan
from mettle.domain.performance.paths import resampled_paths
from mettle.domain.performance.sample import Sample


def plan_for(n: int, length: float) -> BootstrapPlan:
    """Return a plan with draws to spare."""
    return BootstrapPlan(n, length, math.ceil(n / length + 6 * math.sqrt(n / length)) + 8)


def uniforms(plan: BootstrapPlan, resamples: int, seed: int = 0) -> np.ndarray:
    """Return the random numbers of a plan."""
    return np.random.default_rng(seed).random((resamples, plan.draws, 2))


def test_blocks_are_circular_runs_of_the_drawn_lengths() -> None:
    """By hand: starts 7 and 2, lengths 4 and the rest."""
    plan = BootstrapPlan(8, 4.0, 3)
    tail = 1.0 - (1.0 - 1.0 / 4.0) ** 3.5
    given = np.array([[[7.1 / 8, tail], [2.9 / 8, 0.999], [0.0, 0.5]]])
    blocks = intervals.stationary_blocks(plan, given)
    assert blocks.starts.tolist() == [[7, 2, 0]]
    assert blocks.lengths.tolist() == [[4, 4, 0]]
    assert intervals.resample_indices(blocks).tolist() == [[7, 0, 1, 2, 2, 3, 4, 5]]


def test_too_few_draws_stretch_the_last_block() -> None:
    """A resample always has n observations."""
    blocks = intervals.stationary_blocks(BootstrapPlan(10, 1.0, 2), np.zeros((1, 2, 2)))
    assert blocks.lengths.tolist() == [[1, 9]]


def test_lengths_are_geometric_and_starts_uniform() -> None:
    """Means of many blocks."""
    plan = plan_for(2_000, 20.0)
    blocks = intervals.stationary_blocks(plan, uniforms(plan, 200))
    inner = blocks.lengths[:, :50]
    assert inner.mean() == pytest.approx(20.0, rel=0.03)
    assert (inner == 1).mean() == pytest.approx(1 / 20, rel=0.15)
    assert blocks.starts.mean() == pytest.approx(1_000, rel=0.03)
    assert np.all(blocks.lengths.sum(axis=1) == 2_000)


@pytest.mark.parametrize("length", [1.0, 3.7, 50.0])
def test_sums_equal_those_of_the_indices(length: float) -> None:
    """The quick way and the plain way agree."""
    columns = np.random.default_rng(1).normal(size=(300, 2))
    plan = plan_for(300, length)
    blocks = intervals.stationary_blocks(plan, uniforms(plan, 40))
    plain = columns[intervals.resample_indices(blocks)].sum(axis=1)
    np.testing.assert_allclose(intervals.resampled_sums(columns, blocks), plain, atol=1e-9)


@pytest.mark.parametrize("shape", [(5, 3, 2), (4, 4), (2, 4, 1)])
def test_uniforms_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    """The plan says how many numbers it takes."""
    with pytest.raises(InvalidValue, match="uniforms"):
        intervals.stationary_blocks(BootstrapPlan(10, 2.0, 4), np.zeros(shape))


def test_uniforms_outside_the_unit_interval_are_refused() -> None:
    """1 itself would start past the end."""
    with pytest.raises(InvalidValue, match="lie in"):
        intervals.stationary_blocks(BootstrapPlan(10, 2.0, 4), np.ones((1, 4, 2)))


@pytest.mark.parametrize("phi", [0.3, 0.6])
def test_block_length_of_an_autoregression_nears_the_optimum(phi: float) -> None:
    """For AR(1) the optimum is (2φ/(1 − φ²))^⅔ · n^⅓ (Politis & White 2004)."""
    n, found = 20_000, []
    for seed in range(5):
        noise = np.random.default_rng(seed).normal(size=n)
        values = np.empty(n)
        values[0] = noise[0]
        for i in range(1, n):
            values[i] = phi * values[i - 1] + noise[i]
        found.append(intervals.automatic_block_length(values))
    best = (2 * phi / (1 - phi**2)) ** (2 / 3) * n ** (1 / 3)
    assert np.median(found) == pytest.approx(best, rel=0.25)


def test_block_length_of_noise_is_short() -> None:
    """Nothing depends on anything."""
    values = np.random.default_rng(5).normal(size=5_000)
    assert intervals.automatic_block_length(values) < 6
    assert intervals.automatic_block_length(np.full(100, 0.01)) == 1.0
    assert intervals.automatic_block_length(np.arange(5.0)) == 1.0
    alternating = np.tile([1.0, -1.0], 200)
    assert intervals.automatic_block_length(alternating) >= 1.0


def test_long_records_get_longer_blocks() -> None:
    """The number of blocks is bounded, and with it the work."""
    values = np.random.default_rng(6).normal(size=60_000)
    plan = intervals.plan_bootstrap(values)
    assert plan is not None
    assert plan.block_length >= 60_000 / intervals.MAX_BLOCKS
    assert plan.draws < 1.3 * intervals.MAX_BLOCKS
    assert intervals.plan_bootstrap(values[:9]) is None


def test_percentiles_of_a_known_sample() -> None:
    """Unbounded and undefined ends are None."""
    values = np.arange(1.0, 101.0)
    assert intervals.percentile_interval(values, 0.9) == (5.0, 95.0)
    values[90:] = np.inf
    assert intervals.percentile_interval(values, 0.9) == (5.0, None)
    values[40:] = np.nan
    assert intervals.percentile_interval(values, 0.9) == (None, None)
    with pytest.raises(InvalidValue, match="level"):
        intervals.percentile_interval(values, 1.0)


def sharpe_of_sums(n: int) -> dict[str, Callable[[np.ndarray], np.ndarray]]:
    """Return the Sharpe ratio as a function of Σr and Σr²."""

    def statistic(sums: np.ndarray) -> np.ndarray:
        mean = sums[:, 0] / n
        return mean / np.sqrt((sums[:, 1] - n * mean**2) / (n - 1))

    return {"sharpe": statistic}


def bootstrap_sharpe(values: np.ndarray, seed: int, level: float = 0.9) -> tuple[float, float]:
    """Return the bootstrap interval of the Sharpe ratio."""
    plan = intervals.plan_bootstrap(values)
    assert plan is not None
    blocks = intervals.stationary_blocks(plan, uniforms(plan, 400, seed))
    columns = np.stack((values, values**2), axis=1)
    low, high = intervals.intervals_of_sums(columns, blocks, sharpe_of_sums(values.size), level)[
        "sharpe"
    ]
    assert low is not None
    assert high is not None
    return low, high


def test_the_interval_of_independent_returns_nears_the_analytic_one() -> None:
    """Bootstrap against Lo and Mertens, a year of days."""
    values = np.random.default_rng(8).standard_t(6, 1_500) * 0.01 + 0.0004
    sample = Sample.of(values)
    ratio, (skew, tails) = sample.sharpe(), sample.moments()
    assert ratio is not None
    assert skew is not None
    assert tails is not None
    analytic = probabilistic.sharpe_interval(ratio, values.size, skewness=skew, kurtosis=tails)
    found = bootstrap_sharpe(values, 1)
    assert found[1] - found[0] == pytest.approx(analytic[1] - analytic[0], rel=0.15)
    assert found[0] < ratio < found[1]


def test_coverage_of_independent_returns() -> None:
    """Of 200 seeded 90 % intervals about 180 hold the true Sharpe ratio."""
    rng = np.random.default_rng(9)
    hits = 0
    for seed in range(200):
        low, high = bootstrap_sharpe(rng.normal(0.1, 1.0, 300), seed)
        hits += low <= 0.1 <= high
    assert 0.82 <= hits / 200 <= 0.97


def test_dependence_widens_the_interval() -> None:
    """A moving average of noise: blocks see it, single draws would not."""
    noise = np.random.default_rng(10).normal(size=4_010)
    smooth = np.convolve(noise, np.ones(10) / 10, mode="valid")
    wide = bootstrap_sharpe(smooth, 2)
    plain = probabilistic.sharpe_interval(ratios.sharpe(smooth) or 0.0, smooth.size)
    assert wide[1] - wide[0] > 2.0 * (plain[1] - plain[0])


@pytest.mark.parametrize("n", [100, 1_024, 3_000])
def test_resampled_drawdowns_are_those_of_the_paths(n: int) -> None:
    """Joining pieces gives what walking the path gives, whole multiples and remainders."""
    logs = np.random.default_rng(11).normal(0, 0.02, n)
    size = math.ceil(n / intervals.MAX_BLOCKS)
    plan = plan_for(n, max(8.0, size))
    numbers = uniforms(plan, 15)
    growth, depth = resampled_paths(logs, plan, numbers)
    count = math.ceil(n / size)
    padded = np.zeros(count * size)
    padded[:n] = logs
    coarse = BootstrapPlan(count, max(1.0, plan.block_length / size), plan.draws)
    order = intervals.resample_indices(intervals.stationary_blocks(coarse, numbers))
    for row, chosen in enumerate(order):
        path = np.concatenate(([0.0], np.cumsum(padded.reshape(count, size)[chosen].ravel())))
        assert growth[row] == pytest.approx(path[-1], abs=1e-9)
        assert depth[row] == pytest.approx(max_drawdown(np.exp(path)), abs=1e-9)
