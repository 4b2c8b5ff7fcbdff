"""The parts of the scoreboard judge as they say; the scoreboard itself is a step of its own."""

from __future__ import annotations

from collections import Counter
from itertools import islice

import pytest
from mettle.adapters.venues.exchange import Fault
from tests.support.dst import cells, events, planted_bugs, scoreboard
from tests.support.dst.bugs import BUGS
from tests.support.dst.campaign import Trial, campaign
from tests.support.dst.chance import Chance
from tests.support.dst.clock import SimulatedWorldClock, Spinning
from tests.support.dst.hunt import Catch, hunt
from tests.support.dst.kinds import KINDS, SHARES
from tests.support.dst.oracle.violations import Violation
from tests.support.dst.parts import Part, Scale
from tests.support.dst.play import play
from tests.support.dst.report import Report
from tests.support.dst.scheduler import Scheduler


def _seen(times: int) -> Report:
    """Return a report in which everything that can be was seen so often."""
    faults = [*(one.value for one in Fault), *cells.WORLD]
    fired = Counter(dict.fromkeys(faults, times))
    return Report(events=10, seconds=1.0, fired=fired, cells=Counter(
        dict.fromkeys(cells.applicable(), times)
    ))  # fmt: skip


def test_what_was_seen_often_enough_lacks_nothing() -> None:
    """Each fault and each pair as often as the night demands."""
    assert cells.short_of(_seen(1_000), cells.WHOLE) == []


def test_what_was_seen_seldom_is_named() -> None:
    """A fault by its count, a pair by its own."""
    report = _seen(1_000)
    report.fired[Fault.LIQUIDATION.value] = 999
    report.cells[Fault.LIQUIDATION.value, "Partial"] = 9
    assert cells.short_of(report, cells.WHOLE) == [
        "liquidation: struck 999",
        "liquidation × Partial: 9",
    ]


def test_a_pair_that_cannot_be_is_an_error() -> None:
    """The table is held against what fires."""
    report = _seen(1_000)
    report.cells[Fault.REQUEST_LOST.value, "Open"] = 1
    assert cells.strange(report) == ["request lost × Open: 1, called impossible"]
    part = events.judged(report, Scale.SHORT, 2, 1.0)
    assert not part.holds


def test_every_pair_is_decided() -> None:
    """Possible, or impossible for a reason."""
    for fault in [*(one.value for one in Fault), *cells.WORLD]:
        for state, reason in cells.impossible(fault).items():
            assert state in cells.STATES
            assert reason
    assert set(KINDS) == set(SHARES)
    assert {one.kind for one in islice(events.trials(), sum(SHARES.values()))} == set(KINDS)


def _world(trial: Trial) -> Report:
    """Return what a world shows in which orders meet bad bars only where these are the rule."""
    seen = Counter({_RARE: 2} if trial.kind == "fed" else {})
    return Report(events=100, seconds=1.0, cells=seen, traces={trial.seed: ""})


_RARE = (Fault.FEED_GAP.value, "Partial")


@pytest.mark.parametrize(("most", "seen"), [(10_000, 10), (750, 4)])
def test_what_chance_shows_too_seldom_is_sought_where_it_shows_most(most: int, seen: int) -> None:
    """In worlds that the night had not come to, and no further than is allowed."""
    report, yields = Report(), events.Yields()
    for trial in islice(events.trials(), 66):
        found = _world(trial)
        report.add(found)
        yields.heard(found)
    report.cells.update({one: 10 for one in cells.applicable() if one != _RARE})
    report.cells[_RARE], report.events = 2, 500
    events.top_up(_world, report, yields, 1, least=10, most=most)
    kinds = {seed: events.trial(seed).kind for seed in report.traces}
    assert report.cells[_RARE] >= seen
    assert report.events <= most + 100
    assert {kind for seed, kind in kinds.items() if seed >= 66} == {"fed"}


def test_a_violation_fails_the_part_and_names_its_world() -> None:
    """No number of good worlds makes up for one."""
    report = _seen(1_000)
    part = events.judged(report, Scale.NIGHTLY, 2, 1.0)
    assert part.holds
    report.broken.append((3, Violation("I5", "two at once", 7, 0)))
    assert not planted_bugs.judged([Catch("x", "I1", (), 50_000)], Scale.SHORT, 1.0).holds


def test_a_bug_that_shows_without_itself_is_not_caught() -> None:
    """What the world shows anyway proves nothing."""
    caught = Catch("x", "I1", ("I1",), 500)
    assert planted_bugs.judged([caught], Scale.SHORT, 1.0).holds
    guilty = Catch("x", "I1", ("I1",), 500, innocent=False)
    assert not planted_bugs.judged([guilty], Scale.SHORT, 1.0).holds


@pytest.mark.parametrize("bug", ["books half of a fee", "posts across the touch"])
def test_a_planted_bug_is_caught(bug: str) -> None:
    """Within one short world, and the product is whole again afterwards."""
    found = hunt(bug)
    assert BUGS[bug].rule in found.by
    assert found.innocent


def test_one_seed_has_one_course() -> None:
    """Twice in one process; the scoreboard does it in several."""
    trial = Trial(5, 400, kind="sending", calm=False)
    assert play(trial).traces == play(trial).traces
    assert play(trial).traces[5] != play(Trial(6, 400, kind="sending", calm=False)).traces[6]


def test_a_campaign_stops_when_there_is_enough() -> None:
    """What is added up depends on the trials, not on who is quick."""
    trials = (Trial(seed, 300, calm=False) for seed in range(50))
    total = campaign(play, trials, events=500)
    assert total.runs == 2


def test_a_process_that_spins_dies() -> None:
    """Time would stand still for everybody."""
    scheduler = Scheduler(Chance(1), 1_000)
    clock = SimulatedWorldClock(scheduler)
    for _ in range(2_001):
        clock.sleep_until(1_000)
    with pytest.raises(Spinning):
        clock.sleep_until(1_000)


def test_the_page_shows_what_holds_and_what_does_not() -> None:
    """A line for each part, its table, and what shows a failure again."""
    parts = [
        Part("events", {"seconds": 1.5, "cpu_seconds": 2.0}, "none", True, "none", ["| a |"]),
        Part("kill", {}, "60 s", False, "61 s", [], ["python -m x"]),
    ]
    text = scoreboard.page(scoreboard.document(parts, Scale.CI, 2), parts)
    assert "| events | none | none | holds | 1.5 s | 2.0 s |" in text
    assert "| kill | 61 s | 60 s | falls short |" in text
    assert "- `python -m x`" in text
