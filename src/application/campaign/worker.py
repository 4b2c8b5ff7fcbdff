"""A worker: claims attempts one after the other and brings each to its end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

from ..ports.campaign_store import CampaignStore
from ..ports.clock import Clock
from ..ports.study_book import StudyBook
from ..ports.trial_files import TrialFiles
from .definition import OBJECTIVE, CampaignDefinition
from .keeper import Keeper
from .life import LeaseLost, Life, TrialStopped
from .objective import Objective, TrialPruned, TrialWork
from .pruning import plainly_worse
from .publish import Publisher
from .records import AttemptEnding, AttemptStatus, TrialAttempt
from .remedy import classify, describe
from .space import space_of

Beating = Callable[[Life], AbstractContextManager[None]]
"""Sends heartbeats of a life for the length of a block."""


@dataclass(frozen=True, slots=True)
class WorkerTools:
    """What a worker works with.

    Attributes:
        lease_s: A worker silent for longer is taken for dead.
        tick_ms: How long a worker waits for an attempt that is not due yet.
    """

    definition: CampaignDefinition
    store: CampaignStore
    book: StudyBook
    files: TrialFiles
    keeper: Keeper
    publisher: Publisher
    clock: Clock
    beating: Beating
    lease_s: float = 30.0
    tick_ms: int = 200


class TrialWorker:
    """Works on one study.

    Args:
        name: Its id, unique for good.
    """

    def __init__(self, tools: WorkerTools, objective: Objective, name: str) -> None:
        self._tools = tools
        self._objective = objective
        self._name = name
        self._study = tools.definition.study
        self._life: Life | None = None
        self._stopped = False

    def stop(self) -> None:
        """Ask it to lay down its work; may be called from a signal handler."""
        self._stopped = True
        if self._life is not None:
            self._life.stop()

    def run(self, at_most_ms: int | None = None) -> int:
        """Work until nothing is left or a stop is asked for; return how many attempts it ended.

        Args:
            at_most_ms: Nothing is begun after as long; None is no limit.
        """
        ended, begun = 0, self._tools.clock.monotonic()
        while not self._halted():
            if at_most_ms is not None and self._tools.clock.monotonic() - begun > at_most_ms / 1000:
                break
            attempt = self._claim()
            if attempt is not None:
                ended += self._attempt(attempt)
            elif not self._tools.store.open_trials(self._study):
                break
            else:
                clock = self._tools.clock
                clock.sleep_until(clock.now_ms() + self._tools.tick_ms)
        return ended

    def _halted(self) -> bool:
        if self._stopped:
            return True
        campaign = self._tools.store.find(self._study)
        return campaign is None or campaign.stop_requested

    def _claim(self) -> TrialAttempt | None:
        tools = self._tools
        tools.keeper.release_silent(tools.lease_s)
        return tools.store.claim(self._study, self._name, tools.clock.now_ms())

    def _attempt(self, attempt: TrialAttempt) -> bool:
        """Bring an attempt to its end; return whether it has one."""
        tools = self._tools
        self._life = Life(
            tools.store,
            attempt,
            tools.clock,
            lease_s=tools.lease_s,
            time_limit_s=tools.definition.time_limit_s,
        )
        if self._stopped:
            self._life.stop()
        try:
            with tools.beating(self._life):
                held = self._try(attempt, self._life)
        finally:
            self._life = None
        if held:
            tools.publisher.settle()
        return held

    def _try(self, attempt: TrialAttempt, life: Life) -> bool:
        """Return whether the attempt ended; it did not if laid down, or no longer ours."""
        tools = self._tools
        try:
            return tools.store.end(attempt, self._judge(attempt, life))
        except LeaseLost:
            return False
        except TrialStopped:
            tools.store.give_back(attempt)
            return False
        except KeyboardInterrupt:
            tools.store.give_back(attempt)
            raise
        except Exception as error:  # noqa: BLE001  whatever it is, it has a class
            return tools.keeper.fail(attempt, classify(error), describe(error))

    def _judge(self, attempt: TrialAttempt, life: Life) -> AttemptEnding:
        tools, definition = self._tools, self._tools.definition
        tools.files.check_space(self._objective.space_needed())
        space = () if definition.agent == OBJECTIVE else space_of(definition.agent)
        values = attempt.parameters or tools.book.begin(definition, attempt.number, space)
        folder = str(tools.files.folder(attempt))
        if not tools.store.parameters(attempt, values, folder):
            raise LeaseLost(attempt.lineage)
        attempt = replace(attempt, parameters=values, checkpoint=folder)
        tools.publisher.began(attempt)
        scores: list[float] = []

        def note(drawn: Mapping[str, object]) -> None:
            if not tools.store.parameters(attempt, drawn, folder):
                raise LeaseLost(attempt.lineage)

        report = self._reporter(attempt, scores)
        work = TrialWork(definition, attempt, tools.files, life.check, report, note)
        try:
            measured = self._objective(work)
        except TrialPruned:
            found = {"folds": float(len(scores))}
            if scores:
                found["score"] = sum(scores) / len(scores)
            return AttemptEnding(
                status=AttemptStatus.PRUNED, at=tools.clock.now_ms(), figures=found
            )
        life.check()
        body = {
            "study": attempt.study,
            "number": attempt.number,
            "parameters": dict(values),
            "figures": dict(measured.figures),
            **measured.body,
        }
        digest = tools.files.write_result(attempt, measured.returns, body)
        return AttemptEnding(
            status=AttemptStatus.COMPLETED,
            at=tools.clock.now_ms(),
            figures=measured.figures,
            digest=digest,
        )

    def _reporter(self, attempt: TrialAttempt, scores: list[float]) -> Callable[[int, float], None]:
        definition = self._tools.definition
        ours = definition.agent != OBJECTIVE
        prunes = ours and definition.prune and definition.objectives == ("sharpe",)

        def report(fold: int, score: float) -> None:
            scores.append(score)
            book = self._tools.book
            book.report(attempt.study, attempt.number, fold, score)
            going = prunes and len(scores) < definition.folds
            if going and plainly_worse(scores, book.best_folds(attempt.study)):
                raise TrialPruned(attempt.lineage)

        return report
