"""Faults of a campaign, as decorators of its ports: memory, NaN, full disk, kills, kills in saves.

What an attempt meets follows from the seed and from what a retry changes (footprint, seed), never
from the clock: a trial that is killed and goes on meets the same faults.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from mettle.adapters.campaign.local_processes import LocalProcess
from mettle.adapters.persistence.folders import storage_error
from mettle.application.campaign.objective import Measured, Objective, TrialWork
from mettle.application.campaign.records import TrialAttempt
from mettle.application.ports.trial_files import FoldResult, TrialFiles
from mettle.application.ports.trial_runner import TrialRunner, Worker, WorkOrder
from mettle.domain.errors import TrainingDiverged
from numpy.typing import NDArray
from sqlalchemy import Engine, event
from tests.support.forking import ForkedWorker

VARIABLE = "METTLE_TEST_FAULTS"
"""The environment variable by which a plan reaches the workers."""

STAGES = ("open", "fsync", "rename", "mkdir", "rmtree", "before commit", "after commit")
"""Where a save can be cut."""


@dataclass(frozen=True)
class FaultPlan:
    """What goes wrong.

    Attributes:
        folder: Where workers note what they do.
        oom: Share of attempts that run out of memory; drawn anew for each footprint.
        nan: Share of attempts that diverge; drawn anew for each seed.
        disk_full: Whether the disk is full once.
        pause_s: Added to each fold, so that there is something to kill.
        cuts: Workers that end themselves in the middle of a save, one cut a worker.
    """

    folder: str
    seed: int = 1
    oom: float = 0.0
    nan: float = 0.0
    disk_full: bool = False
    pause_s: float = 0.0
    cuts: int = 0

    def to_environment(self) -> None:
        """Let the workers that are started from now on see it."""
        os.environ[VARIABLE] = json.dumps(asdict(self))

    @classmethod
    def from_environment(cls) -> FaultPlan:
        """Return the plan of this process."""
        return cls(**json.loads(os.environ[VARIABLE]))

    def draw(self, *key: object) -> float:
        """Return a number in [0, 1) that follows from seed and key."""
        text = "|".join(map(str, (self.seed, *key)))
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:7], "big") / 256**7

    def once(self, name: str) -> bool:
        """Return True to the first process that asks."""
        return self.take(name, 1) == 0

    def take(self, name: str, most: int) -> int | None:
        """Return the next of ``most`` numbers, None when all are taken."""
        for number in range(most):
            with suppress(FileExistsError):
                flags = os.O_CREAT | os.O_EXCL
                os.close(os.open(Path(self.folder) / f"{name}-{number}", flags))
                return number
        return None

    def note(self, **what: object) -> None:
        """Append a line to what workers did."""
        line = json.dumps({"pid": os.getpid(), "at": time.time(), **what}) + "\n"
        handle = os.open(Path(self.folder) / "work.jsonl", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        try:
            os.write(handle, line.encode())
        finally:
            os.close(handle)

    def notes(self) -> list[dict[str, Any]]:
        """Return what workers did, in order."""
        try:
            text = (Path(self.folder) / "work.jsonl").read_text(encoding="utf-8")
        except FileNotFoundError:
            return []
        return [json.loads(line) for line in text.splitlines()]


class FaultyObjective:
    """An objective that runs out of memory, diverges, and takes its time."""

    def __init__(self, inner: Objective, plan: FaultPlan) -> None:
        self._inner = inner
        self._plan = plan

    def __call__(self, work: TrialWork) -> Measured:
        """Judge, unless the plan has it otherwise."""
        one, plan = work.attempt, self._plan
        twin = _alive_twin(plan.notes(), one)
        plan.note(event="begin", number=one.number, attempt=one.attempt, epoch=one.epoch, twin=twin)
        slow = replace(work, report=self._slowed(work))
        try:
            measured = self._inner(slow)
            if plan.draw("oom", one.number, one.footprint.environments) < plan.oom:
                raise MemoryError(f"injected at {one.footprint.environments} environments")
            if plan.draw("nan", one.number, one.reseeds) < plan.nan:
                raise TrainingDiverged("value_loss is nan (injected)")
        finally:
            plan.note(event="end", number=one.number, attempt=one.attempt, epoch=one.epoch)
        return measured

    def space_needed(self) -> int:
        """Return what the inner one says."""
        return self._inner.space_needed()

    def _slowed(self, work: TrialWork) -> Callable[[int, float], None]:
        def report(fold: int, score: float) -> None:
            time.sleep(self._plan.pause_s)
            work.report(fold, score)

        return report


def _alive_twin(notes: Sequence[Mapping[str, Any]], one: TrialAttempt) -> bool:
    """Return whether another living process is at work on the trial: that must never be."""
    open_: dict[int, bool] = {}
    for line in notes:
        if line.get("number") == one.number and line["pid"] != os.getpid():
            open_[line["pid"]] = line["event"] == "begin"
    return any(begun and _alive(pid) for pid, begun in open_.items())


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in {"Z", "X"}


class FaultyFiles:
    """Files on a disk that is full once."""

    def __init__(self, inner: TrialFiles, plan: FaultPlan) -> None:
        self._inner = inner
        self._plan = plan

    def folder(self, attempt: TrialAttempt) -> Path:
        """Return what the inner one says."""
        return self._inner.folder(attempt)

    def check_space(self, needed: int) -> None:
        """Pass on."""
        self._inner.check_space(needed)

    def folds(self, attempt: TrialAttempt, fingerprint: str) -> Sequence[FoldResult]:
        """Pass on."""
        return self._inner.folds(attempt, fingerprint)

    def write_fold(
        self, attempt: TrialAttempt, fingerprint: str, index: int, result: FoldResult
    ) -> None:
        """Write, unless the disk is full."""
        full = attempt.number >= 2 and index >= 1  # somewhere in the middle
        if self._plan.disk_full and full and self._plan.once("disk-full"):
            error = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            raise storage_error(self.folder(attempt), error)
        self._inner.write_fold(attempt, fingerprint, index, result)

    def write_result(
        self, attempt: TrialAttempt, returns: NDArray[Any], body: Mapping[str, Any]
    ) -> str:
        """Pass on."""
        return self._inner.write_result(attempt, returns, body)

    def read_result(self, attempt: TrialAttempt) -> tuple[NDArray[Any], Mapping[str, Any]]:
        """Pass on."""
        return self._inner.read_result(attempt)

    def tidy(self, attempt: TrialAttempt) -> None:
        """Pass on."""
        self._inner.tidy(attempt)


class KillingRunner:
    """A runner that ends one of its workers by SIGKILL every few seconds, in the midst of a trial.

    Args:
        every_s: Mean distance of two kills.
        most: After as many it lets them live.
    """

    def __init__(self, inner: TrialRunner, plan: FaultPlan, every_s: float, most: int) -> None:
        self._inner = inner
        self._plan = plan
        self._random = random.Random(plan.seed)  # noqa: S311  which worker dies is no secret
        self._every_s = every_s
        self._most = most
        self._workers: list[Worker] = []
        self._over = threading.Event()
        self.kills = 0
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def start(self, order: WorkOrder) -> Worker:
        """Start a worker."""
        made = self._inner.start(order)
        self._workers.append(made)
        return made

    def close(self) -> None:
        """End everything."""
        self._over.set()
        self._thread.join()
        self._inner.close()

    def _run(self) -> None:
        while not self._over.wait(self._every_s * self._random.uniform(0.5, 1.5)):
            at_work = {one["pid"]: one["event"] == "begin" for one in self._plan.notes()}
            alive = [
                one
                for one in list(self._workers)
                if isinstance(one, LocalProcess | ForkedWorker)
                and one.alive()
                and at_work.get(one.pid)
            ]
            if alive and self.kills < self._most:
                with suppress(ProcessLookupError):
                    os.kill(self._random.choice(alive).pid, signal.SIGKILL)
                    self.kills += 1


class SaveCutter:
    """Ends this process by SIGKILL in the middle of a save, at a stage and count that are drawn."""

    def __init__(self, plan: FaultPlan, number: int) -> None:
        self._plan = plan
        self._stage = STAGES[number % len(STAGES)]
        self._left = 1 + int(plan.draw("cut", number) * 8)

    def reached(self, stage: str) -> None:
        """Count a stage, and end at the one that was drawn."""
        if stage != self._stage:
            return
        self._left -= 1
        if self._left == 0:
            self._plan.note(event="cut", stage=stage)
            os.kill(os.getpid(), signal.SIGKILL)

    def install(self) -> None:
        """Watch this process's files and transactions from now on."""
        names = {"os.rename": "rename", "os.mkdir": "mkdir", "shutil.rmtree": "rmtree"}

        def audit(name: str, arguments: tuple[Any, ...]) -> None:
            if name == "open" and isinstance(arguments[2], int) and arguments[2] & os.O_CREAT:
                self.reached("open")
            elif name in names:
                self.reached(names[name])

        sys.addaudithook(audit)
        plain = os.fsync

        def fsync(handle: int) -> None:
            self.reached("fsync")
            plain(handle)

        os.fsync = fsync  # type: ignore[assignment]  # the same for files and numbers

        @event.listens_for(Engine, "commit")
        def before(_connection: object) -> None:
            self.reached("before commit")

        @event.listens_for(Engine, "begin")
        def begin(_connection: object) -> None:
            self.reached("after commit")  # the next one begins just after
