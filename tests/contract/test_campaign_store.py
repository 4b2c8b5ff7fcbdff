"""The queue of campaigns: one holder an attempt, whatever happens, on every database."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from mettle.adapters.persistence.sql.campaign_store import SqlCampaignStore
from mettle.application.campaign.records import (
    AttemptEnding,
    AttemptStatus,
    TrialAttempt,
)
from mettle.application.ports.campaign_store import Beat, CampaignStore
from mettle.domain.errors import InvalidValue, NotFound, StorageError
from tests.support.campaigns import FOOTPRINT, definition


@pytest.fixture
def queue(database: str | Path) -> Iterator[CampaignStore]:
    """Yield a queue with one campaign of three trials."""
    store = SqlCampaignStore(database)
    store.create(definition(trials=3), 5)
    store.add_trials("study", 3, FOOTPRINT)
    yield store
    store.close()


def claimed(queue: CampaignStore, worker: str = "a", now: int = 100) -> TrialAttempt:
    """Return what a worker gets."""
    found = queue.claim("study", worker, now)
    assert found is not None
    return found


def test_a_campaign_comes_back_as_it_was_begun(queue: CampaignStore) -> None:
    """Definition, time and flag survive the database."""
    found = queue.find("study")
    assert found is not None
    assert (found.definition, found.created_at) == (definition(trials=3), 5)
    assert not found.stop_requested
    assert [one.definition.study for one in queue.campaigns()] == ["study"]
    assert queue.find("other") is None


def test_a_name_is_taken_once(queue: CampaignStore) -> None:
    """A second campaign of the same name is refused."""
    with pytest.raises(InvalidValue, match="already"):
        queue.create(definition(), 6)


def test_a_stop_is_asked_for_and_taken_back(queue: CampaignStore) -> None:
    """The flag reaches whoever asks; a campaign that is not there is named."""
    queue.request_stop("study", wanted=True)
    found = queue.find("study")
    assert found is not None
    assert found.stop_requested
    assert queue.beat(claimed(queue), 101) == Beat(held=True, stop=True)
    with pytest.raises(NotFound, match="other"):
        queue.request_stop("other", wanted=True)


def test_each_attempt_is_claimed_once_in_order(queue: CampaignStore) -> None:
    """Three trials give three claims, then there is nothing."""
    found = [claimed(queue, name) for name in "abc"]
    assert [one.number for one in found] == [0, 1, 2]
    assert [one.worker for one in found] == ["a", "b", "c"]
    assert queue.claim("study", "d", 101) is None


def test_trials_are_added_once(queue: CampaignStore) -> None:
    """Asking again adds only what is missing, and touches nothing that is at work."""
    first = claimed(queue)
    queue.add_trials("study", 5, FOOTPRINT)
    found = queue.attempts("study")
    assert [one.number for one in found] == [0, 1, 2, 3, 4]
    assert found[0] == first


def test_an_attempt_comes_back_field_by_field(queue: CampaignStore) -> None:
    """Parameters, figures, digest and times survive the database."""
    held = claimed(queue)
    assert queue.parameters(held, {"fast": 3, "rate": 0.25}, "/runs/0000")
    ending = AttemptEnding(
        status=AttemptStatus.COMPLETED, at=200, figures={"sharpe": 0.1, "x": None}, digest="d" * 64
    )
    assert queue.end(held, ending)
    (found,) = queue.attempts("study", number=0)
    assert found == replace(
        held,
        status=AttemptStatus.COMPLETED,
        ended_at=200,
        parameters={"fast": 3, "rate": 0.25},
        checkpoint="/runs/0000",
        figures={"sharpe": 0.1, "x": None},
        digest="d" * 64,
    )
    assert found.seconds == 0.1


def test_whoever_lost_an_attempt_writes_nothing(queue: CampaignStore) -> None:
    """After the attempt was given to another worker every write of the first is refused."""
    late = claimed(queue, "a", 100)
    assert queue.give_back(late)
    held = claimed(queue, "b", 200)
    assert (held.number, held.attempt, held.epoch) == (late.number, late.attempt, late.epoch + 1)
    ending = AttemptEnding(status=AttemptStatus.COMPLETED, at=300)
    assert queue.beat(late, 300) == Beat(held=False, stop=False)
    assert not queue.parameters(late, {"fast": 9}, "")
    assert not queue.end(late, ending)
    assert not queue.give_back(late)
    assert queue.attempts("study", number=late.number) == [held]


def test_the_same_worker_with_an_older_claim_writes_nothing(queue: CampaignStore) -> None:
    """The epoch tells two claims of one worker apart."""
    first = claimed(queue)
    queue.give_back(first)
    second = claimed(queue)
    assert not queue.end(first, AttemptEnding(status=AttemptStatus.COMPLETED, at=300))
    assert queue.end(second, AttemptEnding(status=AttemptStatus.COMPLETED, at=300))


def test_a_failure_queues_its_successor_with_it(queue: CampaignStore) -> None:
    """Both are written in one step, and the successor waits for its time."""
    held = claimed(queue)
    successor = replace(
        held, attempt=2, status=AttemptStatus.QUEUED, worker="", not_before=500, epoch=0,
        claimed_at=None, heartbeat_at=None, footprint=FOOTPRINT.smaller(16),
    )  # fmt: skip
    ending = AttemptEnding(
        status=AttemptStatus.FAILED, at=300, error_class="out-of-memory", error="x",
        successor=successor,
    )  # fmt: skip
    assert queue.end(held, ending)
    assert queue.attempts("study", number=0)[1] == successor
    assert claimed(queue, now=499).number == 1
    assert claimed(queue, now=500).number == 0
    assert (
        queue.attempts("study", statuses=[AttemptStatus.FAILED])[0].error_class
        == ending.error_class
    )


def test_a_trial_has_at_most_one_open_attempt(queue: CampaignStore) -> None:
    """A second open one is refused by the database itself, and nothing of the step is kept."""
    held = claimed(queue)
    twin = replace(held, number=1, attempt=2, status=AttemptStatus.QUEUED)
    ending = AttemptEnding(status=AttemptStatus.FAILED, at=300, error_class="x", successor=twin)
    with pytest.raises(StorageError):
        queue.end(held, ending)
    assert queue.attempts("study", number=0) == [held]


def test_silence_is_seen_by_the_last_heartbeat(queue: CampaignStore) -> None:
    """Only running attempts that were silent for too long are named."""
    quiet, lively = claimed(queue, "a", 100), claimed(queue, "b", 100)
    assert queue.beat(lively, 300).held
    assert [one.number for one in queue.silent("study", 200)] == [quiet.number]
    assert queue.silent("study", 100) == []


def test_what_nobody_was_told_is_listed_until_it_is(queue: CampaignStore) -> None:
    """Ended attempts stay untold, oldest first, until they are marked."""
    held = [claimed(queue), claimed(queue)]
    for at, one in ((400, held[0]), (300, held[1])):
        queue.end(one, AttemptEnding(status=AttemptStatus.PRUNED, at=at))
    assert [one.number for one in queue.untold("study")] == [1, 0]
    queue.set_told(held[1])
    assert [one.number for one in queue.untold("study")] == [0]
