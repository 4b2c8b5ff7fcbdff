"""Combinatorial purged cross-validation: every choice of k of N groups is tested once.

Source: López de Prado, "Advances in Financial Machine Learning" (2018), chapters 7 and 12.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...errors import DataError, InvalidValue

MAX_SPLITS = 10_000
"""More would be a mistake: each is one training."""


class Span(NamedTuple):
    """Bars ``[start, stop)``."""

    start: int
    stop: int

    @property
    def bars(self) -> int:
        """How many."""
        return self.stop - self.start


@dataclass(frozen=True, slots=True)
class Split:
    """One way to learn from some groups and to be judged on the others.

    Attributes:
        number: Its place among the splits, from 0.
        groups: The groups that are tested, rising.
        tests: Their bars; two that touch stay two, each is begun and ended flat.
        training: Runs of bars to learn from, purged; no episode may cross from one to the next.
        nominal: Bars outside the tests, before anything was purged.
    """

    number: int
    groups: tuple[int, ...]
    tests: tuple[Span, ...]
    training: tuple[Span, ...]
    nominal: int

    @property
    def kept(self) -> int:
        """Bars to learn from."""
        return sum(span.bars for span in self.training)


@dataclass(frozen=True, slots=True)
class CombinatorialPurged:
    """How a period is cut into groups, and what is left out around those that are tested.

    Six groups of which two are tested give 15 splits and 5 paths.

    Attributes:
        groups: N, at least 3; the last takes the bars that do not divide.
        tested: k, at least 1, below N.
        horizon: Bars dropped before a test block: what a label or an episode that begins there
            would see of it.
        lookback: Bars dropped after a test block: their features would have seen it.
        embargo: Further bars dropped after that.
        least_share: Part of the nominal training bars that a split must keep.
    """

    groups: int = 6
    tested: int = 2
    horizon: int = 0
    lookback: int = 0
    embargo: int = 0
    least_share: float = 0.5

    def __post_init__(self) -> None:
        if self.groups < 3 or not 1 <= self.tested < self.groups:
            raise InvalidValue(
                f"needs at least 3 groups and 1 … groups − 1 of them tested, had {self.groups} "
                f"and {self.tested}"
            )
        if min(self.horizon, self.lookback, self.embargo) < 0:
            raise InvalidValue(
                "horizon, lookback and embargo must be 0 bars or more, were "
                f"{self.horizon}, {self.lookback}, {self.embargo}"
            )
        if not 0.0 <= self.least_share <= 1.0:
            raise InvalidValue(f"least_share must lie in 0 … 1, was {self.least_share}")
        if self.count > MAX_SPLITS:
            raise InvalidValue(
                f"{self.tested} of {self.groups} groups are {self.count} splits, at most "
                f"{MAX_SPLITS} are taken",
                mend="use fewer groups",
            )

    @property
    def count(self) -> int:
        """Splits: N choose k."""
        return math.comb(self.groups, self.tested)

    @property
    def path_count(self) -> int:
        """Paths: N − 1 choose k − 1, how often each group is tested."""
        return math.comb(self.groups - 1, self.tested - 1)

    def group_spans(self, first: int, stop: int) -> tuple[Span, ...]:
        """Cut the bars ``[first, stop)`` into groups.

        Raises:
            DataError: If a group would hold fewer than two bars.
        """
        size = (stop - first) // self.groups
        if size < 2:
            raise DataError(
                f"{max(0, stop - first)} bars give {self.groups} groups of {max(0, size)}, each "
                "needs 2",
                mend="take a longer period or fewer groups",
            )
        edges = [first + size * number for number in range(self.groups)] + [stop]
        return tuple(Span(a, b) for a, b in pairwise(edges))

    def splits(self, first: int, stop: int) -> tuple[Split, ...]:
        """Return every split of the bars ``[first, stop)``, in order of the tested groups.

        Raises:
            DataError: If there are too few bars, or purging leaves a split too little.
        """
        spans = self.group_spans(first, stop)
        chosen = combinations(range(self.groups), self.tested)
        return tuple(self._split(number, groups, spans) for number, groups in enumerate(chosen))

    def paths(self) -> tuple[tuple[int, ...], ...]:
        """Return for each path and each group the split in which that group is tested.

        The p-th path takes of each group its p-th test; so every test is used once.
        """
        chosen = list(combinations(range(self.groups), self.tested))
        by_group = [
            [number for number, groups in enumerate(chosen) if group in groups]
            for group in range(self.groups)
        ]
        return tuple(zip(*by_group, strict=True))

    def _split(self, number: int, groups: tuple[int, ...], spans: tuple[Span, ...]) -> Split:
        tests = tuple(spans[group] for group in groups)
        first, stop = spans[0].start, spans[-1].stop
        training = self.training(first, stop, tests)
        nominal = stop - first - sum(span.bars for span in tests)
        split = Split(number, groups, tests, training, nominal)
        if split.kept < self.least_share * nominal or not split.kept:
            raise DataError(
                f"split {number} (tests groups {', '.join(str(one + 1) for one in groups)}) keeps "
                f"{split.kept} of {nominal} training bars after {self.horizon} bars before and "
                f"{self.lookback} + {self.embargo} after each test, {self.least_share:.0%} are "
                "needed",
                mend="take a longer period, fewer groups, shorter episodes or features that look "
                "back less",
            )
        return split

    def training(self, first: int, stop: int, tests: tuple[Span, ...]) -> tuple[Span, ...]:
        """Return the runs of ``[first, stop)`` that no test, purge or embargo touches."""
        free: NDArray[np.bool_] = np.ones(stop - first, dtype=np.bool_)
        for test in tests:
            free[max(0, test.start - self.horizon - first) : test.stop - first] = False
            free[test.stop - first : test.stop + self.lookback + self.embargo - first] = False
        edges = np.flatnonzero(np.diff(np.concatenate(([False], free, [False])).astype(np.int8)))
        return tuple(Span(first + a, first + b) for a, b in edges.reshape(-1, 2).tolist())
