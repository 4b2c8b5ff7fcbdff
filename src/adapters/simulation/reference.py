"""ReferenceEngine: the backtest in plain Python, slow and exact."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray

from ...application.market import MarketPanel, asset_terms
from ...application.market.row import panel_rows
from ...application.ports.agent import Agent
from ...application.ports.backtest_engine import FILL_DTYPE, EngineRun
from ...application.ports.feature_builder import FeatureTable
from ...domain.errors import DataError, InvalidValue
from ...domain.simulation import (
    Account,
    RewardState,
    SimulatedFill,
    SimulationSettings,
    StepResult,
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


def checked(agent: Agent, decided: NDArray[np.float32], assets: int) -> NDArray[np.float32]:
    """Return an agent's answer if it is what an engine can play.

    Raises:
        InvalidValue: If it is not float32 of shape (A,).
    """
    if decided.dtype != np.float32 or decided.shape != (assets,):
        raise InvalidValue(
            f"{agent.name} must answer with float32 of shape ({assets},), "
            f"was {decided.dtype} {decided.shape}"
        )
    return decided


class _Recording:
    """What a run leaves behind."""

    def __init__(self, marks: int, assets: int, cash: int) -> None:
        self.equity = np.full(marks, cash, dtype=np.int64)
        self.cash = np.full(marks, cash, dtype=np.int64)
        self.lots = np.zeros((marks, assets), dtype=np.int64)
        self.actions = np.full((marks - 1, assets), np.nan, dtype=np.float32)
        self.funding = np.zeros((marks - 1, assets), dtype=np.int64)
        self.fills: list[tuple[int, SimulatedFill]] = []

    def mark(self, row: int, bar: int, account: Account, result: StepResult) -> None:
        """Write down one step; ``bar`` is the one it ended with."""
        self.funding[row] = result.funding
        self.fills += [(bar, fill) for fill in result.fills]
        # After a ruin nothing else is written: the marks stay where it left them.
        marked = slice(row + 1, None if result.ruined else row + 2)
        self.equity[marked] = result.equity
        self.cash[marked] = account.cash
        self.lots[marked] = account.lots


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
        """See :class:`~mettle.application.ports.backtest_engine.BacktestEngine`.

        Raises:
            DataError: If the stretch is too short or begins before the warm-up.
            InvalidValue: If an amount leaves 64 bits, or the agent's answer is not float32 of
                shape (A,).
        """
        check_stretch(panel, features, agent, start, stop)
        account = Account.opened(asset_terms(panel), settings.initial_cash)
        memory = RewardState(settings.initial_cash)
        kept = _Recording(stop - start, len(panel.instruments), settings.initial_cash)
        ruined_at = -1
        rows = (row.bars for row in panel_rows(panel, start, stop, settings.maker_wait))
        for row, (now, following) in enumerate(itertools.pairwise(rows)):
            bar = start + row
            seen = portfolio_part(account, [one.close for one in now])
            window = features.values[bar - agent.window + 1 : bar + 1]
            decided = agent.decide(window, np.array(seen, dtype=np.float32))
            kept.actions[row] = checked(agent, decided, len(now))
            actions = kept.actions[row].tolist()
            result = advance(account, memory, actions, (now, following), settings)
            account.check_identity([one.close for one in following])
            kept.mark(row, bar + 1, account, result)
            if result.ruined:
                ruined_at = bar + 1
                break
        return EngineRun(
            start,
            stop,
            kept.equity,
            kept.cash,
            kept.lots,
            kept.actions,
            kept.funding,
            pack_fills(kept.fills),
            ruined_at,
        )
