"""Any Optuna objective as a campaign: tried again, laid down, gone on with, recorded."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import mettle
import numpy as np
import optuna
import pytest
from mettle.adapters.campaign.user_objective import CampaignTrial
from mettle.application.campaign.records import AttemptStatus
from mettle.application.learning.registry import ModelStatus
from mettle.domain.errors import ConfigError, InvalidValue, MettleError, NotFound, StorageError
from mettle.entrypoints.campaign_container import CampaignContainer
from mettle.entrypoints.study_report import StudyReport
from tests.support.user_functions import deaf, dying_once, parabola

Trying = Callable[..., StudyReport]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return the folder of a workspace to be."""
    return tmp_path / "home"


def test_a_function_of_this_process_is_tried_here(home: Path) -> None:
    """A plain objective of Optuna's: best, standing, Optuna's study and the registry agree."""

    def objective(trial: optuna.Trial) -> float:
        return (trial.suggest_float("x", -10, 10) - 2) ** 2

    told = []
    report = mettle.campaign(
        objective, "s", workspace=home, trials=12, on_progress=lambda now: told.append(now.done)
    )
    assert report.standing.counts[AttemptStatus.COMPLETED] == 12
    assert told == sorted(told)
    assert report.best is not None
    values = [one.figures["value"] for one in report.attempts]
    assert report.best.figures["value"] == min(value for value in values if value is not None)
    with mettle.open(home) as workspace:
        parts = CampaignContainer(resolved=workspace.resolved)
        ends = parts.book().endings("s")
        assert list(ends.values()) == [AttemptStatus.COMPLETED] * 12
        for one in report.attempts:
            (record,) = parts.registry().attempts("s", one.number)
            assert record.status is ModelStatus.COMPLETED
            assert record.hyperparameters == {"agent": "objective", **one.parameters}
            assert record.figures.measured_on == f"value {one.figures['value']:.6g}"
            _, body = parts.files().read_result(one)
            assert body["parameters"] == one.parameters == {"x": pytest.approx(2, abs=12)}
        parts.shutdown_resources()
        with pytest.raises(NotFound, match="no returns"):
            _ = report.verdict
        with pytest.raises(InvalidValue, match="nothing to train"):
            workspace.studies.finish("s")
        with pytest.raises(InvalidValue, match="no agents to be joined"):
            workspace.research.ensemble("s")
        with pytest.raises(ConfigError, match="only its own process"):
            workspace.studies.resume("s")


def test_the_sampler_learns_over_parameters_that_come_and_go(home: Path) -> None:
    """The same seed tries the same, and later trials are better than the first ones."""
    tried = []
    for name, trials in (("a", 24), ("b", 13)):
        report = mettle.campaign(parabola, name, workspace=home, trials=trials, workers=0, seed=3)
        tried.append([(one.parameters, one.figures) for one in report.attempts])
    assert tried[0][:13] == tried[1]
    values = [figures["value"] for _, figures in tried[0]]
    assert np.median(np.array(values[14:], float)) < np.median(np.array(values[:10], float))
    assert {len(parameters) for parameters, _ in tried[0]} == {2, 3}


def failing(errors: dict[tuple[int, int], BaseException]) -> Callable[[CampaignTrial], float]:
    """Return a function that fails so, by trial and attempt."""

    def objective(trial: CampaignTrial) -> float:
        x = trial.suggest_float("x", 0, 1)
        trial.set_user_attr("scale", trial.scale)
        if error := errors.get((trial.number, trial.attempt)):
            raise error
        return x if trial.attempt < 99 else 0.0

    return objective


def test_failures_are_grouped_and_tried_again_where_that_helps(home: Path) -> None:
    """Memory and what may pass: again, same parameters; a mistake in the program: once."""
    errors: dict[tuple[int, int], BaseException] = {
        (0, 1): MemoryError("no"),
        (0, 2): MemoryError("no"),
        (1, 1): RuntimeError("it flickered"),
        (2, 1): TypeError("a mistake"),
        (3, 1): StorageError("disk full"),
        **{(4, n): RuntimeError("for good") for n in range(1, 9)},
    }
    report = mettle.campaign(failing(errors), "s", workspace=home, trials=6)
    groups = {one.error_class: (one.attempts, one.trials, one.lost) for one in report.failures}
    assert groups == {
        "defect": (5, 2, 1),
        "out-of-memory": (2, 1, 0),
        "invalid": (1, 1, 1),
        "storage": (1, 1, 0),
    }
    rows = {(one.number, one.attempt): one for one in report.attempts}
    assert [rows[0, n].footprint.environments for n in (1, 2, 3)] == [8, 4, 2]
    for number in range(6):
        drawn = [one.parameters for one in report.attempts if one.number == number]
        assert drawn == [drawn[0]] * len(drawn)
        assert drawn[0]
    mistake = rows[2, 1].error
    assert mistake.startswith("TypeError: a mistake → see ")
    trace = Path(mistake.partition("see ")[2])
    assert 'raise error\nTypeError: a mistake' in trace.read_text()  # fmt: skip
    with mettle.open(home) as workspace:
        parts = CampaignContainer(resolved=workspace.resolved)
        _, body = parts.files().read_result(rows[0, 3])
        assert body["attributes"] == {"scale": 0.25}
        parts.shutdown_resources()


@pytest.mark.parametrize(
    ("answer", "kind", "attempts"),
    [(float("nan"), "diverged", 3), (None, "invalid", 1), ((1.0, 2.0), "invalid", 1)],
)
def test_an_answer_that_is_none(home: Path, answer: object, kind: str, attempts: int) -> None:
    """What is not finite is tried from other seeds; what is no number, or two, is a mistake."""
    seeds = []

    def objective(trial: CampaignTrial) -> object:
        seeds.append(trial.seed)
        return answer

    report = mettle.campaign(objective, "s", workspace=home, trials=1)
    assert [one.error_class for one in report.attempts] == [kind] * attempts
    assert len(set(seeds)) == attempts


def test_several_values_give_a_front(home: Path) -> None:
    """Each has its name and its direction."""

    def objective(trial: CampaignTrial) -> tuple[float, float]:
        x = trial.suggest_float("x", 0, 2)
        return x**2, 2 * x

    directions = {"cost": "minimize", "gain": "maximize"}
    report = mettle.campaign(objective, "s", workspace=home, trials=8, direction=directions)
    assert len(report.front) == 8
    assert report.best is not None
    costs = [one.figures["cost"] or 0.0 for one in report.trials]
    assert report.best.figures["cost"] == min(costs)


def test_optunas_pruner_is_heard(home: Path) -> None:
    """A trial that is worse than the median at the same step is given up; one may be so at once."""

    def objective(trial: CampaignTrial) -> float:
        trial.suggest_float("x", 0, 1)
        if trial.number == 7:
            raise optuna.TrialPruned
        for step in range(3):
            trial.report(trial.number * 1.0, step)
            if trial.should_prune():
                raise optuna.TrialPruned
        return trial.number * 1.0

    report = mettle.campaign(objective, "s", workspace=home, trials=8)
    states = [one.status for one in report.attempts]
    assert states == [AttemptStatus.COMPLETED] * 5 + [AttemptStatus.PRUNED] * 3
    assert report.attempts[5].figures == {"folds": 1.0, "score": 5.0}
    assert report.attempts[7].figures == {"folds": 0.0}
    patient = mettle.campaign(objective, "t", workspace=home, trials=7, prune=False)
    assert patient.standing.counts[AttemptStatus.COMPLETED] == 7


def test_ctrl_c_lays_down_and_resume_goes_on_from_the_checkpoint(home: Path) -> None:
    """Nothing that was done is done again, the cut trial keeps its parameters and its steps."""
    calls: list[tuple[int, int]] = []
    cut = [(1, 2)]

    def objective(trial: CampaignTrial) -> float:
        x = trial.suggest_float("x", 0, 1)
        state = trial.load()
        done = len(state) if state else 0
        for step in range(done, 4):
            calls.append((trial.number, step))
            trial.save(b"." * (step + 1))
            if cut and cut == calls[-1:]:
                cut.clear()
                raise KeyboardInterrupt
        (trial.folder / "note").write_text(trial.name)
        return x

    with pytest.raises(KeyboardInterrupt):
        mettle.campaign(objective, "s", workspace=home, trials=3)
    with pytest.raises(InvalidValue, match="already"):
        mettle.campaign(objective, "s", workspace=home, trials=3)
    report = mettle.campaign(objective, "s", workspace=home, trials=4, resume=True)
    assert report.standing.counts[AttemptStatus.COMPLETED] == 4
    assert calls == [(number, step) for number in range(4) for step in range(4)]
    assert [(one.attempt, one.epoch) for one in report.attempts] == [(1, 1), (1, 2), (1, 1), (1, 1)]
    left = [path.name for path in (home / "runs" / "s" / "trials" / "0001").iterdir()]
    assert left == ["result-01-02"]
    again = mettle.campaign(objective, "s", workspace=home, trials=4, resume=True)
    assert [one.digest for one in again.attempts] == [one.digest for one in report.attempts]


def test_a_damaged_checkpoint_is_none(home: Path) -> None:
    """What does not have its hash is not gone on from."""
    found: list[bytes | None] = []

    def objective(trial: CampaignTrial) -> float:
        found.append(trial.load())
        trial.save(b"a state")
        found.append(trial.load())
        (trial.folder.parent / "checkpoint" / "state").write_bytes(b"b state")
        found.append(trial.load())
        return 0.0

    mettle.campaign(objective, "s", workspace=home, trials=1)
    assert found == [None, b"a state", None]


def test_workers_that_die_lose_nothing(home: Path) -> None:
    """Processes killed in mid-trial: the trial goes on from its checkpoint, none is lost."""
    report = mettle.campaign(dying_once, "s", workspace=home, trials=4, workers=2)
    assert report.standing.counts[AttemptStatus.COMPLETED] == 4
    assert {one.error_class: (one.attempts, one.lost) for one in report.failures} == {
        "worker-died": (2, 0)
    }


def test_a_function_that_never_looks_up_is_laid_down_all_the_same(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stop interrupts it at once, without a failure; the study goes on by its name alone."""
    monkeypatch.setenv("USER_FUNCTIONS_FOLDER", str(tmp_path))

    def stop_when_asleep() -> None:
        while not (tmp_path / "deaf-1").exists():
            time.sleep(0.02)
        with mettle.open(home) as other:
            other.studies.stop("s")

    stopper = threading.Thread(target=stop_when_asleep)
    stopper.start()
    report = mettle.campaign(deaf, "s", workspace=home, trials=2, workers=1)
    stopper.join()
    assert report.standing.done == 0
    assert report.failures == []
    with mettle.open(home) as workspace:
        report = workspace.studies.resume("s", workers=1)
    assert report.standing.counts[AttemptStatus.COMPLETED] == 2


@pytest.mark.parametrize(
    ("more", "kind", "said"),
    [
        ({"workers": 2}, InvalidValue, "no other process could find"),
        ({"direction": "up"}, ConfigError, "maximize or minimize"),
        ({"direction": {}}, ConfigError, "a name and a direction"),
        ({"trials": 0}, ConfigError, "trials must lie"),
    ],
)
def test_what_cannot_be_done_is_said_before_anything_begins(
    home: Path, more: dict[str, object], kind: type[MettleError], said: str
) -> None:
    """And leaves no study behind."""
    with pytest.raises(kind, match=said):
        mettle.campaign(lambda _trial: 0.0, "s", workspace=home, **more)  # type: ignore[arg-type]  # by name
    with mettle.open(home) as workspace:
        assert workspace.studies.list() == []


def test_a_study_is_not_gone_on_with_as_another_one(home: Path) -> None:
    """Another function, or another direction, is refused."""
    mettle.campaign(parabola, "s", workspace=home, trials=1, workers=0)
    for function, more in ((dying_once, {}), (parabola, {"direction": "maximize"})):
        with pytest.raises(ConfigError, match="was begun with"):
            mettle.campaign(function, "s", workspace=home, trials=1, resume=True, **more)  # type: ignore[arg-type]  # by name
