"""Combinatorial purged cross-validation: skfolio's splits where the definitions coincide."""

from __future__ import annotations

import numpy as np
import pytest
from mettle.domain.errors import DataError, InvalidValue
from mettle.domain.performance.selection import CombinatorialPurged, Span
from skfolio.model_selection import CombinatorialPurgedCV


def _rows(spans: tuple[Span, ...]) -> np.ndarray:
    return np.concatenate([np.arange(*span) for span in spans])


@pytest.mark.parametrize(
    ("bars", "groups", "tested", "purge", "embargo"),
    [(600, 6, 2, 0, 0), (605, 6, 2, 7, 0), (601, 6, 2, 5, 9), (720, 10, 3, 3, 4), (97, 5, 2, 2, 1)],
)
def test_splits_are_those_of_skfolio(
    bars: int, groups: int, tested: int, purge: int, embargo: int
) -> None:
    """It purges the same number of bars on both sides: horizon and look-back are equal then."""
    ours = CombinatorialPurged(groups, tested, purge, purge, embargo, least_share=0.0)
    theirs = CombinatorialPurgedCV(groups, tested, purge, embargo)
    found = ours.splits(0, bars)
    assert len(found) == theirs.n_splits == ours.count
    for mine, (train, tests) in zip(found, theirs.split(np.zeros((bars, 1))), strict=True):
        np.testing.assert_array_equal(_rows(mine.training), train)
        assert [tuple(span) for span in mine.tests] == [(t[0], t[-1] + 1) for t in tests]
    assert ours.path_count == theirs.n_test_paths
    np.testing.assert_array_equal(np.array(ours.paths()).T, theirs.recombined_paths)


def test_six_groups_of_which_two_give_fifteen_splits_and_five_paths() -> None:
    """Each path holds each group once, and every test of every split is used once."""
    plan = CombinatorialPurged()
    splits, paths = plan.splits(0, 600), plan.paths()
    assert (len(splits), len(paths)) == (15, 5)
    used = {(split, group) for path in paths for group, split in enumerate(path)}
    assert used == {(one.number, group) for one in splits for group in one.groups}


def test_purge_embargo_and_lookback_stand_where_they_belong() -> None:
    """The horizon goes before a test, look-back and embargo after it, skfolio's purge on both."""
    plan = CombinatorialPurged(groups=6, tested=1, horizon=10, lookback=20, embargo=5)
    assert plan.splits(1000, 1600)[2].training == (Span(1000, 1190), Span(1325, 1600))
    assert plan.splits(1000, 1600)[0].training == (Span(1125, 1600),)
    assert plan.splits(1000, 1600)[5].training == (Span(1000, 1490),)


def test_tests_that_touch_are_purged_as_one() -> None:
    """Nothing between them is training; they stay two blocks to be played."""
    split = CombinatorialPurged(horizon=10, lookback=20).splits(0, 600)[5]
    assert split.groups == (1, 2)
    assert split.tests == (Span(100, 200), Span(200, 300))
    assert split.training == (Span(0, 90), Span(320, 600))


def test_a_split_that_keeps_less_than_half_is_refused_with_advice() -> None:
    """199 of 400 nominal training bars are too few, 200 are enough."""
    assert len(CombinatorialPurged(horizon=60, lookback=30).splits(0, 600)) == 15
    assert min(one.kept for one in CombinatorialPurged(lookback=100).splits(0, 600)) == 200
    with pytest.raises(DataError, match=r"keeps 199 of 400 training bars.*longer period"):
        CombinatorialPurged(horizon=1, lookback=100).splits(0, 600)


def test_nothing_left_is_refused_even_if_nothing_must_be_kept() -> None:
    """A split without a training bar teaches nothing."""
    with pytest.raises(DataError, match="keeps 0 of"):
        CombinatorialPurged(3, 1, horizon=400, least_share=0.0).splits(0, 300)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"groups": 2, "tested": 1}, "at least 3 groups"),
        ({"groups": 6, "tested": 6}, "at least 3 groups"),
        ({"horizon": -1}, "0 bars or more"),
        ({"least_share": 1.5}, "least_share"),
        ({"groups": 30, "tested": 15}, "fewer groups"),
    ],
)
def test_plans_that_make_no_sense_are_refused(arguments: dict[str, float], said: str) -> None:
    """Each with its reason."""
    with pytest.raises(InvalidValue, match=said):
        CombinatorialPurged(**arguments)  # type: ignore[arg-type]  # wrong on purpose


def test_too_few_bars_are_refused() -> None:
    """A group needs two bars to have a return."""
    with pytest.raises(DataError, match="11 bars give 6 groups of 1"):
        CombinatorialPurged().splits(0, 11)
