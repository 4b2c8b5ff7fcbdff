"""The ground on which agents are compared: one panel, one set of costs, the same bars for all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from ...domain.performance import nav_per_unit, simple_returns, trade_table
from ...domain.performance.selection import Span
from ...domain.simulation.settings import SimulationSettings
from ..backtest.close_out import close_out
from ..backtest.request import BacktestRequest, choose_period
from ..backtest.run import with_costs
from ..market import MarketPanel
from ..ports.agent import Agent
from ..ports.backtest_engine import BacktestEngine, EngineRun
from ..ports.feature_builder import FeatureBuilder, FeatureTable
from ..ports.randomness import Randomness

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Tools:
    """The ports that research needs."""

    features: FeatureBuilder
    engine: BacktestEngine
    randomness: Randomness


@dataclass(frozen=True, slots=True)
class Played:
    """One block from flat to flat.

    Attributes:
        returns: From mark to mark, costs of getting in and out included; of n bars n − 1.
        trades: Closed in it.
    """

    returns: FloatArray
    trades: int


@dataclass(frozen=True, slots=True)
class Ground:
    """Bars ``[first, stop)`` of a panel that every agent can decide on, with costs applied.

    Attributes:
        warnings: What is doubtful about the period.
    """

    panel: MarketPanel
    settings: SimulationSettings
    first: int
    stop: int
    tools: Tools
    resamples: int = 1000
    level: float = 0.9
    warnings: tuple[str, ...] = ()
    _tables: dict[str, FeatureTable] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(cls, request: BacktestRequest, agents: Sequence[Agent], tools: Tools) -> Ground:
        """Find the bars at which all agents are past their warm-up.

        Raises:
            DataError: If they are too few, or have gaps that the request refuses.
            InvalidValue: If they overlap with an agent's training.
        """
        request = with_costs(request)
        tables: dict[str, FeatureTable] = {}
        first, stop = 0, len(request.panel)
        warnings: tuple[str, ...] = ()
        for agent in agents:
            key = agent.feature_set.hash
            if key not in tables:
                tables[key] = tools.features.table(request.panel, agent.feature_set)
            period = choose_period(replace(request, agent=agent), tables[key])
            if period.start >= first:
                first, stop, warnings = period.start, period.stop, period.warnings
        return cls(
            request.panel,
            request.settings,
            first,
            stop,
            tools,
            request.resamples,
            request.level,
            warnings,
            tables,
        )

    @property
    def bars_per_year(self) -> float:
        """Annualises: 365 days of bars."""
        return 365.0 * float(self.panel.timeframe.bars_per_day)

    def table(self, agent: Agent) -> FeatureTable:
        """Return the features of an agent over the whole panel, computed once a set."""
        key = agent.feature_set.hash
        if key not in self._tables:
            self._tables[key] = self.tools.features.table(self.panel, agent.feature_set)
        return self._tables[key]

    def lookback(self, agent: Agent) -> int:
        """Return how many bars back an agent's decision at a bar reaches."""
        return self.tools.features.warmup(agent.feature_set) + agent.window - 1

    def play(self, agent: Agent, span: Span) -> Played:
        """Play an agent over ``span`` alone: begun flat, sold out at its last close."""
        run = self._run(agent, span)
        trades = trade_table(run.fills, self.panel.unit_values)
        return Played(simple_returns(nav_per_unit(run.equity)), len(trades))

    def returns(self, agent: Agent, span: Span) -> FloatArray:
        """Return what :meth:`play` returns of it, without counting trades."""
        return simple_returns(nav_per_unit(self._run(agent, span).equity))

    def actions(self, agent: Agent, span: Span) -> NDArray[np.float32]:
        """Return what an agent decides over ``span``, shape (n − 1, A); NaN after a ruin."""
        return self._play(agent, span).actions

    def _run(self, agent: Agent, span: Span) -> EngineRun:
        return close_out(self._play(agent, span), self.panel, self.settings)

    def _play(self, agent: Agent, span: Span) -> EngineRun:
        return self.tools.engine.run(
            self.panel, self.table(agent), agent, self.settings, span.start, span.stop
        )


def trial_returns(ground: Ground, agents: Sequence[Agent], spans: Sequence[Span]) -> FloatArray:
    """Return what each agent earns on identical bars: the spans one after the other, each flat.

    Returns:
        Shape (T, N), T being the bars of the spans less one each.
    """
    columns = [np.concatenate([ground.returns(agent, span) for span in spans]) for agent in agents]
    return np.stack(columns, axis=1)
