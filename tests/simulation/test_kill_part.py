"""What a kill does with everything broken around it, and that a kill that does less is seen."""

from __future__ import annotations

import pytest
from tests.support.dst.kill import ENOUGH, RESTING, TICK, Ended, lateness, part_of, resting
from tests.support.dst.stopped import Stopped, stopped

GOOD = Stopped(RESTING, 900)


@pytest.mark.parametrize("after", [60_050, 60_120, 61_000, 120_090])
def test_no_create_after_a_kill(after: int) -> None:
    """Between the write-ahead and the send, and while orders rest: the last create is at once."""
    assert lateness(after) <= TICK


@pytest.mark.parametrize("way", ["both"])
def test_fifty_resting_orders_end(way: str) -> None:
    """Three cancellations in ten fail, the database is read-only, the notifier hangs."""
    ended = resting(way, 2)
    assert ended.resting >= RESTING
    assert ended.failed > 0.15 * ended.resting
    assert 0 <= ended.took <= ENOUGH
    assert ended.broken == []


def test_a_stopped_trader_is_killed() -> None:
    """A real process under SIGSTOP: its orders are cancelled from outside, none follows."""
    found = stopped(12)
    assert found.database_problem
    assert found.holds(ENOUGH, 12), found


def test_a_kill_that_cancels_nothing_is_seen() -> None:
    """Orders that end too late, or never, fall short."""
    late = Ended("healthy", RESTING, 200_000, 24)
    assert not part_of([0], [late], GOOD).holds
    never = Ended("healthy", RESTING, -1, 24)
    assert not part_of([0], [never], GOOD).holds


def test_a_create_after_the_kill_is_seen() -> None:
    """A create that comes later than a tick, or at all from a stopped trader, falls short."""
    assert not part_of([TICK + 1], [Ended("healthy", RESTING, 9, 24)], GOOD).holds
    sent = Stopped(RESTING, 900, creates_after=1)
    assert not part_of([0], [Ended("healthy", RESTING, 9, 24)], sent).holds
