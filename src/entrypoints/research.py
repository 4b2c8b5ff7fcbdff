"""Research on the workspace's models and strategies: ``workspace.research``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from ..application.backtest import (
    BacktestRequest,
    BacktestResult,
    GapPolicy,
    Provenance,
    WalkForward,
    cost_profile,
    run_walk_forward,
)
from ..application.campaign.definition import OBJECTIVE, PPO
from ..application.campaign.records import AttemptStatus, TrialAttempt
from ..application.campaign.space import rule_text
from ..application.features.lookahead import Leak, find_lookahead
from ..application.ports.agent import Agent
from ..application.research import (
    CrossValidation,
    DecisionLeak,
    Ground,
    StressResult,
    StressTools,
    SweepResult,
    Tools,
    best_on,
    cross_validate,
    expand_grid,
    find_decision_leaks,
    judge_returns,
    mean_agreement,
    run_stress,
    run_sweep,
    slowest,
    trial_returns,
)
from ..application.strategies.registry import STRATEGIES
from ..domain.errors import InvalidValue, NotFound
from ..domain.performance.selection import (
    CombinatorialPurged,
    Span,
    StudyVerdict,
    lower_bounds,
    top_by_lower_bound,
)
from ..domain.signals.features import FeatureSet
from .campaign_container import CampaignContainer
from .market_data import MarketData
from .retraining import retrainer

if TYPE_CHECKING:
    from ..application.learning.manifest import PolicyManifest
    from .results import Model
    from .workspace import Workspace

Grid = Mapping[str, Sequence[int | bool | str]]


@dataclass(frozen=True, slots=True)
class Validation:
    """A cross-validation and what it is worth.

    Attributes:
        verdict: On the grid's members over the same bars; of a model on its median path.
        members: Agents between which each split chose; 1 for a model, trained anew in each.
    """

    result: CrossValidation
    verdict: StudyVerdict
    members: int


@dataclass(frozen=True, slots=True)
class LookaheadReport:
    """What knew the future.

    Attributes:
        features: Columns that were tested.
        leaks: Features that changed when later bars were taken away.
        decisions: Decisions of the agent that did.
    """

    features: tuple[str, ...]
    leaks: tuple[Leak, ...]
    decisions: tuple[DecisionLeak, ...]

    @property
    def clean(self) -> bool:
        """Whether nothing knew the future."""
        return not self.leaks and not self.decisions


@dataclass(frozen=True, slots=True)
class EnsembleReport:
    """The best of a study as one agent.

    Attributes:
        name: By which it can be backtested and traded: the members joined by ``+``.
        members: Names, best first.
        bounds: Lower bound of each one's Sharpe ratio, per bar.
        agreement: Mean over the study's bars, in 0 … 1; None where it is undefined.
    """

    name: str
    members: tuple[str, ...]
    bounds: tuple[float, ...]
    agreement: float | None


class Research:
    """Is it luck, does it know the future, does it survive trouble?"""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def cpcv(
        self,
        model: Model | str,
        data: MarketData,
        *,
        grid: Grid | None = None,
        groups: int = 6,
        tested: int = 2,
        horizon: int | None = None,
        embargo: int | None = None,
        frames: int | None = None,
        trials: int | None = None,
        costs: str | None = None,
        on_progress: Callable[[int, int], None] = lambda _done, _all: None,
    ) -> Validation:
        """Cross-validate: combinatorial, purged, every path out of sample.

        A strategy chooses in each split the grid's member with the best Sharpe ratio in training; a
        model is trained anew on the training blocks, with the settings of its own training.

        Args:
            model: A model, its name, or a strategy.
            data: The bars; history before them warms the indicators up.
            grid: Values of a strategy's parameters.
            groups, tested: N and k.
            horizon: Bars purged before a test; a model's episode length, else 1.
            embargo: Bars left out after a test beyond the features' look-back; 1 % if None.
            frames: Environment steps of each training; the model's own if None.
            trials: Trials ever started on these bars; the grid's members if None.
            costs: A cost profile; that of the settings if None.
            on_progress: Told how many of how many splits are done.

        Raises:
            DataError: If the period is too short: splits that keep under half of their training
                bars are refused with advice.
            InvalidValue: If a grid is given for a model.
        """
        agents, manifest = self._members(model, grid)
        ground = self._ground(model, data, agents, costs)
        bars = ground.stop - ground.first
        if horizon is None:
            horizon = manifest.episode_length if manifest is not None else 1
        plan = CombinatorialPurged(
            groups,
            tested,
            horizon,
            max(ground.lookback(one) for one in agents),
            bars // 100 if embargo is None else embargo,
        )
        plan.splits(ground.first, ground.stop)  # refuse before hours of work
        fit = best_on(ground, agents)
        if manifest is not None:
            fit = retrainer(self._workspace, manifest, ground, frames)
        result = cross_validate(ground, plan, fit, on_progress)
        if manifest is None:
            table = trial_returns(ground, agents, plan.group_spans(ground.first, ground.stop))
        else:
            table = result.median_path.returns[:, None]
        started = max(table.shape[1], trials or 0)
        return Validation(result, judge_returns(ground, table, started), len(agents))

    def sweep(
        self,
        strategy: str,
        data: MarketData,
        *,
        grid: Grid | None = None,
        trials: int | None = None,
        costs: str | None = None,
    ) -> SweepResult:
        """Play every pair of averages of ``ema-cross`` over one market, all at once.

        Trades and money are those of a backtest of each; memory does not grow with pairs × bars.
        The best of many is selected, so it is judged against the best that luck would show.

        Args:
            strategy: ``ema-cross``.
            data: The bars of one symbol; history before them warms the averages up.
            grid: Values of ``fast``, ``slow`` and ``allow_short``; pairs whose fast average is not
                the faster are left out.
            trials: Rules ever tried on these bars; those of the sweep if None.
            costs: A cost profile; that of the settings if None.

        Raises:
            DataError: If the period is too short or has gaps that the settings refuse.
            InvalidValue: If the strategy is another, or there are several symbols.
        """
        agents, _ = self._members(strategy, grid)
        rules, longest = slowest(agents)
        ground = self._ground(strategy, data, [longest], costs)
        return run_sweep(ground, rules, self._workspace.container.sweep_engine(), trials)

    def walk_forward(
        self,
        model: Model | str,
        data: MarketData,
        *,
        plan: WalkForward,
        grid: Grid | None = None,
        frames: int | None = None,
        costs: str | None = None,
    ) -> BacktestResult:
        """Choose or train anew before each window, and judge the joined windows.

        Args:
            model: A model, its name, or a strategy.
            data: The bars.
            plan: Lengths of training and test, purge and embargo.
            grid: Values of a strategy's parameters.
            frames: Environment steps of each training; the model's own if None.
            costs: A cost profile; that of the settings if None.
        """
        agents, manifest = self._members(model, grid)
        ground = self._ground(model, data, agents, costs)
        request = self._request(model, data, costs)
        fit = best_on(ground, agents)
        if manifest is not None:
            fit = retrainer(self._workspace, manifest, ground, frames)

        def retrain(start: int, stop: int) -> tuple[Agent, Provenance]:
            opens = ground.panel.open_time
            seen = Provenance("", int(opens[start]), int(opens[stop - 1]) + 1)
            return fit((Span(start, stop),)), seen

        first = int(ground.panel.open_time[ground.first])
        request = replace(request, agent=agents[0], start_ms=first)
        parts = self._tools()
        return run_walk_forward(
            request, plan, parts.features, parts.engine, parts.randomness, retrain
        )

    def stress(
        self,
        model: Model | str,
        data: MarketData,
        scenarios: Sequence[str] = (),
        *,
        costs: str | None = None,
        allow_overlap: bool = False,
    ) -> tuple[StressResult, ...]:
        """Backtest under trouble: dearer, crashing, jumping, broken and generated markets.

        Args:
            scenarios: Names; all if none. The first result is the period as it was.
            allow_overlap: Accept bars that the model was trained on.
        """
        request = replace(
            self._request(model, data, costs, allow_overlap=allow_overlap),
            gaps=GapPolicy(self._workspace.settings.backtest.gaps),
        )
        tools = StressTools(self._tools(), self._workspace.container.synthetic())
        return run_stress(request, tools, scenarios)

    def lookahead(
        self, model: Model | str | None, data: MarketData, *, cuts: int = 16
    ) -> LookaheadReport:
        """Test whether features and decisions at a bar change when later bars are taken away.

        Args:
            model: A model, its name or a strategy; the settings' features alone if None.
            cuts: How many times the bars are cut short.
        """
        parts, panel = self._tools(), data.with_history
        if model is None:
            features: FeatureSet = self._workspace.settings.training.feature_set()
            leaks = find_lookahead(parts.features, panel, features, cuts)
            return LookaheadReport(features.names, leaks, ())
        agent = self._workspace.agent(model).agent
        leaks = find_lookahead(parts.features, panel, agent.feature_set, cuts)
        request = self._request(model, data, None, allow_overlap=True)
        ground = Ground.of(request, [agent], parts)
        decisions = find_decision_leaks(ground, agent, cuts)
        return LookaheadReport(agent.feature_set.names, leaks, decisions)

    def ensemble(self, study: str, count: int = 3, level: float = 0.9) -> EnsembleReport:
        """Join the trials of a study whose Sharpe ratio has the best lower bound.

        Args:
            study: A campaign.
            count: Members, at least 2.
            level: Confidence of the bound, one-sided.

        Raises:
            NotFound: If there is no such study, or fewer than two of its trials traded.
            InvalidValue: If the study tries a function, whose trials are no agents.
        """
        report = self._workspace.studies.show(study)
        if report.definition.agent == OBJECTIVE:
            raise InvalidValue(
                f"study {study} tries a function: its trials are no agents to be joined",
                mend="name a study of models or of a rule strategy (mettle study list)",
            )
        done = [one for one in report.trials if one.status is AttemptStatus.COMPLETED]
        parts = CampaignContainer(resolved=self._workspace.resolved)
        try:
            columns = [parts.files().read_result(one)[0] for one in done]
        finally:
            parts.shutdown_resources()
        table = np.stack(columns, axis=1) if columns else np.empty((2, 0))
        chosen = top_by_lower_bound(table, count, level)
        if len(chosen) < 2:
            raise NotFound(
                f"{len(chosen)} completed trials of {study} traded, an ensemble needs 2",
                mend="run more trials",
            )
        names = tuple(trial_name(report.definition.agent, done[one]) for one in chosen)
        bounds = lower_bounds(table, level)
        definition = report.definition
        data = self._workspace.data.get(definition.symbols, definition.timeframe).between(
            definition.start_ms, definition.stop_ms
        )
        agents = [self._workspace.agent(one).agent for one in names]
        ground = self._ground("+".join(names), data, agents, None)
        return EnsembleReport(
            "+".join(names),
            names,
            tuple(float(bounds[one]) for one in chosen),
            mean_agreement(ground, agents),
        )

    def _members(
        self, model: Model | str, grid: Grid | None
    ) -> tuple[tuple[Agent, ...], PolicyManifest | None]:
        chosen = self._workspace.agent(model)
        if not grid:
            return (chosen.agent,), chosen.manifest
        if not isinstance(model, str) or model not in STRATEGIES:
            raise InvalidValue(
                f"{model!r} has no grid: one belongs to a strategy without parameters of its own",
                mend=f"use one of {', '.join(STRATEGIES)}",
            )
        return expand_grid(model, grid), None

    def _request(
        self,
        model: Model | str,
        data: MarketData,
        costs: str | None,
        *,
        allow_overlap: bool = False,
    ) -> BacktestRequest:
        return self._workspace.trial(model, data, costs=costs, allow_overlap=allow_overlap)

    def _ground(
        self, model: Model | str, data: MarketData, agents: Sequence[Agent], costs: str | None
    ) -> Ground:
        # A model is trained anew: what its own training saw is no matter here.
        request = replace(self._request(model, data, costs), provenance=Provenance())
        if costs is not None:
            request = replace(request, costs=cost_profile(costs))
        return Ground.of(request, agents, self._tools())

    def _tools(self) -> Tools:
        parts = self._workspace.container
        return Tools(parts.features(), parts.engine(), parts.randomness())


def trial_name(agent: str, trial: TrialAttempt) -> str:
    """Return the name by which a completed trial can be traded: a model's, or a rule's."""
    if agent == PPO:
        return trial.lineage
    return rule_text(agent, trial.parameters)
