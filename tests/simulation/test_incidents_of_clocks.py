"""Incidents of clocks: the machine's is wrong or set, the venue's is not heard."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from mettle.adapters.venues.exchange import Fault, FaultPlan
from mettle.application.journal import SeenBar
from tests.support.incident_verdict import finish
from tests.support.incidents import (
    ACCOUNT,
    BEGIN,
    CALM,
    LEASE_ERRORS,
    MINUTE,
    NAMES,
    SECOND,
    Incident,
    fast_folder,
)

NOTHING = FaultPlan(ends_at=CALM)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """Yield a folder for the database."""
    with fast_folder(tmp_path) as folder:
        yield folder


@pytest.mark.parametrize("skew", [90, -90, 0], ids=["ahead", "behind", "stepping"])
def test_clock_of_this_machine_is_wrong(disk: Path, skew: int) -> None:
    """The machine's clock is 90 s off, or is set again and again."""
    world = Incident(NOTHING, disk, skew_ms=skew * SECOND, tolerated=LEASE_ERRORS)
    try:
        for number, step in enumerate((90, -90, 5, -5, 45, 0)):
            world.live(BEGIN + 3 * (number + 1) * MINUTE)
            if not skew:
                world.skewed.skew_ms = step * SECOND
        world.live(CALM)
        assert len(world.truth.placed()) > 5
        finish(world)
    finally:
        world.close()


def test_no_bar_is_taken_while_the_venue_does_not_say_what_time_it_is(disk: Path) -> None:
    """Its clock may have been set back: a bar waits for its word, and none is lost by that."""
    silent = BEGIN + 6 * MINUTE
    world = Incident(FaultPlan({Fault.READ_TIMEOUT: 1}, ends_at=silent), disk)
    try:
        world.live(silent)
        assert _bars(world) == []
        world.live(silent + 2 * MINUTE)
        assert [one.open_time for one in _bars(world)] == [
            BEGIN + minute * MINUTE for minute in range(7) for _ in NAMES
        ]
        world.live(CALM)
        finish(world)
    finally:
        world.close()


def _bars(world: Incident) -> list[SeenBar]:
    """Return the bars that the session took."""
    with world.store.reading() as unit:
        return list(unit.bars.after(ACCOUNT, None))


_SET_BACK = {
    "a maker rests": NOTHING,
    "requests are lost": FaultPlan({Fault.REQUEST_LOST: 0.6}, ends_at=CALM),
    "orders show late": FaultPlan({Fault.VISIBLE_LATE: 0.6}, ends_at=CALM),
    "cancellations are lost": FaultPlan({Fault.CANCEL_LOST: 0.6}, ends_at=CALM),
    "the venue wants silence": FaultPlan({Fault.RATE_LIMIT_429: 0.2}, ends_at=CALM),
}


@pytest.mark.parametrize("why", _SET_BACK)
def test_clock_is_set_back_by_an_hour_while_an_order_waits(disk: Path, why: str) -> None:
    """What is under way ends as soon as it would have: no wait grows by what a clock is set."""
    world = Incident(_SET_BACK[why], disk, tolerated=LEASE_ERRORS)
    try:
        waited = 0
        while world.now < CALM - 5 * MINUTE:
            world.live(world.now + SECOND)
            if waiting := _under_way(world):
                waited += 1
                world.skewed.skew_ms = -3_600 * SECOND
                world.live(world.now + 3 * MINUTE)
                assert not waiting & _under_way(world)
                world.skewed.skew_ms = 0
                world.live(world.now + MINUTE)
        assert waited
        world.live(CALM)
        finish(world)
    finally:
        world.close()


def _under_way(world: Incident) -> set[str]:
    with world.store.reading() as unit:
        return {one.intent_id for one in unit.intents.working(ACCOUNT)}
