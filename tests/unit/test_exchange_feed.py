"""A candle feed with faults: what each of them makes of the bars."""

from __future__ import annotations

from mettle.adapters.market_data.replay import ReplayFeed
from mettle.adapters.venues.exchange import Fault, FaultPlan, FaultyFeed, Strike
from mettle.application.market.row import BarRow
from tests.support.exchanges import START, bench, walk

STEP = 300_000


def rows(fault: Fault, bars: int = 6, until: int | None = None) -> list[tuple[int, BarRow]]:
    """Return what a feed delivers, each with the time at which it came.

    The fault strikes at the third bar.
    """
    strike = Strike(fault, START + 3 * STEP - 1, until=until)
    world = bench(faults=FaultPlan(strikes=(strike,)))
    inner = ReplayFeed(walk(("BTC/USDT",), bars, 1), world.clock, grace_ms=0)
    feed = FaultyFeed(inner, world.exchange, "a", world.clock)
    found = []
    while (due := feed.next_due()) is not None:
        world.clock.sleep_until(due)
        row = feed.take()
        if row is not None:
            found.append((world.clock.now_ms(), row))
    fired = sum(n for (one, _), n in world.exchange.faults.fired.items() if one is fault)
    assert fired >= 1
    return found


def opens(found: list[tuple[int, BarRow]]) -> list[int]:
    """Return which bars came, counted from 0."""
    return [(row.open_time - START) // STEP for _, row in found]


def test_a_gap_swallows_a_bar() -> None:
    """The third bar never comes."""
    assert opens(rows(Fault.FEED_GAP)) == [0, 1, 3, 4, 5]


def test_a_bar_comes_twice() -> None:
    """At once, and the same."""
    found = rows(Fault.FEED_TWICE)
    assert opens(found) == [0, 1, 2, 2, 3, 4, 5]
    assert found[2][1] is found[3][1]


def test_an_old_bar_comes_before_the_new_one() -> None:
    """The second bar again, then the third."""
    assert opens(rows(Fault.FEED_OUT_OF_ORDER)) == [0, 1, 1, 2, 3, 4, 5]


def test_a_bar_comes_that_is_still_open() -> None:
    """The fourth bar as it looks at its first instant, then the third, then the true fourth."""
    found = rows(Fault.FEED_STILL_OPEN)
    assert opens(found) == [0, 1, 3, 2, 3, 4, 5]
    time, early = found[2]
    assert early.close_time > time
    assert early.closes == found[3][1].closes
    assert all(one[0] == early.open_time for one in early.numbers)
    assert [one[4] for one in early.numbers] == early.closes


def test_a_frozen_feed_delivers_everything_late() -> None:
    """Nothing for two bars, then all of it, in order."""
    found = rows(Fault.FEED_FROZEN, until=START + 5 * STEP - 1_000)
    assert opens(found) == [0, 1, 2, 3, 4, 5]
    assert [time - START for time, _ in found][2:5] == [1_499_000, 1_499_000, 1_500_000]
