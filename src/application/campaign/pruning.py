"""When a trial is plainly worse than the best one: a test on folds, not on a learning curve."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

THRESHOLD = 0.13
"""Chance of so bad a row of folds if the trial were as good as the best one: 3 folds of 3 can."""

_MOST = 12  # folds compared; 2^12 signs are counted in a millisecond


def plainly_worse(found: Sequence[float], best: Sequence[float]) -> bool:
    """Return whether a trial's folds are worse than the best trial's, beyond chance.

    Fold means of different folds cannot be compared: a hard fold lowers every trial. So each fold
    is compared with the same fold of the best trial, by Wilcoxon's signed-rank test (Wilcoxon
    1945), one-sided and exact. A trial whose mean is the better one is never given up.

    Args:
        found: Scores of the folds done so far, higher is better.
        best: Scores of the best trial's folds.
    """
    pairs = list(zip(found, best, strict=False))[-_MOST:]
    differences = [mine - theirs for mine, theirs in pairs if mine != theirs]
    if not differences or sum(found) / len(found) >= sum(best) / len(best):
        return False
    return _chance(differences) < THRESHOLD


def _chance(differences: Sequence[float]) -> float:
    """Return the chance of a rank sum of the positive differences as small as this one."""
    sizes = sorted(abs(one) for one in differences)
    ranks = [_rank(sizes, abs(one)) for one in differences]
    seen = sum(rank for rank, one in zip(ranks, differences, strict=True) if one > 0)
    sums = [
        sum(rank for rank, sign in zip(ranks, signs, strict=True) if sign)
        for signs in product((False, True), repeat=len(ranks))
    ]
    return sum(one <= seen for one in sums) / len(sums)


def _rank(sizes: Sequence[float], size: float) -> float:
    """Return the mean place of a size among all, from 1."""
    places = [place for place, one in enumerate(sizes, start=1) if one == size]
    return sum(places) / len(places)
