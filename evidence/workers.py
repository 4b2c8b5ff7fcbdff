"""Workers: eight at once on one file of SQLite, or one PostgreSQL, and none is ever locked out.

Eight worker processes on each database do 200 short trials of a rule strategy, 48 in the short
form. A lock error is anything that a worker wrote about a lock, a failed attempt, or a trial that
is missing. Then the same trials are done by one worker and by two, and the trials a second between
the first claim and the last end are compared. These trials mostly wait (0.6 s each), so that the
figure tells whether workers hinder each other at the queue, and not how many idle cores the machine
has.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from mettle.application.campaign.records import AttemptStatus, TrialAttempt
from mettle.entrypoints.study_report import StudyReport
from tests.support.campaign_faults import FaultPlan
from tests.support.campaigns import workspace_with_bars
from tests.support.forking import ForkingRunner
from tests.support.postgres import missing, postgres_server

from . import Outcome

_WORKERS = 8
_WORKER, _WAITING = "mettle.entrypoints.campaign_worker", "tests.support.faulty_worker"
_WANTED = 1.7


@dataclass(frozen=True)
class _Played:
    """What a campaign showed."""

    report: StudyReport
    errors: int
    hands: int

    @property
    def rate(self) -> float:
        """Trials a second, from the first claim to the last end."""
        rows = self.report.attempts
        begun = min(one.claimed_at or 0 for one in rows)
        ended = max(one.ended_at or 0 for one in rows)
        return 1000 * len(rows) / max(1, ended - begun)


def run(*, full: bool) -> Outcome:
    """Run the campaigns; ``full`` are 200 trials a database, and 160 to compare throughput."""
    trials, count = (200, 160) if full else (48, 24)
    with ExitStack() as stack:
        if reason := missing():
            return Outcome(f"PostgreSQL was not tried: {reason}", "0 lock errors", holds=False)
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mettle-workers-")))
        url = stack.enter_context(postgres_server())
        errors = 0
        for name, more in (("sqlite", {}), ("postgresql", {"workspace__database": url})):
            played = _play(folder / name, trials, _WORKERS, 700, **more)
            done = played.report.standing.done
            print(
                f"{name}: {_WORKERS} workers, {played.hands} of them with work, {done} trials, "
                f"{played.errors} lock errors, {played.rate:.1f} trials a second"
            )
            errors += played.errors + (trials - done) + (played.hands < 2)
        (folder / "notes").mkdir()
        FaultPlan(str(folder / "notes"), pause_s=0.3).to_environment()
        rates = [_play(folder / f"by-{n}", count, n, 700, worker=_WAITING).rate for n in (1, 2)]
        gain = rates[1] / rates[0]
        print(f"{count} trials: {rates[0]:.2f} a second by one worker, {rates[1]:.2f} by two")
    figure = f"{errors} lock errors in {2 * trials} trials, two workers {gain:.2f} × one"
    return Outcome(figure, f"0, and at least {_WANTED} ×", not errors and gain >= _WANTED)


def _play(
    home: Path, trials: int, workers: int, bars: int, *, worker: str = _WORKER, **settings: object
) -> _Played:
    more = {"campaign__folds": 2, "campaign__prune": False, "training__threads": 1}
    with workspace_with_bars(home, bars, **more, campaign__trials=trials, **settings) as workspace:
        logs = workspace.resolved.runs / "s" / "workers"
        runner = ForkingRunner(worker, logs)
        report = workspace.studies.run("s", agent="ema-cross", workers=workers, runner=runner)
        return _Played(report, _errors(report.attempts, logs), _hands(report.attempts))


def _errors(attempts: Sequence[TrialAttempt], logs: Path) -> int:
    """Count what can only come of a lock: nothing else goes wrong in here."""
    failed = sum(one.status is AttemptStatus.FAILED for one in attempts)
    lines = [
        line
        for log in logs.iterdir()
        for line in log.read_text(encoding="utf-8").splitlines()
        if "locked" in line.lower() or "Error" in line
    ]
    for line in [*(one.error for one in attempts if one.error), *lines][:5]:
        print(f"  {line}")
    return failed + len(lines)


def _hands(attempts: Sequence[TrialAttempt]) -> int:
    return len({one.worker for one in attempts})
