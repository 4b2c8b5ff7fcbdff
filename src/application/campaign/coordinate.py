"""Runs a campaign on this machine: starts workers, notices their deaths, tells where it stands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from ...domain.errors import NotRunning
from ..ports.campaign_store import CampaignStore
from ..ports.clock import Clock
from ..ports.ids import Ids
from ..ports.study_book import StudyBook
from ..ports.trial_runner import TrialRunner, Worker, WorkOrder
from .definition import CampaignDefinition
from .keeper import Keeper
from .publish import Publisher
from .records import OPEN, AttemptStatus, Footprint
from .remedy import ErrorClass
from .standing import Standing, standing

_TICK_MS = 200
_REPORT_MS = 1_000
_GRACE_S = 30.0
"""A worker gets as long to lay down its work, or to see that its time is up, before it is ended."""
_BARREN = 10
"""Workers a slot that may end one after the other without anything having been done."""


@dataclass(frozen=True, slots=True)
class CampaignTools:
    """What a campaign is run with."""

    store: CampaignStore
    book: StudyBook
    keeper: Keeper
    publisher: Publisher
    runner: TrialRunner
    clock: Clock
    ids: Ids


class RunCampaign:
    """Brings a campaign to its end, or as far as it is let.

    Several machines may run the same one at once: each looks after the workers that it started, and
    all of them after leases that have run out.

    Args:
        order: What a worker is given; its id is filled in.
        on_standing: Called about once a second.
    """

    def __init__(
        self,
        tools: CampaignTools,
        definition: CampaignDefinition,
        order: WorkOrder,
        workers: int,
        on_standing: Callable[[Standing], None] = lambda _now: None,
    ) -> None:
        self._tools = tools
        self._definition = definition
        self._order = order
        self._slots = workers
        self._report = on_standing
        self._workers: list[Worker] = []
        self._barren = 0
        self._progress = (0, 0)

    def __call__(self, footprint: Footprint) -> Standing:
        """Run, and return where the campaign stands then.

        Args:
            footprint: Of each trial's first attempt.

        Raises:
            NotRunning: If workers end before they begin, with the last one's reason.
        """
        tools, study = self._tools, self._definition.study
        tools.book.prepare(self._definition)
        tools.store.add_trials(study, self._definition.trials, footprint)
        tools.keeper.release_silent(self._order.lease_s)
        tools.publisher.settle()
        try:
            while self._goes_on():
                self._look_after()
        finally:
            self._lay_down()
            tools.publisher.settle()
        return self._standing()

    def _goes_on(self) -> bool:
        campaign = self._tools.store.find(self._definition.study)
        if campaign is None or campaign.stop_requested:
            return False
        return self._tools.store.open_trials(self._definition.study) > 0

    def _look_after(self) -> None:
        """Replace the dead, end the late, and report, for about a second."""
        clock = self._tools.clock
        until = clock.now_ms() + _REPORT_MS
        while clock.now_ms() < until:
            self._bury()
            left = self._tools.store.open_trials(self._definition.study)
            if not left:
                return
            while len(self._workers) < min(self._slots, left):
                self._workers.append(self._start())
            clock.sleep_until(clock.now_ms() + _TICK_MS)
        self._tools.keeper.release_silent(self._order.lease_s)
        self._end_late()
        self._report(self._standing())

    def _start(self) -> Worker:
        order = replace(self._order, worker=self._tools.ids.new("worker"))
        return self._tools.runner.start(order)

    def _bury(self) -> None:
        """Release what dead workers held."""
        dead = [one for one in self._workers if not one.alive()]
        for one in dead:
            self._workers.remove(one)
            why = one.failure()
            released = self._tools.keeper.release(one.order.worker, why or "ended")
            self._count_barren(why, released)

    def _count_barren(self, why: str, released: int) -> None:
        found = self._tools.store.attempts(self._definition.study)
        progress = (len(found), sum(one.status not in OPEN for one in found))
        if released or not why or progress != self._progress:
            self._barren, self._progress = 0, progress
            return
        self._barren += 1
        if self._barren > _BARREN * self._slots:
            raise NotRunning(
                f"{self._barren} workers of study {self._definition.study} ended before they did "
                f"anything: {why}",
                mend="see the workers' logs in the study's folder",
            )

    def _end_late(self) -> None:
        """End workers that do not see themselves that their attempt's time is up."""
        limit = self._definition.time_limit_s
        if not limit:
            return
        tools, mine = self._tools, {one.order.worker: one for one in self._workers}
        latest = tools.clock.now_ms() - int((limit + _GRACE_S) * 1000)
        running = tools.store.attempts(self._definition.study, statuses=[AttemptStatus.RUNNING])
        for one in running:
            if one.worker in mine and (one.claimed_at or 0) < latest:
                text = f"took more than {limit:g} s and did not look up"
                tools.keeper.fail(one, ErrorClass.TIME_LIMIT, text)
                mine[one.worker].kill()

    def _lay_down(self) -> None:
        """Let workers lay down their work, end those that do not, release what they held."""
        for one in self._workers:
            one.stop()
        clock = self._tools.clock
        until = clock.now_ms() + int(_GRACE_S * 1000)
        while any(one.alive() for one in self._workers) and clock.now_ms() < until:
            clock.sleep_until(clock.now_ms() + 20)
        self._tools.runner.close()
        for one in self._workers:
            self._tools.keeper.release(one.order.worker, "was ended")
        self._workers.clear()

    def _standing(self) -> Standing:
        attempts = self._tools.store.attempts(self._definition.study)
        return standing(self._definition, attempts, self._tools.clock.now_ms())
