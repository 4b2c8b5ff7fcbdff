"""Trainings, acts of trust and collections end in the registry, whatever happens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from mettle.adapters.persistence.artefacts import MemoryArtefactStore
from mettle.adapters.persistence.memory import MemoryStore
from mettle.adapters.persistence.registry import MemoryModelRegistry
from mettle.adapters.system import SequentialIds, SimulatedClock
from mettle.application.learning.garbage import CollectGarbage, Keeping, Verdict
from mettle.application.learning.register import Registrar
from mettle.application.learning.registry import CHAMPION, Hashes, ModelStatus, Origin
from mettle.application.learning.train import TrainingSummary
from mettle.domain.errors import InvalidValue, TrainingDiverged
from tests.support.learning import random_artefact, small_job
from tests.support.registry import SIGN, completed, made, record


class Desk:
    """A registrar with everything in memory."""

    def __init__(self) -> None:
        self.registry = MemoryModelRegistry()
        self.store = MemoryArtefactStore()
        self.clock = SimulatedClock(100_000_000)
        self.registrar = Registrar(self.registry, self.clock, SequentialIds(), "1.2.3")

    def train(self, folder: Path, error: BaseException | None = None) -> TrainingSummary:
        """Train without training."""

        def work(*_given: Any, **_more: Any) -> TrainingSummary:  # noqa: ANN401
            if error is not None:
                raise error
            return TrainingSummary(self.store.save(random_artefact("small"), replace=True), 4.0)

        return self.registrar.train(work, small_job(folder))


@pytest.fixture
def desk() -> Desk:
    """Return a desk."""
    return Desk()


def test_a_training_is_one_attempt_after_another(desk: Desk, tmp_path: Path) -> None:
    """Each with its hashes and its end; the same study counts on."""
    digest = desk.train(tmp_path).manifest.digest
    desk.train(tmp_path)
    first, second = desk.registry.attempts("small", 0)
    assert (first.attempt, second.attempt) == (0, 1)
    assert (first.status, first.hashes.artefact) == (ModelStatus.COMPLETED, digest)
    assert (first.duration_s, first.hashes.code, first.origin) == (4.0, "1.2.3", Origin.TRAINING)
    assert first.hyperparameters["frames"] == 2048


@pytest.mark.parametrize(
    "error", [TrainingDiverged("loss is nan"), KeyboardInterrupt(), MemoryError("no room")]
)
def test_a_training_that_fails_says_so(desk: Desk, tmp_path: Path, error: BaseException) -> None:
    """And raises what the training raised, an interruption too."""
    with pytest.raises(type(error)):
        desk.train(tmp_path, error)
    (attempt,) = desk.registry.attempts("small", 0)
    assert (attempt.status, attempt.error_class) == (ModelStatus.FAILED, type(error).__name__)


def test_a_training_that_was_killed_is_closed_by_the_next(desk: Desk, tmp_path: Path) -> None:
    """It had no time to say that it died."""
    desk.registry.register(record("lost", study="small"))
    desk.train(tmp_path)
    assert desk.registry.get("lost").error_class == "ProcessDied"
    assert [one.status for one in desk.registry.attempts("small", 0)] == [
        ModelStatus.FAILED, ModelStatus.COMPLETED,
    ]  # fmt: skip


def collector(desk: Desk) -> CollectGarbage:
    """Return a collector over the desk."""
    return CollectGarbage(desk.store, desk.registry, MemoryStore(), desk.clock)


def campaign(desk: Desk, *sharpes: float) -> None:
    """Register models of a campaign, with their files."""
    for trial, sharpe in enumerate(sharpes):
        name = f"m{trial}"
        digest = desk.store.save(random_artefact(name, seed=trial)).digest
        desk.registry.register(record(name, trial, origin=Origin.CAMPAIGN))
        desk.registry.finish(name, replace(completed(sharpe), hashes=Hashes(artefact=digest)))


def kept(verdicts: Sequence[Verdict]) -> dict[str, str]:
    """Return why each model stays."""
    return {one.name: one.kept for one in verdicts}


def test_the_plan_changes_nothing(desk: Desk) -> None:
    """And says of each model why it stays."""
    campaign(desk, 3.0, 1.0, 2.0)
    desk.registry.set_alias(CHAMPION, "m1", SIGN)
    desk.store.save(random_artefact("stray", seed=9))
    plan = kept(collector(desk).plan(Keeping(best=1)))
    assert plan == {
        "m0": "among the best 1 of study s", "m1": "it is or was champion", "m2": "",
        "stray": "not registered with these files",
    }  # fmt: skip
    assert list(desk.store.names()) == ["m0", "m1", "m2", "stray"]
    young = kept(collector(desk).plan(Keeping(best=1, hours=1e6)))
    assert young["m2"] == "younger than 1e+06 hours"


def test_only_garbage_goes(desk: Desk) -> None:
    """Its record stays, and so does a model that took its name meanwhile."""
    campaign(desk, 3.0, 1.0, 2.0)
    desk.store.save(random_artefact("m1", seed=77), replace=True)
    done = collector(desk)(Keeping(best=1), SIGN)
    assert [one.name for one in done if one.removed] == ["m2"]
    assert list(desk.store.names()) == ["m0", "m1"]
    assert desk.registry.get("m2").collected_at == SIGN.at


def test_a_collection_that_was_cut_short_is_finished(desk: Desk) -> None:
    """Marked in the registry, but with its files still there."""
    campaign(desk, 3.0, 1.0)
    desk.registry.collect("m1", SIGN)
    done = collector(desk)(Keeping(best=1, hours=1e6), SIGN)
    assert [one.name for one in done if one.removed] == ["m1"]


def test_an_alias_given_meanwhile_saves_a_model(desk: Desk) -> None:
    """The registry is asked again, in one step with the mark."""
    campaign(desk, 3.0, 1.0)

    class Sudden(CollectGarbage):
        def plan(self, keeping: Keeping) -> Sequence[Verdict]:
            found = super().plan(keeping)
            desk.registry.set_alias(CHAMPION, "m1", SIGN)
            return found

    sudden = Sudden(desk.store, desk.registry, MemoryStore(), desk.clock)
    done = kept(sudden(Keeping(best=1), SIGN))
    assert "champion" in done["m1"]
    assert list(desk.store.names()) == ["m0", "m1"]


def test_parents_outlive_their_children(desk: Desk) -> None:
    """A model that another one came from stays as long as that one does."""
    campaign(desk, 3.0, 1.0)
    made(desk.registry, "child", 9, parents=("m1",), study="t")
    assert kept(collector(desk).plan(Keeping(best=1)))["m1"] == "child (child) comes from it"


def test_keeping_nothing_is_refused() -> None:
    """At least the best one stays."""
    with pytest.raises(InvalidValue, match="at least the best one"):
        Keeping(best=0)
