"""Campaign faults: out of memory, NaN, killed workers and a full disk cost time and nothing else.

Forty trials of a rule strategy on two workers. Two attempts in five run out of memory, one in ten
diverges, the disk is full once, and a worker is killed (SIGKILL) every few seconds. Afterwards the
queue, the sampler's study and the model registry must agree on every attempt, no trial may be lost,
done twice or have been at work twice at once, and every result must verify and equal, bit for bit,
the one that is computed without any fault. The full form also cuts 500 workers in the middle of a
save, at every stage of one.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from mettle.application.campaign.objective import TrialWork
from mettle.application.campaign.records import AttemptStatus, TrialAttempt
from mettle.application.campaign.registering import model_id
from mettle.application.campaign.standing import newest
from mettle.entrypoints.campaign_bench import CampaignBench
from mettle.entrypoints.study_report import find_campaign
from mettle.entrypoints.workspace import Workspace
from tests.support.campaign_faults import FaultPlan, KillingRunner
from tests.support.campaigns import workspace_with_bars
from tests.support.forking import ForkingRunner

from . import Outcome

_STUDY = "faults"
_WORKER = "tests.support.faulty_worker"


@dataclass(frozen=True)
class _Size:
    """How much is done."""

    trials: int
    cuts: int
    kills: int


_SHORT = _Size(trials=40, cuts=0, kills=6)
_FULL = _Size(trials=400, cuts=500, kills=40)
_KILL_EVERY_S = 3.0


def run(*, full: bool) -> Outcome:
    """Run the campaign; ``full`` has ten times the trials and 500 cuts in saves."""
    size = _FULL if full else _SHORT
    with tempfile.TemporaryDirectory(prefix="mettle-faults-") as folder:
        notes = Path(folder) / "notes"
        notes.mkdir()
        plan = FaultPlan(
            str(notes), seed=7, oom=0.4, nan=0.1, disk_full=True, pause_s=0.03, cuts=size.cuts
        )
        settings = {
            "campaign__trials": size.trials,
            "campaign__workers": 2,
            "campaign__prune": False,
            "campaign__deaths": 1000,
        }
        with workspace_with_bars(Path(folder) / "home", **settings) as workspace:
            kills = _play(workspace, plan, size)
            return _judge(workspace, plan, size, kills)


def _play(workspace: Workspace, plan: FaultPlan, size: _Size) -> int:
    plan.to_environment()
    logs = workspace.resolved.runs / _STUDY / "workers"
    runner = KillingRunner(ForkingRunner(_WORKER, logs), plan, _KILL_EVERY_S, size.kills)
    workspace.studies.run(_STUDY, agent="ema-cross", runner=runner)
    return runner.kills


def _judge(workspace: Workspace, plan: FaultPlan, size: _Size, kills: int) -> Outcome:
    campaign = find_campaign(workspace, _STUDY)
    assert campaign is not None
    bench = CampaignBench(workspace, campaign.definition)
    try:
        attempts = bench.parts.store().attempts(_STUDY)
        found = _faults(bench, attempts, size.trials)
        notes = plan.notes()
        twins = sum(bool(one.get("twin")) for one in notes)
        found["at work twice at once"] = twins
        done = [one for one in attempts if one.status is AttemptStatus.COMPLETED]
        cuts = Counter(one["stage"] for one in notes if one["event"] == "cut")
        classes = Counter(one.error_class for one in attempts if one.error_class)
        print(
            f"{len(attempts)} attempts; failures {dict(classes)}; {kills} kills; cuts {dict(cuts)}"
        )
        for name, count in found.items():
            print(f"  {name}: {count}")
    finally:
        bench.close()
    share = len({one.number for one in done}) / size.trials
    figure = (
        f"{share:.1%} of {size.trials} trials complete, {sum(found.values())} faults in the books, "
        f"{kills + sum(cuts.values())} kills"
    )
    enough = kills + sum(cuts.values()) >= (size.cuts or 1) and classes["out-of-memory"] > 0
    holds = share >= 0.95 and not sum(found.values()) and enough
    return Outcome(figure, "at least 95 % complete, 0 faults", holds)


def _faults(bench: CampaignBench, attempts: Sequence[TrialAttempt], trials: int) -> dict[str, int]:
    """Count what must not be."""
    last = newest(attempts)
    open_ = (AttemptStatus.QUEUED, AttemptStatus.RUNNING)
    done = [one for one in attempts if one.status is AttemptStatus.COMPLETED]
    doubled = Counter(one.number for one in done)
    told = bench.parts.book().endings(_STUDY)
    registry = bench.parts.registry()
    recorded = {
        one.model_id: one.status.value
        for number in range(trials)
        for one in registry.attempts(_STUDY, number)
    }
    expected = {model_id(one): one.status.value for one in attempts}
    return {
        "trials lost": sum(n not in last or last[n].status in open_ for n in range(trials)),
        "trials done twice": sum(count > 1 for count in doubled.values()),
        "trials on which the study differs": sum(
            told.get(number) is not one.status for number, one in last.items()
        )
        + abs(len(told) - trials),
        "attempts on which the registry differs": len(
            set(recorded.items()) ^ set(expected.items())
        ),
        "results that do not verify": _unsound(bench, done),
    }


def _unsound(bench: CampaignBench, done: Sequence[TrialAttempt]) -> int:
    """Count results that are damaged, or not those of a campaign without faults."""
    objective, files = bench.objective(), bench.parts.files()
    wrong = 0
    for one in done:
        fresh = replace(one, study="fault-free")
        work = TrialWork(bench.definition, fresh, files, lambda: None, lambda _fold, _score: None)
        returns, body = files.read_result(one)
        measured = objective(work)
        same = np.array_equal(returns, measured.returns) and body["figures"] == measured.figures
        wrong += not same
    return wrong
