"""The Python face of campaigns: ``workspace.studies``."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from ..application.campaign.coordinate import CampaignTools, RunCampaign
from ..application.campaign.definition import OBJECTIVE, PPO, CampaignDefinition
from ..application.campaign.final import Finished
from ..application.campaign.space import space_of
from ..application.campaign.standing import (
    Standing,
    standing,
)
from ..application.ports.campaign_store import Campaign
from ..application.ports.trial_runner import TrialRunner, WorkOrder
from ..domain.errors import InvalidValue, NotFound, NotRunning
from .campaign_bench import CampaignBench, footprint_of, kept_settings, objective
from .campaign_container import CampaignContainer, runner_for
from .market_data import MarketData
from .settings.campaign import CampaignSection
from .study_report import StudyReport, find_campaign, study_report
from .suggest import did_you_mean

if TYPE_CHECKING:
    from .workspace import Workspace

_YEAR_MS = 365 * 86_400_000


class Studies:
    """The campaigns of a workspace."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def run(
        self,
        study: str,
        data: MarketData | None = None,
        *,
        agent: str = PPO,
        workers: int | None = None,
        resume: bool = False,
        runner: TrialRunner | None = None,
        on_standing: Callable[[Standing], None] = lambda _now: None,
    ) -> StudyReport:
        """Run a campaign to its end, or go on with one.

        Everything else is as in the section ``[campaign]`` of the settings.

        Args:
            study: Its name.
            data: Bars of the lake, whose last part stays unseen; those of ``[training]`` if None.
            agent: ``ppo``, or a rule strategy.
            workers: Processes; as in the settings if None.
            resume: Whether to go on if there is one of that name; more trials may be asked for.
            runner: Where workers run; as in the settings if None: processes of this machine, or a
                Ray cluster.
            on_standing: Called about once a second.

        Raises:
            InvalidValue: If there is one of that name and it is not to be resumed.
            ConfigError: If the settings of the campaign break a rule.
            DataError: If there are too few bars, or they are not those that it was begun with.
            NotRunning: If workers end before they begin, or no Ray cluster answers.
            NotFound: If Ray is asked for and not installed.
        """
        held = find_campaign(self._workspace, study)
        if held is not None and not resume:
            raise InvalidValue(
                f"there is a study {study!r} already",
                mend="go on with it (--resume), or choose another name",
            )
        with self._running(study, runner) as used:
            if held is None:
                self._create(study, agent, data)
            return self._go_on(study, workers, used, on_standing)

    def resume(
        self,
        study: str,
        *,
        workers: int | None = None,
        runner: TrialRunner | None = None,
        trials: int | None = None,
        on_standing: Callable[[Standing], None] = lambda _now: None,
    ) -> StudyReport:
        """Go on with a campaign: nothing that is finished is done again.

        Args:
            study: Its name.
            workers: Processes; as in the settings if None.
            runner: As for :meth:`run`.
            trials: More sets of parameters than before; as in the settings if None.
            on_standing: Called about once a second.

        Raises:
            NotFound: If there is none of that name.
        """
        definition = self._require(study).definition
        if definition.agent == OBJECTIVE and runner is None:
            from ..adapters.campaign.user_function import load_function

            load_function(definition.function)  # what no worker finds is said before they start
        with self._running(study, runner) as used:
            return self._go_on(study, workers, used, on_standing, trials)

    def finish(self, study: str, *, candidates: int = 3) -> Finished:
        """Train the best trial's settings once more, on all but the hold-out, and open that once.

        Args:
            study: Its name.
            candidates: Trainings from different seeds; the one that learnt most is kept.

        Raises:
            NotFound: If there is no such study, or none of its trials has completed.
            NotRunning: If trials are still to be done.
            InvalidValue: If it has been finished before, or ``candidates`` is under 1.
        """
        if candidates < 1:
            raise InvalidValue(
                f"candidates must be 1 or more, was {candidates}", mend="leave it out for 3"
            )
        campaign, report = self._require(study), self.show(study)
        if campaign.definition.agent == OBJECTIVE:
            raise InvalidValue(
                f"study {study} tries a function: there is nothing to train once more",
                mend="call it with the parameters of report.best",
            )
        if report.standing.done < report.standing.trials:
            raise NotRunning(
                f"study {study} has done {report.standing.done} of {report.standing.trials} trials",
                mend=f"mettle study resume {study}",
            )
        if report.best is None:
            raise NotFound(
                f"no trial of study {study} has completed", mend=f"mettle study failures {study}"
            )
        threads = self._workspace.settings.training.threads
        bench = CampaignBench(self._workspace, campaign.definition, threads=threads)
        try:
            with self._workspace.container.claims().hold("study", study):
                return bench.finish()(report.best, candidates)
        finally:
            bench.close()

    def stop(self, study: str) -> None:
        """Ask a campaign's workers, on every machine, to lay down their work.

        Raises:
            NotFound: If there is none of that name.
        """
        self._require(study)
        parts = CampaignContainer(resolved=self._workspace.resolved)
        try:
            parts.store().request_stop(study, wanted=True)
        finally:
            parts.shutdown_resources()

    def list(self) -> Sequence[Standing]:
        """Return where every campaign stands, oldest first."""
        parts = CampaignContainer(resolved=self._workspace.resolved)
        try:
            store, now = parts.store(), self._workspace.container.clock().now_ms()
            return [
                standing(one.definition, store.attempts(one.definition.study), now)
                for one in store.campaigns()
            ]
        finally:
            parts.shutdown_resources()

    def show(self, study: str) -> StudyReport:
        """Return a campaign with its verdict.

        Raises:
            NotFound: If there is none of that name.
        """
        return study_report(self._workspace, self._require(study))

    def begin(self, definition: CampaignDefinition) -> None:
        """Write down a campaign that is defined elsewhere; ``resume`` runs it.

        Raises:
            InvalidValue: If there is one of that name.
        """
        bench = CampaignBench(self._workspace, definition)
        try:
            bench.parts.store().create(definition, self._workspace.container.clock().now_ms())
        finally:
            bench.close()

    def _create(self, study: str, agent: str, data: MarketData | None) -> None:
        workspace = self._workspace
        settings, chosen = workspace.settings, workspace.settings.campaign
        space_of(agent)
        if data is None:
            first, last = settings.training.milliseconds
            data = workspace.data.get(start=first, stop=last)
        definition = CampaignDefinition(
            study=study,
            agent=agent,
            symbols=data.symbols,
            timeframe=data.timeframe,
            start_ms=data.start_ms,
            stop_ms=data.stop_ms,
            data_hash=data.window.data_hash,
            seed=settings.training.seed,
            settings=kept_settings(settings),
            trials=chosen.trials,
            objectives=chosen.objectives,
            folds=chosen.folds,
            holdout=chosen.holdout,
            prune=chosen.prune,
            retries=chosen.retries,
            deaths=chosen.deaths,
            time_limit_s=chosen.time_limit,
        )
        objective(workspace, definition, data)  # what cannot be judged is not begun
        bench = CampaignBench(workspace, definition)
        try:
            bench.data()  # workers read the bars from the lake
            bench.parts.store().create(definition, workspace.container.clock().now_ms())
        finally:
            bench.close()

    def _go_on(
        self,
        study: str,
        workers: int | None,
        runner: TrialRunner,
        on_standing: Callable[[Standing], None],
        trials: int | None = None,
    ) -> StudyReport:
        workspace, held = self._workspace, self._require(study)
        chosen = workspace.settings.campaign
        slots, definition = workers or chosen.workers, held.definition
        if "campaign.trials" in workspace.resolved.origins:
            trials = trials or chosen.trials
        definition = replace(definition, trials=max(definition.trials, trials or 0))
        bench = CampaignBench(workspace, definition)
        try:
            bench.check()
            store = bench.parts.store()
            store.extend(study, definition)
            store.request_stop(study, wanted=False)
            order = WorkOrder(
                home=workspace.home,
                config=workspace.resolved.places.config,
                study=study,
                worker="",
                lease_s=chosen.lease,
                threads=_threads(chosen, slots),
                settings=workspace.settings.model_dump(mode="json", by_alias=True),
            )
            tools = CampaignTools(
                store,
                bench.parts.book(),
                bench.keeper(),
                bench.publisher(),
                runner,
                workspace.container.clock(),
                workspace.container.ids(),
            )
            run = RunCampaign(tools, definition, order, slots, on_standing)
            with workspace.container.claims().hold("study", study):
                run(footprint_of(definition, bench.workspace.settings))
        finally:
            bench.close()
        return self.show(study)

    @contextmanager
    def _running(self, study: str, given: TrialRunner | None) -> Iterator[TrialRunner]:
        """Give a runner before anything is written down; close it however things end."""
        runner = given or runner_for(self._workspace.resolved, study)
        try:
            yield runner
        finally:
            runner.close()

    def _require(self, study: str) -> Campaign:
        found = find_campaign(self._workspace, study)
        if found is None:
            names = [one.study for one in self.list()]
            mend = did_you_mean(study, names, f"studies: {', '.join(names) or 'none yet'}")
            raise NotFound(f"there is no study {study!r}", mend=mend)
        return found


def _threads(chosen: CampaignSection, slots: int) -> int:
    if chosen.runner == "ray":
        return chosen.ray_cpus
    return max(1, (os.cpu_count() or 1) // slots)
