"""No feature knows the future, and the test that says so can be failed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from mettle.adapters.features.native import NativeFeatures
from mettle.application.features import find_lookahead
from mettle.application.market import MarketPanel
from mettle.application.ports.feature_builder import FeatureTable
from mettle.domain.errors import InvalidValue
from mettle.domain.signals.catalogue import daily_feature_set, feature
from mettle.domain.signals.definitions import DEFINITIONS
from mettle.domain.signals.features import FeatureForm, FeatureSet
from numpy.typing import NDArray
from tests.support.feature_panels import random_panel, real_panel

NATIVE = NativeFeatures(threads=1)
EVERYTHING = FeatureSet(tuple(feature(n, form=f) for n in DEFINITIONS for f in FeatureForm))


class Leaking(NativeFeatures):
    """Spoils one column of the native table in one of the ways in which it happens."""

    def __init__(self, how: str) -> None:
        super().__init__(threads=1)
        self.how = how

    def table(self, panel: MarketPanel, feature_set: FeatureSet) -> FeatureTable:
        """Return the table with its third column spoilt, or its validity."""
        honest = super().table(panel, feature_set)
        values, valid = honest.values.copy(), honest.valid.copy()
        values[:, :, 2] = self.spoil(values[:, :, 2], panel)
        if self.how == "validity":
            valid[-3:] = False  # as if a bar needed three more to be confirmed
        return replace(honest, values=values, valid=valid)

    def spoil(self, one: NDArray[np.float64], panel: MarketPanel) -> NDArray[np.float64]:
        """Return the column with knowledge of the future in it."""
        if self.how == "shift":  # the next bar's value
            return np.vstack([one[1:], one[-1:]])
        if self.how == "scaling":  # statistics of the whole series
            return np.asarray((one - one.mean(axis=0)) / one.std(axis=0))
        if self.how == "centred":  # a window around the bar
            padded = np.vstack([one[:1], one, one[-1:]])
            return (padded[:-2] + padded[1:-1] + padded[2:]) / 3
        if self.how == "extreme":  # distance to a high that is still to come
            return panel.close / np.maximum.accumulate(panel.high[::-1])[::-1]
        return one


@pytest.mark.parametrize("gaps", [0.0, 0.1])
def test_no_feature_looks_ahead(gaps: float) -> None:
    """Every feature of the catalogue in both forms keeps its bits when the future is cut off."""
    panel = random_panel(260, 3, seed=11, gaps=gaps)
    assert find_lookahead(NATIVE, panel, EVERYTHING, cuts=24) == ()


@pytest.mark.realdata
def test_no_feature_looks_ahead_in_real_candles() -> None:
    """The same over real hourly bars."""
    assert find_lookahead(NATIVE, real_panel(2_000), EVERYTHING, cuts=6) == ()


@pytest.mark.parametrize("how", ["shift", "scaling", "centred", "extreme"])
def test_planted_leaks_are_found(how: str) -> None:
    """A column that knows the future is named, alone, with what it knew."""
    panel = random_panel(200, 2, seed=12)
    leaks = find_lookahead(Leaking(how), panel, daily_feature_set(), cuts=4)
    assert [one.feature for one in leaks] == ["macd_signal(12,26,9):raw"]
    assert leaks[0].bar <= leaks[0].cut
    assert leaks[0].seen != leaks[0].full
    assert "macd_signal" in str(leaks[0])


def test_a_leak_through_validity_is_found() -> None:
    """Rows that become valid by what comes later are leaks of all columns."""
    panel = random_panel(200, 2, seed=13)
    assert len(find_lookahead(Leaking("validity"), panel, daily_feature_set())) == 13


def test_too_short_panels_are_refused() -> None:
    """Where nothing can be cut off, the test says so instead of passing."""
    with pytest.raises(InvalidValue, match="36 bars"):
        find_lookahead(NATIVE, random_panel(35), daily_feature_set())
    with pytest.raises(InvalidValue, match="0 cuts"):
        find_lookahead(NATIVE, random_panel(100), daily_feature_set(), cuts=0)
