"""What must hold of every split, every table of returns and every verdict."""

from __future__ import annotations

from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from mettle.domain.errors import DataError
from mettle.domain.performance.selection import (
    CombinatorialPurged,
    SelectionRules,
    judge_study,
    overfitting_probability,
    pareto_front,
)

SEEDS = st.integers(0, 2**32 - 1)
Case = tuple[CombinatorialPurged, int, int]


@st.composite
def plans(draw: st.DrawFn) -> tuple[CombinatorialPurged, int, int]:
    """Return a plan and a period."""
    groups = draw(st.integers(3, 8))
    plan = CombinatorialPurged(
        groups,
        draw(st.integers(1, groups - 1)),
        draw(st.integers(0, 12)),
        draw(st.integers(0, 12)),
        draw(st.integers(0, 12)),
        least_share=draw(st.sampled_from([0.0, 0.5, 0.8])),
    )
    first = draw(st.integers(0, 50))
    return plan, first, first + draw(st.integers(2 * groups, 400))


@settings(max_examples=60, deadline=None)
@given(plans())
def test_training_keeps_its_distance_from_every_test(
    case: tuple[CombinatorialPurged, int, int],
) -> None:
    """No bar less than the horizon before a test, none less than look-back and embargo after."""
    plan, first, stop = case
    try:
        splits = plan.splits(first, stop)
    except DataError:
        assume(False)
    for split in splits:
        training = {bar for span in split.training for bar in range(*span)}
        for test in split.tests:
            near = range(test.start - plan.horizon, test.stop + plan.lookback + plan.embargo)
            assert training.isdisjoint(near)
        assert len(training) == split.kept >= plan.least_share * split.nominal
        assert all(first <= one.start < one.stop <= stop for one in split.training)
        assert all(one.stop < two.start for one, two in pairwise(split.training))


@settings(max_examples=60, deadline=None)
@given(plans())
def test_paths_cover_the_period_once(case: Case) -> None:
    """Each is every group once, from a split that tests it; together they use all tests."""
    plan, first, stop = case
    spans = plan.group_spans(first, stop)
    assert spans[0].start == first
    assert spans[-1].stop == stop
    assert all(one.stop == two.start for one, two in pairwise(spans))
    chosen = list(combinations(range(plan.groups), plan.tested))
    used = []
    for path in plan.paths():
        assert all(group in chosen[split] for group, split in enumerate(path))
        used += list(zip(path, range(plan.groups), strict=True))
    assert len(used) == len(set(used)) == plan.count * plan.tested
    assert len(plan.paths()) == plan.path_count


@settings(max_examples=40, deadline=None)
@given(SEEDS, st.integers(2, 8), st.sampled_from([2, 4, 6]), st.floats(1e-3, 1e3))
def test_overfitting_knows_neither_size_nor_names(
    seed: int, trials: int, blocks: int, factor: float
) -> None:
    """Scaling all returns or reordering the trials changes nothing."""
    rng = np.random.default_rng(seed)
    returns = rng.normal(0.0, 0.01, (blocks * 7, trials))
    found = overfitting_probability(returns, blocks)
    assert 0.0 <= found.probability <= 1.0
    assert overfitting_probability(returns * factor, blocks).probability == found.probability
    mixed = overfitting_probability(returns[:, rng.permutation(trials)], blocks)
    assert mixed.probability == found.probability


@settings(max_examples=40, deadline=None)
@given(SEEDS, st.integers(2, 8), st.integers(0, 500), st.floats(-0.002, 0.004))
def test_more_trials_never_convince_more(seed: int, trials: int, more: int, mean: float) -> None:
    """And the floor never makes a choice look better than the published figure does."""
    returns = np.random.default_rng(seed).normal(mean, 0.01, (64, trials))
    rules = SelectionRules(blocks=4)
    few = judge_study(returns, trials, 365.0, rules)
    many = judge_study(returns, trials + more, 365.0, rules)
    assert few.deflated.value is not None
    assert many.deflated.value is not None
    assert many.deflated.value <= few.deflated.value + 1e-12
    assert (few.floored.value or 0.0) <= few.deflated.value + 1e-12
    assert many.distinguishable <= few.distinguishable
    assert few.words.startswith("not ") is not few.distinguishable


@settings(deadline=None)
@given(SEEDS, st.integers(1, 20), st.integers(1, 3))
def test_the_front_is_what_nothing_dominates(seed: int, trials: int, objectives: int) -> None:
    """Nobody on it is dominated, everybody off it is."""
    rng = np.random.default_rng(seed)
    values = rng.integers(0, 4, (trials, objectives)).astype(float)
    maximise = rng.random(objectives) < 0.5
    signed = np.where(maximise, values, -values)
    front = set(pareto_front(values, maximise).tolist())
    for number, mine in enumerate(signed):
        beaten = any((one >= mine).all() and (one > mine).any() for one in signed)
        assert (number in front) is not beaten
    assert front


def test_a_bar_of_training_beside_a_test_is_seen() -> None:
    """The check above can fail: a plan without a horizon touches its tests."""
    split = CombinatorialPurged().splits(0, 60)[5]
    assert any(one.stop == split.tests[0].start for one in split.training)
    assert pytest.approx(split.kept) == split.nominal
