"""ReferenceEngine: the backtest in plain Python, slow and exact."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...application.market import MarketPanel, asset_bars, asset_terms
from ...application.ports.agent import Agent
from ...application.ports.backtest_engine import FILL_DTYPE, EngineRun
from ...application.ports.feature_builder import FeatureTable
from ...domain.errors import DataError
from ...domain.simulation import (
    Account,
    RewardState,
    SimulatedFill,
    SimulationSettings,
    advance,
    portfolio_part,
)


def check_stretch(
    panel: MarketPanel, features: FeatureTable, agent: Agent, start: int, stop: int
) -> None:
    """Refuse a stretch that an engine cannot play.

    Raises:
        DataError: If it is too short, leaves the panel, begins before the warm-up, or the
            features are not those that the agent wants.
    """
    if features.feature_set != agent.feature_set:
        raise DataError(f"{agent.name} wants other features than those computed")
    if features.values.shape[:2] != panel.close.shape:
        raise DataError(
            f"features of {features.values.shape[:2]} bars and assets do not belong to a panel "
            f"of {panel.close.shape}"
        )
    if not 0 <= start <= stop - 2 or stop > len(panel):
        raise DataError(
            f"bars {start} … {stop} must hold at least two of the panel's {len(panel)}",
            mend="choose a longer period",
        )
    first = start - agent.window + 1
    if first < 0 or not features.valid[: first + 1].any(axis=0).all():
        raise DataError(
            f"bar {start} lies within the warm-up of {features.warmup} bars and the window of "
            f"{agent.window}",
            mend="start later, or give more history before the start",
        )


def pack_fills(rows: list[tuple[int, SimulatedFill]]) -> NDArray[np.void]:
    """Return (bar, fill) pairs as an array of ``FILL_DTYPE``."""
    packed = [
        (
            bar,
            fill.asset,
            fill.side,
            fill.lots,
            fill.ticks,
            fill.reference,
            fill.fee,
            fill.realised,
            int(fill.maker),
            int(fill.reason),
        )
        for bar, fill in rows
    ]
    return np.array(packed, dtype=FILL_DTYPE)


class ReferenceEngine:
    """Plays the market step bar by bar and proves the equity identity after each.

    For tests and lockstep; thread-safe if the agent is.
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
        """See :class:`~mettle.application.ports.backtest_engine.BacktestEngine`."""
        check_stretch(panel, features, agent, start, stop)
        marks, assets = stop - start, len(panel.instruments)
        account = Account.opened(asset_terms(panel), settings.initial_cash)
        memory = RewardState(settings.initial_cash)
        equity = np.full(marks, settings.initial_cash, dtype=np.int64)
        cash = np.full(marks, settings.initial_cash, dtype=np.int64)
        lots = np.zeros((marks, assets), dtype=np.int64)
        actions = np.full((marks - 1, assets), np.nan, dtype=np.float32)
        funding = np.zeros((marks - 1, assets), dtype=np.int64)
        fills: list[tuple[int, SimulatedFill]] = []
        ruined_at = -1
        now = asset_bars(panel, start, settings.maker_wait)
        for row in range(marks - 1):
            if ruined_at < 0:
                bar = start + row
                following = asset_bars(panel, bar + 1, settings.maker_wait)
                seen = portfolio_part(account, [one.close for one in now])
                actions[row] = agent.decide(
                    features.values[bar - agent.window + 1 : bar + 1],
                    np.array(seen, dtype=np.float32),
                )
                result = advance(account, memory, actions[row].tolist(), (now, following), settings)
                account.check_identity([one.close for one in following])
                fills += [(bar + 1, fill) for fill in result.fills]
                funding[row] = result.funding
                ruined_at = bar + 1 if result.ruined else -1
                now = following
            cash[row + 1] = account.cash
            lots[row + 1] = account.lots
            equity[row + 1] = account.equity([one.close for one in now])
        return EngineRun(
            start, stop, equity, cash, lots, actions, funding, pack_fills(fills), ruined_at
        )
