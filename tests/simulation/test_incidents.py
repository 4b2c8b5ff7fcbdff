"""Every fault of the simulated exchange as an incident of its own, under a real trading session."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from mettle.adapters.venues.exchange import CATALOGUE, Fault, FaultPlan, Site, Strike
from tests.support.incident_verdict import is_excused, judge, unsettled
from tests.support.incidents import BEGIN, CALM, END, FEED_ERRORS, MINUTE, SETTLED, Incident

_SHARE = 0.4
_SHARES: Mapping[Site, float] = {Site.FEED: 0.15, Site.CALL: 0.1, Site.READ: 0.2}


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """Yield a folder in memory where there is one: what a real disk costs is measured elsewhere."""
    memory = Path("/dev/shm")  # noqa: S108  a file system of the machine, not a temporary name
    if not memory.is_dir():
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(prefix="incident-", dir=memory) as folder:
        yield Path(folder)


def _plan(fault: Fault) -> FaultPlan:
    site = CATALOGUE[fault].site
    if site is Site.LASTING:
        strikes = (
            Strike(fault, BEGIN + 3 * MINUTE, until=BEGIN + 8 * MINUTE),
            Strike(fault, BEGIN + 12 * MINUTE, until=CALM),
        )
        return FaultPlan(strikes=strikes, ends_at=CALM)
    if site is Site.EVENT:
        minutes = range(4, 20, 4)
        strikes = tuple(Strike(fault, BEGIN + minute * MINUTE) for minute in minutes)
        return FaultPlan(strikes=strikes, ends_at=CALM)
    if fault is Fault.BANNED_418:
        return FaultPlan({Fault.RATE_LIMIT_429: 0.1, fault: 1.0}, ends_at=CALM)
    return FaultPlan({fault: _SHARES.get(site, _SHARE)}, ends_at=CALM)


def _live(world: Incident) -> None:
    """Live through trouble, calm, trading and rest."""
    world.live(SETTLED)
    assert unsettled(world, CALM) == []
    before = len(world.truth.placed())
    world.live(END)
    assert is_excused(world) or len(world.truth.placed()) > before, "it does not trade again"


def _name(fault: Fault) -> str:
    return fault.name.lower()


_STRUCK = [fault for fault in Fault if fault is not Fault.FILL_WHILE_DOWN]


@pytest.mark.parametrize("fault", _STRUCK, ids=_name)
def test_fault_of_the_exchange(fault: Fault, disk: Path) -> None:
    """One fault strikes again and again; nothing is lost or doubled, and all ends by evidence."""
    tolerated = FEED_ERRORS if CATALOGUE[fault].site is Site.FEED else ()
    world = Incident(_plan(fault), disk, tolerated=tolerated)
    try:
        _live(world)
        assert world.fired(fault) > 0
        judge(world)
    finally:
        world.close()
