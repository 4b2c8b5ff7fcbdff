"""The average true range: Wilder's, in whole numbers, kept for as long as a position is."""

from __future__ import annotations

import pytest
from mettle.application.session.ranges import Ranges, needs_ranges
from mettle.domain.risk import AtrStops, RiskProfile
from mettle.domain.simulation import AssetBar

PLAIN = RiskProfile("plain", stop_loss=30_000)
STOPS = RiskProfile("stops", atr_stop_low=1_500_000, atr_stop_high=3_000_000)
TRAILS = RiskProfile("trails", atr_trail_low=500_000, atr_trail_high=1_500_000)


def bar(low: int, high: int, close: int | None = None, *, missing: bool = False) -> AssetBar:
    """Return a bar that opens at its low."""
    last = high if close is None else close
    return AssetBar(low, high, low, last, 9, missing, 0, 0, low, high, low, low)


def after(*bars: AssetBar, lots: int = 0) -> Ranges:
    """Return the ranges of one asset after some bars."""
    found = Ranges(1)
    for one in bars:
        found.take([one], [lots])
    return found


def test_nothing_is_known_before_a_bar() -> None:
    """Nor after bars that are missing, or that did not move."""
    assert Ranges(1).stops(0) is None
    assert after(bar(90, 110, missing=True)).stops(0) is None
    assert after(bar(100, 100)).stops(0) is None


def test_a_range_reaches_to_the_close_before() -> None:
    """A gap counts, up or down; a missing bar closes nothing."""
    assert after(bar(90, 110)).stops(0) == AtrStops(20)
    assert after(bar(90, 110), bar(150, 160)).stops(0) == AtrStops(35)
    assert after(bar(90, 110), bar(60, 70)).stops(0) == AtrStops(35)
    gone = bar(1, 999, missing=True)
    assert after(bar(90, 110), gone, bar(150, 160)).stops(0) == AtrStops(35)


def test_it_is_wilder_s_from_the_fifteenth_bar() -> None:
    """The mean of fourteen first; then each bar counts a fourteenth, rounded up to a tick."""
    still = [bar(100, 110, 105)] * 14
    assert after(*still).stops(0) == AtrStops(10)
    assert after(*still, bar(105, 129, 105)).stops(0) == AtrStops(11)
    assert after(*still, bar(105, 129, 105), bar(105, 105)).stops(0) == AtrStops(11)


def test_a_position_keeps_what_it_began_with() -> None:
    """Wilder bars widen no stop; the next position has its own, as has each asset."""
    found = after(bar(100, 110, 105))
    assert found.stops(0) == AtrStops(10)
    for _ in range(20):
        found.take([bar(100, 200, 105)], [7])
        assert found.stops(0) == AtrStops(10)
    found.take([bar(100, 200, 105)], [0])
    grown = found.stops(0)
    assert grown is not None
    assert grown.atr > 50
    two = Ranges(2)
    two.take([bar(100, 110), bar(100, 130)], [1, 0])
    assert (two.stops(0), two.stops(1)) == (AtrStops(10), AtrStops(30))
    two.reset()
    assert two.stops(0) is None


@pytest.mark.parametrize(("profile", "needed"), [(PLAIN, False), (STOPS, True), (TRAILS, True)])
def test_only_some_profiles_need_them(profile: RiskProfile, *, needed: bool) -> None:
    """Those whose stops are multiples of it."""
    assert needs_ranges(profile) is needed
