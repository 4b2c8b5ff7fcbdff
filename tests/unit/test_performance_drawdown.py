"""Drawdowns: depth, length, recovery."""

from __future__ import annotations

import numpy as np
import pytest
from mettle.domain.performance import drawdown

NAV = np.array([1.0, 2.0, 1.0, 1.5, 2.0, 3.0, 2.4, 2.7, 2.1])


def test_every_stretch_is_found() -> None:
    """Peak, trough, recovery and length of two stretches, the last still open."""
    first, second = drawdown.drawdowns(NAV)
    assert (first.depth, first.peak, first.trough, first.recovered) == (0.5, 1, 2, 4)
    assert (first.length, first.recovery) == (3, 2)
    assert (second.peak, second.trough, second.recovered, second.end) == (5, 8, None, 8)
    assert (second.length, second.recovery) == (3, None)
    assert second.depth == pytest.approx(0.3)


def test_the_deepest_is_one_of_them() -> None:
    """It is found without walking them all."""
    assert drawdown.deepest(drawdown.underwater(NAV)) == drawdown.drawdowns(NAV)[0]
    open_end = np.array([1.0, 0.9, 0.8])
    assert drawdown.deepest(drawdown.underwater(open_end)) == drawdown.drawdowns(open_end)[0]


def test_a_series_that_never_falls_has_none() -> None:
    """Depth and length are 0, there is no stretch."""
    rising = np.array([1.0, 1.0, 2.0])
    assert drawdown.max_drawdown(rising) == 0.0
    assert drawdown.longest(drawdown.underwater(rising)) == 0
    assert drawdown.deepest(drawdown.underwater(rising)) is None
    assert drawdown.drawdowns(rising) == []
    assert drawdown.max_drawdown(np.empty(0)) == 0.0
    assert drawdown.longest(np.empty(0)) == 0
    assert drawdown.deepest(np.empty(0)) is None


def test_the_longest_may_be_the_open_one() -> None:
    """A stretch that has not ended counts to the last mark."""
    assert drawdown.longest(drawdown.underwater(np.array([1.0, 0.9, 1.0, 0.9, 0.9, 0.9]))) == 3
    assert drawdown.longest(drawdown.underwater(np.array([1.0, 0.9, 0.9, 1.0, 0.9]))) == 3


def test_debt_is_a_whole_loss() -> None:
    """Depth stays in 0 … 1."""
    assert drawdown.max_drawdown(np.array([1.0, -0.5])) == 1.0
