"""NativeEngine: the fast backtest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from ... import _native
from ...application.market import MarketPanel
from ...application.ports.agent import Agent, BatchRule
from ...application.ports.backtest_engine import FILL_DTYPE, EngineRun
from ...application.ports.feature_builder import FeatureTable
from ...domain.errors import InvalidValue
from ...domain.simulation.settings import SimulationSettings
from .market_batch import market_data
from .reference import check_stretch


class _Scaler(Protocol):
    def transform(self, values: NDArray[np.float64]) -> NDArray[np.float32]: ...


@runtime_checkable
class NativePolicy(Protocol):
    """An agent whose network the native loop can run by itself."""

    @property
    def network(self) -> _native.Mlp:
        """Observation in, actions out."""

    @property
    def scaler(self) -> _Scaler:
        """What the network's features are scaled with."""


class NativeEngine:
    """Plays the market step in C++; implements ``BacktestEngine``. Thread-safe if the agent is.

    Policies decide inside the native loop, rules that have ``decide_batch`` before it; any other
    agent is called bar by bar.
    """

    def run(
        self,
        panel: MarketPanel,
        features: FeatureTable,
        agent: Agent,
        settings: SimulationSettings,
        start: int,
        stop: int,
    ) -> EngineRun:
        """See :class:`~mettle.application.ports.backtest_engine.BacktestEngine`.

        Raises:
            DataError: If the stretch is too short or begins before the warm-up.
            InvalidValue: If an amount leaves 64 bits, or the agent's answer is not float32 of
                shape (A,).
        """
        check_stretch(panel, features, agent, start, stop)
        # Bars are counted from here: the window's first one.
        origin = start - agent.window + 1
        values = features.values[origin:stop]
        scaled = np.empty((stop - origin, len(panel.instruments), 0), dtype=np.float32)
        decision: Any
        if isinstance(agent, NativePolicy):
            scaled = agent.scaler.transform(values)
            decision = agent.network
        elif isinstance(agent, BatchRule) and agent.window == 1:
            decision = np.ascontiguousarray(agent.decide_batch(values[:-1]))
        else:
            decision = _bar_by_bar(agent, values)
        data = market_data(panel, scaled, origin, stop)
        try:
            found: dict[str, Any] = _native.run_backtest(
                data, settings.to_dict(), start - origin, stop - origin, agent.window, decision
            )
        except (TypeError, ValueError, OverflowError) as error:
            if isinstance(error, InvalidValue):
                raise
            raise InvalidValue(f"cannot backtest {agent.name}: {error}") from error
        fills = np.frombuffer(found.pop("fills"), dtype=FILL_DTYPE).copy()
        fills["bar"] += origin
        ruined_at = found.pop("ruined_at")
        return EngineRun(
            start,
            stop,
            fills=fills,
            ruined_at=ruined_at if ruined_at < 0 else ruined_at + origin,
            **found,
        )


def _bar_by_bar(
    agent: Agent, values: NDArray[np.float64]
) -> Callable[[int, NDArray[np.float32]], NDArray[np.float32]]:
    window = agent.window

    def decide(bar: int, portfolio: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.ascontiguousarray(agent.decide(values[bar - window + 1 : bar + 1], portfolio))

    return decide
