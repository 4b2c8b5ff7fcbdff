"""What a campaign is made of on this machine: its tools, and the objective of its trials."""

from __future__ import annotations

import math
from dataclasses import replace
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from ..application.backtest import GapPolicy
from ..application.campaign.definition import OBJECTIVE, PPO, CampaignDefinition
from ..application.campaign.final import FinalTools, FinishStudy
from ..application.campaign.keeper import Keeper
from ..application.campaign.objective import (
    Bench,
    Objective,
    WalkForwardObjective,
    check_gaps,
    walk_forward_windows,
)
from ..application.campaign.ppo import PpoMaker
from ..application.campaign.publish import Publisher
from ..application.campaign.records import Footprint
from ..application.campaign.registering import RegistryRegister
from ..application.campaign.remedy import Remedies
from ..application.campaign.rules import RuleMaker
from ..application.campaign.space import rule_agent, widest
from ..application.campaign.worker import Beating, WorkerTools
from ..application.ports.trainer import TrainingJob
from ..domain.errors import DataError
from ..domain.market import Timeframe
from ..domain.signals.features import FeatureSet
from .campaign_container import CampaignContainer, studies_place
from .market_data import MarketData
from .settings import Settings

if TYPE_CHECKING:
    from ..adapters.campaign.user_function import UserFunction
    from .workspace import Workspace

SECTIONS = ("market", "simulation", "training", "backtest")
"""What a result depends on; the other sections are the machine's own."""

_YEAR_MS = 365 * 86_400_000


def kept_settings(settings: Settings) -> dict[str, Any]:
    """Return the sections that a campaign keeps."""
    dumped = settings.model_dump(mode="json", by_alias=True)
    return {name: dumped[name] for name in SECTIONS}


def footprint_of(definition: CampaignDefinition, settings: Settings) -> Footprint:
    """Return the footprint of a trial's first attempt."""
    if definition.agent == OBJECTIVE:
        from ..adapters.campaign.user_objective import WHOLE

        return WHOLE
    ppo = settings.training.ppo
    return Footprint(ppo.environments, ppo.batch_size)


class CampaignBench:
    """A campaign's parts over a workspace whose settings are those of the campaign.

    Args:
        threads: Of native code, 0 is as many as there are cores; no result depends on it.
    """

    def __init__(
        self, workspace: Workspace, definition: CampaignDefinition, *, threads: int = 0
    ) -> None:
        values = workspace.settings.model_dump(mode="json", by_alias=True)
        values.update(definition.settings)
        values["training"] = {**values["training"], "threads": threads}
        merged = Settings.model_validate(values)
        self.workspace = type(workspace)(replace(workspace.resolved, settings=merged))
        self.definition = definition
        self.parts = CampaignContainer(resolved=self.workspace.resolved)

    def close(self) -> None:
        """Release databases."""
        self.parts.shutdown_resources()
        self.workspace.close()

    def keeper(self) -> Keeper:
        """Return what tries failed attempts again."""
        rollout = self.workspace.settings.training.ppo.rollout
        remedies = Remedies(self.definition, rollout)
        return Keeper(self.parts.store(), remedies, self.workspace.container.clock())

    def publisher(self) -> Publisher:
        """Return what tells study and registry."""
        parts = self.parts
        code = version("mettle-trader")
        if self.definition.function:
            from ..adapters.campaign.user_function import source_hash

            code = f"{code}+{source_hash(self.definition.function)}"
        register = RegistryRegister(parts.registry(), _annual(self.definition), code)
        return Publisher(parts.store(), parts.book(), parts.files(), register, self.definition)

    def tools(self, beating: Beating, lease_s: float) -> WorkerTools:
        """Return what a worker works with."""
        return WorkerTools(
            definition=self.definition,
            store=self.parts.store(),
            book=self.parts.book(),
            files=self.parts.files(),
            keeper=self.keeper(),
            publisher=self.publisher(),
            clock=self.workspace.container.clock(),
            beating=beating,
            lease_s=lease_s,
        )

    def data(self) -> MarketData:
        """Return the campaign's bars.

        Raises:
            DataError: If the lake holds other ones than the campaign was begun with.
        """
        asked = self.definition
        data = self.workspace.data.get(
            list(asked.symbols), asked.timeframe, start=asked.start_ms, stop=asked.stop_ms
        )
        if data.window.data_hash != asked.data_hash:
            raise DataError(
                f"the bars of study {asked.study} have changed since it was begun",
                mend="begin another study, or bring the earlier bars back",
            )
        return data

    def check(self) -> None:
        """Refuse what could not be worked on.

        Raises:
            MettleError: As :meth:`data`; of a function nothing can be told before it is called.
        """
        if self.definition.agent != OBJECTIVE:
            self.data()

    def objective(self) -> Objective:
        """Return what judges a trial.

        Raises:
            MettleError: If bars, or a user's function, are not where and what they were.
        """
        if self.definition.agent == OBJECTIVE:
            from ..adapters.campaign.user_function import load_function

            return self.user_objective(load_function(self.definition.function))
        return objective(self.workspace, self.definition, self.data())

    def user_objective(self, function: UserFunction) -> Objective:
        """Return what judges a trial by a user's function."""
        from ..adapters.campaign.optuna_book import OptunaBook
        from ..adapters.campaign.user_objective import UserObjective

        return UserObjective(function, OptunaBook(studies_place(self.workspace.resolved)))

    def finish(self) -> FinishStudy:
        """Return what trains the study's choice once more and opens the hold-out."""
        workspace, definition, data = self.workspace, self.definition, self.data()
        tools = FinalTools(
            request=replace(workspace.trial("buy-and-hold", data), panel=data.window),
            first=_warmup(workspace, definition),
            bench=_bench(workspace),
            maker=_maker(workspace, definition, data),
            registry=self.parts.registry(),
            clock=workspace.container.clock(),
            annual=_annual(definition),
            code_version=version("mettle-trader"),
            folder=workspace.resolved.runs / definition.study,
        )
        return FinishStudy(definition, tools)


def objective(workspace: Workspace, definition: CampaignDefinition, data: MarketData) -> Objective:
    """Return what judges a trial on these bars.

    Raises:
        DataError: If they are too few, or have gaps that the settings refuse.
    """
    panel = data.window
    request = replace(workspace.trial("buy-and-hold", data), panel=panel)
    warmup = _warmup(workspace, definition)
    purge = 0 if definition.agent != PPO else 1  # the last reward looks one bar ahead
    windows = walk_forward_windows(len(panel), warmup, definition, purge=purge)
    check_gaps(
        panel,
        windows,
        trained=definition.agent == PPO and workspace.settings.training.gaps == "refuse",
        judged=request.gaps is GapPolicy.REFUSE,
    )
    maker = _maker(workspace, definition, data)
    return WalkForwardObjective(request, windows, maker, _bench(workspace))


def _warmup(workspace: Workspace, definition: CampaignDefinition) -> int:
    """Return the bars before the first that any trial may decide at."""
    features = _widest_features(definition, workspace.settings)
    return workspace.container.features().warmup(features) + workspace.settings.training.window


def _bench(workspace: Workspace) -> Bench:
    container = workspace.container
    return Bench(container.features(), container.engine(), container.randomness())


def _annual(definition: CampaignDefinition) -> float:
    """Return √(bars a year); 1 where there are no bars."""
    if not definition.timeframe:
        return 1.0
    return math.sqrt(_YEAR_MS / Timeframe.parse(definition.timeframe).milliseconds)


def _widest_features(definition: CampaignDefinition, settings: Settings) -> FeatureSet:
    """Return the features that need the longest warm-up of all trials."""
    if definition.agent == PPO:
        return settings.training.feature_set()
    return rule_agent(definition.agent, widest(definition.agent)).feature_set


def _maker(
    workspace: Workspace, definition: CampaignDefinition, data: MarketData
) -> PpoMaker | RuleMaker:
    if definition.agent != PPO:
        return RuleMaker(definition.agent)
    from ..adapters.learning.policy_agent import PolicyAgent

    container, chosen = workspace.container, workspace.settings.training
    job = TrainingJob(
        name=definition.study,
        panel=data.window,
        feature_set=chosen.feature_set(),
        settings=workspace.settings.simulation.to_domain(),
        folder=workspace.resolved.runs,
        frames=chosen.frames,
        seed=definition.seed,
        ppo=chosen.ppo.to_domain(),
        window=chosen.window,
        observations=chosen.observations,
        episode_length=chosen.episode_length,
        checkpoint_every=chosen.checkpoint_every or max(1, chosen.frames // 20),
        threads=chosen.threads,
        gaps=chosen.gaps,
    )
    folds = definition.folds
    return PpoMaker(job, container.train_model(), container.artefacts(), PolicyAgent, folds)
