"""Campaigns as a whole: what is tried, told, laid down, gone on with, and judged."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import mettle
import numpy as np
import pytest
from mettle.application.campaign.life import TrialStopped
from mettle.application.campaign.objective import Measured, Objective, TrialWork
from mettle.application.campaign.records import AttemptStatus
from mettle.application.campaign.worker import WorkerTools
from mettle.application.learning.registry import ModelStatus
from mettle.domain.errors import (
    ArtefactError,
    ConfigError,
    DataError,
    InvalidValue,
    MettleError,
    NotFound,
    TimedOut,
    TrainingDiverged,
)
from mettle.entrypoints.campaign_container import CampaignContainer
from mettle.entrypoints.workspace import Workspace
from tests.support.campaigns import workspace_with_bars
from tests.support.inline import InlineRunner


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    """Yield a workspace whose campaigns are three trials on two folds."""
    more = {"campaign__trials": 3, "campaign__folds": 2, "campaign__prune": False}
    with workspace_with_bars(tmp_path / "home", 800, **more) as made:
        yield made


class Failing:
    """An objective that raises what it is given, attempt by attempt, and judges then."""

    def __init__(self, inner: Objective, errors: dict[tuple[int, int], BaseException]) -> None:
        self._inner = inner
        self._errors = errors
        self.seeds: list[int] = []

    def __call__(self, work: TrialWork) -> Measured:
        """Raise or judge."""
        self.seeds.append(work.seed)
        key = (work.attempt.number, work.attempt.attempt)
        if key in self._errors:
            raise self._errors.pop(key)
        return self._inner(work)

    def space_needed(self) -> int:
        """Return what the inner one says."""
        return self._inner.space_needed()


def failing(errors: dict[tuple[int, int], BaseException]) -> InlineRunner:
    """Return a runner whose objective fails so."""

    def change(tools: WorkerTools, objective: Objective) -> tuple[WorkerTools, Objective]:
        return tools, Failing(objective, errors)

    return InlineRunner(change)


def test_a_campaign_tries_everything_and_tells_everybody(workspace: Workspace) -> None:
    """Queue, sampler's study and registry agree, and the results verify."""
    report = workspace.studies.run("s", agent="ema-cross", runner=InlineRunner())
    assert report.standing.counts[AttemptStatus.COMPLETED] == 3
    assert report.best is not None
    assert report.verdict.started == 3
    assert report.verdict.completed == 3
    parts = CampaignContainer(resolved=workspace.resolved)
    try:
        ends = parts.book().endings("s")
        assert list(ends.values()) == [AttemptStatus.COMPLETED] * 3
        for one in report.attempts:
            (record,) = parts.registry().attempts("s", one.number)
            assert record.status is ModelStatus.COMPLETED
            assert record.hyperparameters == {"agent": "ema-cross", **one.parameters}
            returns, body = parts.files().read_result(one)
            assert returns.size == one.figures["bars"]
            assert body["figures"] == one.figures
            assert [path.name for path in parts.files().folder(one).iterdir()] == ["result-01-01"]
    finally:
        parts.shutdown_resources()


def test_all_trials_are_judged_on_the_same_unseen_bars(workspace: Workspace) -> None:
    """Whatever the warm-up, the returns of all trials fit into one table; the end stays unseen."""
    report = workspace.studies.run("s", agent="ema-cross", runner=InlineRunner())
    assert len({one.figures["bars"] for one in report.attempts}) == 1
    bars = report.attempts[0].figures["bars"]
    assert bars is not None
    assert bars < 800 * (1 - report.definition.holdout)


def test_the_same_seed_tries_the_same(tmp_path: Path) -> None:
    """Parameters and results follow from the seed."""
    found = []
    for name in ("a", "b"):
        more = {"campaign__trials": 3, "campaign__folds": 2}
        with workspace_with_bars(tmp_path / name, 800, **more) as made:
            report = made.studies.run("s", agent="ema-cross", runner=InlineRunner())
            found.append([(one.parameters, one.digest) for one in report.attempts])
    assert found[0] == found[1]


def test_failures_are_tried_again_by_class(workspace: Workspace) -> None:
    """Memory halves the footprint, divergence takes another seed, bad settings end the trial."""
    errors: dict[tuple[int, int], BaseException] = {
        (0, 1): MemoryError("no"),
        (0, 2): RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"),
        (1, 1): TrainingDiverged("nan"),
        (2, 1): DataError("bad bars"),
    }
    report = workspace.studies.run("s", agent="ema-cross", runner=failing(errors))
    rows = {(one.number, one.attempt): one for one in report.attempts}
    sizes = [rows[0, n].footprint.environments for n in (1, 2, 3)]
    assert sizes == [sizes[0], sizes[0] // 2, sizes[0] // 4]
    assert rows[0, 3].status is AttemptStatus.COMPLETED
    assert [rows[1, n].reseeds for n in (1, 2)] == [0, 1]
    assert rows[2, 1].status is AttemptStatus.FAILED
    assert (2, 2) not in rows
    groups = {one.error_class: (one.attempts, one.lost) for one in report.failures}
    assert groups == {"out-of-memory": (2, 0), "diverged": (1, 0), "invalid": (1, 1)}
    assert report.verdict.started == 3
    assert report.verdict.completed == 2


def test_a_trial_out_of_memory_is_given_up_after_three_more_attempts(workspace: Workspace) -> None:
    """Four attempts at most, and the other trials go on."""
    errors: dict[tuple[int, int], BaseException] = {(1, n): MemoryError() for n in range(1, 9)}
    report = workspace.studies.run("s", agent="ema-cross", runner=failing(errors))
    lost = [one for one in report.attempts if one.number == 1]
    assert [one.status for one in lost] == [AttemptStatus.FAILED] * 4
    assert report.standing.counts[AttemptStatus.COMPLETED] == 2


def test_too_slow_is_not_tried_again(workspace: Workspace) -> None:
    """A time limit would be met again."""
    errors: dict[tuple[int, int], BaseException] = {(0, 1): TimedOut("slow")}
    report = workspace.studies.run("s", agent="ema-cross", runner=failing(errors))
    assert [one.error_class for one in report.failures] == ["time-limit"]
    assert len(report.attempts) == 3


def test_a_stopped_campaign_goes_on_where_it_was(workspace: Workspace) -> None:
    """What was laid down is queued again, and finished folds are not played twice."""
    played: list[tuple[int, int]] = []

    def change(tools: WorkerTools, objective: Objective) -> tuple[WorkerTools, Objective]:
        class Stopping(Failing):
            def __call__(self, work: TrialWork) -> Measured:
                def report(fold: int, score: float) -> None:
                    played.append((work.attempt.number, fold))
                    work.report(fold, score)
                    if played == [(0, 0)]:
                        tools.store.request_stop("s", wanted=True)
                        raise TrialStopped

                return self._inner(replace(work, report=report))

        return tools, Stopping(objective, {})

    report = workspace.studies.run("s", agent="ema-cross", runner=InlineRunner(change))
    assert report.standing.done == 0
    assert report.attempts[0].status is AttemptStatus.QUEUED
    report = workspace.studies.resume("s", runner=InlineRunner(change))
    assert report.standing.counts[AttemptStatus.COMPLETED] == 3
    assert report.attempts[0].epoch == 2
    assert len(report.attempts) == 3
    whole = [one.digest for one in report.attempts]
    again = workspace.studies.run("s", agent="ema-cross", resume=True, runner=InlineRunner())
    assert [one.digest for one in again.attempts] == whole


def test_a_name_is_not_taken_twice_by_mistake(workspace: Workspace) -> None:
    """Without resume a second campaign of a name is refused; unknown ones are named."""
    workspace.studies.run("s", agent="ema-cross", runner=InlineRunner())
    with pytest.raises(InvalidValue, match="already"):
        workspace.studies.run("s", agent="ema-cross", runner=InlineRunner())
    for call in (workspace.studies.show, workspace.studies.resume, workspace.studies.stop):
        with pytest.raises(NotFound, match="no study 'z'"):
            call("z")


@pytest.mark.parametrize(
    ("settings", "kind", "said"),
    [
        ({"campaign.folds": 64}, DataError, "folds"),
        ({"market.symbols": ["BTC/USDT"]}, NotFound, "BTC/USDT"),
    ],
)
def test_what_cannot_be_judged_is_not_begun(
    tmp_path: Path, settings: dict[str, object], kind: type[MettleError], said: str
) -> None:
    """A campaign that would fail trial by trial is refused as a whole, and leaves no study."""
    with workspace_with_bars(tmp_path / "home", 300) as made:
        made.close()
    settings = {"market.symbols": ["SYN1/USDT"], **settings}
    with mettle.open(tmp_path / "home", settings=settings) as made:
        with pytest.raises(kind, match=said):
            made.studies.run("s", agent="ema-cross", runner=InlineRunner())
        assert made.studies.list() == []


def test_an_agent_without_parameters_is_refused(workspace: Workspace) -> None:
    """There is nothing to search."""
    with pytest.raises(ConfigError, match="buy-and-hold"):
        workspace.studies.run("s", agent="buy-and-hold", runner=InlineRunner())


def test_several_objectives_give_a_front(tmp_path: Path) -> None:
    """No trial of the front is beaten in everything by another one."""
    more = {
        "campaign__trials": 6,
        "campaign__folds": 2,
        "campaign__objectives": ["sharpe", "drawdown", "turnover"],
    }
    with workspace_with_bars(tmp_path / "home", 800, **more) as made:
        report = made.studies.run("s", agent="ema-cross", runner=InlineRunner())
    rows = [
        np.array([one.figures["sharpe"], -one.figures["drawdown"], -one.figures["turnover"]])  # type: ignore[operator]  # completed
        for one in report.front
    ]
    assert rows
    assert report.standing.counts[AttemptStatus.PRUNED] == 0
    for mine in rows:
        assert not any((other > mine).all() for other in rows)


def test_a_damaged_result_is_seen(workspace: Workspace) -> None:
    """A result that was changed after its hash was written is refused."""
    report = workspace.studies.run("s", agent="ema-cross", runner=InlineRunner())
    parts = CampaignContainer(resolved=workspace.resolved)
    place = parts.files().folder(report.attempts[0]) / "result-01-01" / "returns.npy"
    data = bytearray(place.read_bytes())
    data[-1] ^= 1
    place.write_bytes(bytes(data))
    with pytest.raises(ArtefactError, match="damaged"):
        workspace.studies.show("s")


_SMALL: dict[str, object] = {
    "campaign__trials": 1,
    "campaign__folds": 2,
    "training__frames": 1024,
    "training__checkpoint_every": 256,
    "training__episode_length": 32,
    "training__features": ["log_return(1)", "log_return(5)"],
    "training__ppo__environments": 16,
    "training__ppo__rollout": 16,
    "training__ppo__batch_size": 64,
    "training__ppo__hidden": [8],
}


def cut_at(wanted: int) -> InlineRunner:
    """Return a runner whose objective is laid down at that check of its first attempt."""
    checks = iter(range(1, 10**9))

    class Cut(Failing):
        def __call__(self, work: TrialWork) -> Measured:
            def check() -> None:
                if next(checks) == wanted:
                    raise TrialStopped
                work.check()

            return self._inner(replace(work, check=check))

    return InlineRunner(lambda tools, objective: (tools, Cut(objective, {})))


def test_policies_are_trained_fold_by_fold_and_exactly_resumed(tmp_path: Path) -> None:
    """A PPO trial leaves a sound, registered model; laid down in mid-training it is the same."""
    weights, epochs = [], []
    for name, cut in (("whole", 0), ("first fold", 4), ("second fold", 9)):
        with workspace_with_bars(tmp_path / name, 600, **_SMALL) as made:
            report = made.studies.run("p", runner=cut_at(cut))
            assert report.standing.counts[AttemptStatus.COMPLETED] == 1
            manifest = made.model("p-0000").manifest
            weights.append({one.sha256 for one in manifest.files.values()})
            epochs.append(report.attempts[0].epoch)
            parts = CampaignContainer(resolved=made.resolved)
            (record,) = parts.registry().attempts("p", 0)
            assert record.paths.artefact == "p-0000"
            parts.shutdown_resources()
    assert epochs == [1, 2, 2]
    assert weights[0] == weights[1] == weights[2]
