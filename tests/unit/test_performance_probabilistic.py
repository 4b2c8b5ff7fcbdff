"""Probabilistic and deflated Sharpe, minimum track record: the authors' own examples."""

from __future__ import annotations

import math

import numpy as np
import pytest
from mettle.domain.errors import InvalidValue
from mettle.domain.performance import probabilistic as luck


def test_the_hedge_fund_of_the_efficient_frontier() -> None:
    """Two years of months at 0.458: 0.982 if normal, 0.913 with its skew and tails."""
    assert luck.probabilistic_sharpe(0.458, 24) == pytest.approx(0.982, abs=5e-4)
    real = luck.probabilistic_sharpe(0.458, 24, skewness=-2.448, kurtosis=10.164)
    assert real == pytest.approx(0.913, abs=5e-4)


@pytest.mark.parametrize(
    ("per_year", "skewness", "kurtosis", "years"),
    [(252, 0.0, 3.0, 2.73), (52, 0.0, 3.0, 2.83), (12, 0.0, 3.0, 3.24), (12, -0.72, 5.78, 4.99)],
)
def test_track_record_for_a_sharpe_of_two_over_one(
    per_year: int, skewness: float, kurtosis: float, years: float
) -> None:
    """The paper's years for daily, weekly and monthly returns, and for hedge-fund moments."""
    scale = math.sqrt(per_year)
    needed = luck.minimum_track_record(2 / scale, 1 / scale, skewness=skewness, kurtosis=kurtosis)
    assert needed is not None
    assert needed / per_year == pytest.approx(years, abs=0.006)


def test_the_strategist_of_the_deflated_sharpe() -> None:
    """2.5 a year over five years of days, best of 100: 0.90; of 46: 0.95."""
    given = {"skewness": -3.0, "kurtosis": 10.0, "variance": 0.5 / 250}
    ratio = 2.5 / math.sqrt(250)
    assert luck.expected_best_sharpe(100, 0.5 / 250) == pytest.approx(0.1132, abs=1e-4)
    assert luck.deflated_sharpe(ratio, 1250, trials=100, **given) == pytest.approx(0.9004, abs=1e-4)
    assert luck.deflated_sharpe(ratio, 1250, trials=46, **given) == pytest.approx(0.9505, abs=1e-4)


def test_one_trial_needs_no_deflation() -> None:
    """Then the deflated ratio is the probabilistic one."""
    assert luck.expected_best_sharpe(1, 0.3) == 0.0
    plain = luck.probabilistic_sharpe(0.1, 500)
    assert luck.deflated_sharpe(0.1, 500, trials=1, variance=0.3) == plain


def test_expected_best_agrees_with_a_simulation() -> None:
    """The maximum of 50 normals, 20,000 times."""
    draws = np.random.default_rng(3).normal(0.0, 0.2, (20_000, 50)).max(axis=1)
    assert luck.expected_best_sharpe(50, 0.04) == pytest.approx(draws.mean(), rel=0.02)


def test_no_record_proves_a_ratio_below_the_benchmark() -> None:
    """Not even an infinite one."""
    assert luck.minimum_track_record(0.1, 0.1) is None
    assert luck.minimum_track_record(-0.1) is None


def test_track_record_and_probability_are_inverse() -> None:
    """At the minimum length the probability is the confidence."""
    needed = luck.minimum_track_record(0.05, confidence=0.9, skewness=-1.0, kurtosis=8.0)
    assert needed is not None
    spread = luck.sharpe_variance(0.05, -1.0, 8.0)
    z = 0.05 * math.sqrt(needed - 1) / math.sqrt(spread)
    assert 0.5 * math.erfc(-z / math.sqrt(2)) == pytest.approx(0.9)


def test_the_analytic_interval_is_los() -> None:
    """For normal returns: 1 + SR²/2."""
    low, high = luck.sharpe_interval(0.2, 101, 0.95)
    assert (high - low) / 2 == pytest.approx(1.959964 * math.sqrt(1.02 / 100), rel=1e-6)
    assert (high + low) / 2 == pytest.approx(0.2)


@pytest.mark.parametrize(
    "call",
    [
        lambda: luck.probabilistic_sharpe(0.1, 1),
        lambda: luck.sharpe_interval(0.1, 1),
        lambda: luck.expected_best_sharpe(0, 0.1),
        lambda: luck.expected_best_sharpe(5, -1.0),
        lambda: luck.sharpe_variance(1.0, skewness=5.0),
    ],
)
def test_impossible_input_is_refused(call: object) -> None:
    """Too few returns, no trial, moments that no distribution has."""
    with pytest.raises(InvalidValue):
        call()  # type: ignore[operator]  # a lambda of the table above
