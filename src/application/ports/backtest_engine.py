"""Running an agent over history, as a port."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ...domain.simulation.records import FillReason
from ...domain.simulation.settings import SimulationSettings
from ..market import MarketPanel
from .agent import Agent
from .feature_builder import FeatureTable

__all__ = ["FILL_DTYPE", "BacktestEngine", "EngineRun", "FillReason"]

FILL_DTYPE = np.dtype(
    [
        ("bar", "<i8"),  # position in the panel of the bar in which it filled (t + 1)
        ("asset", "<i4"),
        ("side", "<i4"),  # +1 buy, −1 sell
        ("lots", "<i8"),
        ("ticks", "<i8"),
        ("reference", "<i8"),  # ticks before slippage: the open, the stop's base, the limit
        ("fee", "<i8"),  # 1e-8 quote, ≥ 0
        ("realised", "<i8"),  # 1e-8 quote by average cost, before fees
        ("maker", "<i4"),  # 1 maker, 0 taker
        ("reason", "<i4"),  # FillReason
    ]
)


@dataclass(frozen=True, slots=True)
class EngineRun:
    """What an engine saw from decision bar ``start`` to the last mark at ``stop − 1``.

    With n = stop − start bars there are n marks and n − 1 decisions; row i of the marks belongs to
    the close of panel bar ``start + i``.

    Attributes:
        equity: 1e-8 quote, shape (n,), int64; the first is the starting cash.
        cash: 1e-8 quote, shape (n,), int64.
        lots: Positions, shape (n, A), int64.
        actions: As decided, shape (n − 1, A), float32; NaN after a ruin.
        funding: Received (+) or paid (−) from mark to mark, 1e-8, shape (n − 1, A), int64.
        fills: ``FILL_DTYPE`` in order of execution.
        ruined_at: Panel bar of the ruin, or −1. Marks after it stay at the ruined equity.
    """

    start: int
    stop: int
    equity: NDArray[np.int64]
    cash: NDArray[np.int64]
    lots: NDArray[np.int64]
    actions: NDArray[np.float32]
    funding: NDArray[np.int64]
    fills: NDArray[np.void]
    ruined_at: int


class BacktestEngine(Protocol):
    """Plays the market step over history. Adapters: native, reference (plain Python)."""

    def run(
        self,
        panel: MarketPanel,
        features: FeatureTable,
        agent: Agent,
        settings: SimulationSettings,
        start: int,
        stop: int,
    ) -> EngineRun:
        """Decide at the closes of bars ``start … stop − 2``, starting flat.

        ``start`` must leave the agent's window and warm-up before it. Missing bars inside the
        stretch are held through as docs/concepts/market-step.md says.

        Raises:
            DataError: If the stretch is too short or begins before the warm-up.
        """
