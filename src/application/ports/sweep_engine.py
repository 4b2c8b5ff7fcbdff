"""Running many parameters of one rule over history, as a port."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ...domain.simulation.settings import SimulationSettings
from ..market import MarketPanel
from ..strategies import EmaCross


@dataclass(frozen=True, slots=True)
class SweepFigures:
    """What became of each rule, shape (N,) each; nothing in it grows with the bars.

    Attributes:
        equity: At the last mark, 1e-8 quote, int64.
        fees: Paid, 1e-8 quote, int64.
        fills: Their number, int64.
        ruined_at: Panel bar of the ruin, or −1, int64.
        turnover: Sum of the fills' values, 1e-8 quote, float64.
        mean: Of the simple returns from mark to mark, float64.
        deviation: Of the same, ddof 1, float64.
        drawdown: The deepest, as a share of the peak before it, float64.
    """

    equity: NDArray[np.int64]
    fees: NDArray[np.int64]
    fills: NDArray[np.int64]
    ruined_at: NDArray[np.int64]
    turnover: NDArray[np.float64]
    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]
    drawdown: NDArray[np.float64]


class SweepEngine(Protocol):
    """Plays the market step for many rules at once, with the trades and money of a backtest."""

    def sweep(
        self,
        panel: MarketPanel,
        rules: Sequence[EmaCross],
        settings: SimulationSettings,
        start: int,
        stop: int,
    ) -> SweepFigures:
        """Decide at the closes of bars ``start … stop − 2``, each rule starting flat.

        Raises:
            DataError: If the stretch is too short or begins before the longest warm-up.
            InvalidValue: If the panel has several assets, rules differ in going short, or an
                amount leaves 64 bits.
        """
