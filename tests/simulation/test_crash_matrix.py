"""The crash matrix: its scenes go every way, deaths come right, and planted bugs do not."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal

import pytest
from mettle.application.ports.venue import RepeatedId, VenueOrder, VenueOrderStatus
from mettle.domain.market import Symbol
from mettle.domain.orders import Purpose
from tests.support.dst.crash_matrix import Play, Tally, die_at, part_of, places, plays
from tests.support.dst.oracle.view import JournalView
from tests.support.dst.scenes import KILLED, SCENES
from tests.support.dst.sigkill import Audit, differences, doubles, killed, torment
from tests.support.dst.stage import Stage

REFUSED = RepeatedId.REFUSED


@pytest.fixture(scope="module")
def played() -> dict[str, Stage]:
    """Return every scene, played without a death."""
    found = {}
    for name, scene in SCENES.items():
        found[name] = stage = Stage(scene, REFUSED)
        stage.play()
        stage.close()
    return found


def test_every_scene_comes_right(played: dict[str, Stage]) -> None:
    """Without a death nothing breaks and no session dies."""
    for stage in played.values():
        assert stage.oracle.violations == []
        # The one crash is the curtain's.
        assert stage.report.ends["session Crash"] == 1
        assert set(stage.report.ends) <= {"session Crash", "session end", "operator end"}


def test_the_scenes_go_every_way(played: dict[str, Stage]) -> None:
    """Partial fills, taker legs, cancels, unknowns, stops, flatten, deposits: each is passed."""
    orders = [one for stage in played.values() for one in stage.oracle.view.orders.values()]
    states = Counter(type(one.state).__name__ for one in orders)
    assert {"Filled", "Canceled", "NotPlaced"} <= set(states)
    assert any(0 < getattr(one.state, "filled", 0) < one.intent.lots for one in orders)
    assert {one.leg.name for one in orders} == {"MAKER", "STOP", "TAKER"}
    assert Purpose.FLATTEN in {one.intent.purpose for one in orders}
    entries = Counter(
        one.kind for stage in played.values() for one in stage.oracle.view.entries.values()
    )
    assert {"fill", "deposit", "funding", "external", "suspense"} <= set(entries)
    passed = {label for stage in played.values() for label in stage.hooks.labels}
    calls = ("create", "cancel", "order", "open_orders", "fills_since", "account", "quote")
    assert passed >= {f"{when} {call}" for when in ("before", "after") for call in calls}
    assert passed >= {"before commit", "after commit", "inside create"}


@pytest.mark.parametrize("policy", list(RepeatedId))
def test_death_around_every_create(policy: RepeatedId) -> None:
    """Before, inside and after each create of a scene: nothing is lost and nothing doubled."""
    play = Play("maker and taker", policy.name)
    labels = places(play)
    around = [at for at, label in enumerate(labels) if label.endswith("create")]
    assert len(around) >= 15
    assert [one for one in (die_at(play, at) for at in around) if one.broken] == []


def test_a_flatten_survives_every_death(played: dict[str, Stage]) -> None:
    """A kill that flattens is carried out though the session dies at any commit of it."""
    stage = played[KILLED.name]
    commits = [at for at, label in enumerate(stage.hooks.labels) if label == "after commit"]
    play = Play(KILLED.name, REFUSED.name)
    assert [one for one in (die_at(play, at) for at in commits[-12:]) if one.broken] == []


@pytest.mark.parametrize(
    ("bug", "place"),
    [
        ("sends inside the transaction", "before commit"),
        ("sends again what a crash left", "after create"),
        ("ignores the fence", "inside create"),
    ],
)
def test_planted_bugs_are_caught(bug: str, place: str) -> None:
    """Without the write-ahead, with a blind resend, or with a forgotten order it does not hold."""
    play = Play("maker and taker", REFUSED.name, bug=bug)
    points = [at for at, label in enumerate(places(play)) if label == place]
    tally = Tally()
    tally.add(die_at(play, at) for at in points[:6])
    part = part_of(tally)
    assert not part.holds
    assert part.commands
    assert f"--bug '{bug}'" in part.commands[0]


def test_a_death_replays() -> None:
    """The same place gives the same course, so that the command that is printed shows it again."""
    play = Play("killed", "UNIQUE_AMONG_OPEN", "operator")
    assert len(places(play)) >= 4
    assert die_at(play, 2) == die_at(play, 2)


def test_every_venue_and_victim_is_in_the_matrix() -> None:
    """Each scene under each policy; where people command, they die as well."""
    found = Counter((one.scene, one.policy) for one in plays())
    assert set(found) == {(name, one.name) for name in SCENES for one in RepeatedId}
    assert found["killed", "REFUSED"] == 2


def test_a_real_process_is_killed() -> None:
    """SIGKILL, a SQLite file, an exchange in another process: the journal is what it says."""
    found = torment("REFUSED", 4, seed=7)
    assert killed([found]) == 4
    assert (found.lost, found.doubled) == ([], [])


def test_what_a_real_death_loses_is_seen() -> None:
    """A journal without an order that the exchange has, and one that has it twice, are told."""
    order = VenueOrder("x", "1", Symbol.parse("BTC/USDT"), 1, 5, 0, VenueOrderStatus.CANCELED, 0)
    told = {
        "orders": [order],
        "fills": [],
        "received": ["x", "x"],
        "balances": {"USDT": Decimal(7)},
        "positions": {},
    }
    audit = Audit((), told)
    found = differences(JournalView(), audit)
    assert "the exchange has x, the journal has not" in found
    assert any(one.startswith("USDT") for one in found)
    assert doubles(JournalView(), audit) == ["x was sent 2 times"]
