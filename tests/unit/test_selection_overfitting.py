"""The probability of overfitting, against the paper's algorithm written out."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest
from mettle.domain.errors import InvalidValue
from mettle.domain.performance.selection import overfitting_probability
from scipy.stats import rankdata


def by_the_paper(returns: np.ndarray, blocks: int) -> tuple[float, list[float]]:
    """Follow Bailey et al. (2017), section 3, step by step."""
    size = len(returns) // blocks
    parts = np.split(returns[len(returns) - size * blocks :], blocks)
    logits = []
    for inside in combinations(range(blocks), blocks // 2):
        sample = np.concatenate([parts[one] for one in inside])
        rest = np.concatenate([parts[one] for one in range(blocks) if one not in inside])
        ratio = sample.mean(axis=0) / sample.std(axis=0, ddof=1)
        other = rest.mean(axis=0) / rest.std(axis=0, ddof=1)
        omega = rankdata(other)[int(np.argmax(ratio))] / (returns.shape[1] + 1)
        logits.append(math.log(omega / (1 - omega)))
    return sum(one <= 1e-12 for one in logits) / len(logits), logits


@pytest.mark.parametrize(
    ("seed", "bars", "trials", "blocks"), [(1, 200, 7, 8), (2, 333, 20, 10), (3, 61, 2, 6)]
)
def test_agrees_with_the_algorithm_written_out(
    seed: int, bars: int, trials: int, blocks: int
) -> None:
    """Probability and every logit, to 1e-9; bars that do not divide are the oldest."""
    returns = np.random.default_rng(seed).standard_t(4, (bars, trials)) * 0.01 + 0.002
    found = overfitting_probability(returns, blocks)
    expected, logits = by_the_paper(returns, blocks)
    assert found.probability == pytest.approx(expected, abs=1e-9)
    np.testing.assert_allclose(found.logits, logits, atol=1e-9)
    assert found.bars == bars // blocks * blocks


def test_a_trial_that_is_always_best_is_not_overfitted() -> None:
    """It is chosen in every sample and is first out of each."""
    returns = np.random.default_rng(0).normal(0.0, 0.01, (320, 10))
    returns[:, 4] += 0.02
    found = overfitting_probability(returns)
    assert (found.probability, found.loss) == (0.0, 0.0)
    assert len(found.logits) == math.comb(16, 8)


def test_gains_that_must_be_given_back_are_overfitted() -> None:
    """Every trial earns nothing over all blocks: what is best in one half is worst in the other."""
    rng = np.random.default_rng(5)
    block = rng.normal(0.0, 0.02, (8, 12))
    block -= block.mean(axis=0)
    noise = np.tile([1e-3, -1e-3], 20)
    returns = (block[:, np.newaxis, :] + noise[np.newaxis, :, np.newaxis]).reshape(-1, 12)
    found = overfitting_probability(returns, 8)
    assert found.probability > 0.9
    assert found.loss > 0.9


def test_chance_is_overfitted_half_of_the_time() -> None:
    """Of many matrices without skill the mean is one half."""
    rng = np.random.default_rng(8)
    found = [overfitting_probability(rng.normal(size=(160, 40)), 8).probability for _ in range(60)]
    assert np.mean(found) == pytest.approx(0.5, abs=0.12)


def test_equal_trials_share_their_rank() -> None:
    """Two copies of one trial are both in the middle: the median counts as overfitted."""
    series = np.random.default_rng(1).normal(0.01, 0.01, (64, 1))
    assert overfitting_probability(np.repeat(series, 2, axis=1), 4).probability == 1.0


def test_a_trial_that_never_trades_has_earned_nothing() -> None:
    """Its Sharpe ratio counts as 0 in every sample: better than losing, worse than earning."""
    rng = np.random.default_rng(1)
    idle = np.zeros((160, 1))
    loser = rng.normal(-0.01, 0.01, (160, 1))
    found = overfitting_probability(np.hstack((idle, loser)), 8)
    assert found.probability == 0.0


@pytest.mark.parametrize(
    ("returns", "blocks", "said"),
    [
        (np.zeros((64, 3)), 5, "even"),
        (np.zeros((64, 1)), 16, "at least 2 trials"),
        (np.zeros((31, 3)), 16, "31 bars give 16 blocks of 1"),
        (np.full((64, 3), np.nan), 16, "finite"),
    ],
)
def test_what_cannot_be_judged_is_refused(returns: np.ndarray, blocks: int, said: str) -> None:
    """Each with its reason."""
    with pytest.raises(InvalidValue, match=said):
        overfitting_probability(returns, blocks)
