"""The verdict of a study: its figures against skfolio's, its criteria, its words."""

from __future__ import annotations

import numpy as np
import pytest
from mettle.domain.errors import InvalidValue
from mettle.domain.performance import ratios
from mettle.domain.performance.selection import (
    SelectionRules,
    judge_study,
    lower_bounds,
    pareto_front,
    plan_verdict,
    top_by_lower_bound,
)
from skfolio.measures import deflated_sharpe_ratio, expected_max_sharpe_ratio


def _noise(seed: int, bars: int = 800, trials: int = 12) -> np.ndarray:
    rng = np.random.default_rng(seed)
    shared = rng.standard_t(5, (bars, 1))
    return (0.6 * shared + rng.standard_t(5, (bars, trials))) * 0.01


@pytest.mark.parametrize("seed", range(4))
def test_deflated_sharpe_is_that_of_skfolio(seed: int) -> None:
    """Where every trial completed the counts coincide."""
    returns = _noise(seed) + 0.0004
    sharpes = returns.mean(axis=0) / returns.std(axis=0, ddof=1)
    found = judge_study(returns, 12, 8760.0)
    assert found.chosen == sharpes.argmax()
    theirs = deflated_sharpe_ratio(returns[:, found.chosen], sharpes)
    best = expected_max_sharpe_ratio(12, float(sharpes.std(ddof=1)))
    assert found.deflated.value == pytest.approx(theirs, abs=1e-12)
    assert found.expected_best.value == pytest.approx(best, abs=1e-12)


def test_trials_that_share_their_luck_are_held_to_the_noise() -> None:
    """Copies of one lucky series are all alike: their spread hides what chance could do."""
    rng = np.random.default_rng(4)
    lucky = rng.normal(0.0, 0.01, (2000, 1)) + 0.0006
    returns = lucky + rng.normal(0.0, 0.0005, (2000, 40))
    found = judge_study(returns, 40, 8760.0)
    assert found.deflated.value is not None
    assert found.floored.value is not None
    assert found.deflated.value > 0.95
    assert found.floored.value < 0.95
    assert not found.distinguishable
    assert f"noise-floored {found.floored.value:.2f}" in found.words


def test_failed_and_pruned_trials_count() -> None:
    """Four hundred that failed make the same record less convincing."""
    returns = _noise(3)
    returns[:, 2] += 0.003
    few, many = judge_study(returns, 12, 8760.0), judge_study(returns, 412, 8760.0)
    assert few.deflated.value is not None
    assert many.deflated.value is not None
    assert many.deflated.value < few.deflated.value
    assert many.expected_best.value == pytest.approx(
        expected_max_sharpe_ratio(412, float(_sharpes(returns).std(ddof=1)))
    )


def _sharpes(returns: np.ndarray) -> np.ndarray:
    return np.asarray(returns.mean(axis=0) / returns.std(axis=0, ddof=1))


def test_an_edge_is_told_from_luck_and_noise_is_not() -> None:
    """In words, with the number of trials."""
    good = _noise(1)
    good[:, 7] += 0.008
    found = judge_study(good, 12, 8760.0)
    assert found.distinguishable
    assert found.words == (
        "distinguishable from luck: 12 trials, deflated Sharpe > 0.99, noise-floored > 0.99, "
        "probability of overfitting 0.00"
    )
    bad = judge_study(_noise(2), 1412, 8760.0)
    assert not bad.distinguishable
    assert bad.words.startswith("not distinguishable from luck: 1,412 trials, deflated Sharpe ")
    assert "0.9" not in bad.words.split("Sharpe ")[1][:3]


def test_criteria_are_lines_that_say_what_was_wanted() -> None:
    """Name, figure, threshold, and whether it holds."""
    found = judge_study(_noise(2), 40, 8760.0, SelectionRules(overfitting=0.01))
    lines = [str(one) for one in found.criteria]
    assert lines[0].startswith("deflated Sharpe ")
    assert lines[0].endswith("wanted ≥ 0.95: fails")
    assert lines[1].startswith("noise-floored ")
    assert lines[2].startswith("probability of overfitting ")
    assert "probability of overfitting" in found.words


def test_the_interval_comes_from_the_numbers_given() -> None:
    """Block bootstrap around the point; annualised it is scaled."""
    returns = _noise(4) + 0.001
    plan = plan_verdict(returns)
    assert plan is not None
    draws = np.random.default_rng(0).random((400, plan.draws, 2))
    found = judge_study(returns, 12, 8760.0, uniforms=draws)
    assert found.sharpe.interval is not None
    low, high = found.sharpe.interval
    assert found.sharpe.value is not None
    assert low < found.sharpe.value < high
    assert found.annual_sharpe.low == pytest.approx(low * 8760**0.5)


def test_a_single_trial_was_not_selected() -> None:
    """Its deflated Sharpe is the probabilistic one and overfitting does not apply."""
    found = judge_study(_noise(5, trials=1) + 0.005, 1, 8760.0)
    assert found.distinguishable
    assert [one.name for one in found.criteria] == ["deflated Sharpe"]
    assert found.overfitting.reason == "one trial: nothing was selected"


@pytest.mark.parametrize(
    ("returns", "started", "said"),
    [
        (np.empty((0, 0)), 7, "no trial completed"),
        (np.zeros((100, 3)), 7, "do not vary"),
        (np.random.default_rng(0).normal(0.1, 0.01, (100, 1)), 7, "only one trial completed"),
        (np.random.default_rng(0).normal(0.1, 0.01, (20, 3)), 3, "too few for 16 blocks"),
    ],
)
def test_what_is_undefined_is_not_skill(returns: np.ndarray, started: int, said: str) -> None:
    """None with its reason, never a pass."""
    found = judge_study(returns, started, 365.0)
    assert not found.distinguishable
    assert said in found.words
    assert found.to_dict()["distinguishable"] is False


def test_counts_that_do_not_fit_are_refused() -> None:
    """Fewer started than completed means that some were forgotten."""
    with pytest.raises(InvalidValue, match="count all"):
        judge_study(_noise(0), 11, 365.0)
    with pytest.raises(InvalidValue, match="not among"):
        judge_study(_noise(0), 12, 365.0, chosen=12)
    with pytest.raises(InvalidValue, match="finite"):
        judge_study(np.full((10, 2), np.inf), 12, 365.0)


def test_the_chosen_trial_need_not_be_the_best() -> None:
    """A choice by lower bound is judged as such."""
    returns = _noise(6)
    found = judge_study(returns, 12, 8760.0, chosen=3)
    assert found.chosen == 3
    assert found.sharpe.value == pytest.approx(ratios.sharpe(returns[:, 3]))


def test_an_ensemble_takes_the_best_lower_bounds() -> None:
    """A wild trial with the higher ratio of few moves yields to a steady one; idle ones never."""
    rng = np.random.default_rng(2)
    steady = rng.normal(0.001, 0.01, 2000)
    idle = np.zeros(2000)
    weak = rng.normal(0.0, 0.01, 2000)
    table = np.stack((idle, weak, steady), axis=1)
    assert top_by_lower_bound(table, 3) == (2, 1)
    assert top_by_lower_bound(table, 1) == (2,)
    bounds = lower_bounds(table)
    assert bounds[0] == -np.inf
    assert bounds[2] < (ratios.sharpe(steady) or 0.0)
    with pytest.raises(InvalidValue, match="at least 1 member"):
        top_by_lower_bound(table, 0)
    with pytest.raises(InvalidValue, match="at least 2 returns"):
        lower_bounds(table[:1])


def test_the_front_keeps_what_nobody_dominates() -> None:
    """More Sharpe, less drawdown, less turnover; equals stay together."""
    values = [[2.0, 0.1, 5.0], [1.0, 0.2, 6.0], [1.5, 0.05, 9.0], [2.0, 0.1, 5.0]]
    front = pareto_front(values, [True, False, False])
    assert front.tolist() == [0, 2, 3]
    with pytest.raises(InvalidValue, match="do not fit"):
        pareto_front(values, [True])
    with pytest.raises(InvalidValue, match="finite"):
        pareto_front([[np.nan]], [True])
