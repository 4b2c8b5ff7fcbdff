"""All figures of one record, each with its interval and its sample."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from .figure import Figure
from .intervals import BootstrapPlan, plan_bootstrap
from .record import Record
from .return_figures import ReturnFigures, return_figures
from .returns import simple_returns
from .trade_figures import TradeFigures, trade_figures

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class DrawPlan:
    """How many random numbers :func:`measure` wants; None where there is too little to resample."""

    returns: BootstrapPlan | None
    trades: BootstrapPlan | None


@dataclass(frozen=True, slots=True)
class Draws:
    """Uniforms for the bootstrap, shape (R, plan.draws, 2) each; None leaves intervals out."""

    returns: FloatArray | None = None
    trades: FloatArray | None = None


@dataclass(frozen=True, slots=True)
class Metrics:
    """Every figure of one record.

    Attributes:
        bars: Number of returns.
        trades: Number of closed trades; shown wherever a ratio is.
        days: Length of the record.
        annualised: False under 30 days: Sharpe, Sortino and volatility are then per bar.
        level: Coverage of the intervals.
    """

    bars: int
    trades: int
    days: float
    annualised: bool
    level: float
    returns: ReturnFigures
    activity: TradeFigures

    def figures(self) -> dict[str, Figure]:
        """Return every figure by name, in the order of the report."""
        return {
            one.name: getattr(group, one.name)
            for group in (self.returns, self.activity)
            for one in fields(group)
        }

    def to_dict(self) -> dict[str, object]:
        """Return plain values for JSON."""
        return {
            "bars": self.bars,
            "trades": self.trades,
            "days": self.days,
            "annualised": self.annualised,
            "level": self.level,
            "figures": {name: figure.to_dict() for name, figure in self.figures().items()},
        }


def plan_draws(record: Record) -> DrawPlan:
    """Return the random numbers that a record's intervals need."""
    return DrawPlan(
        plan_bootstrap(simple_returns(record.nav)),
        plan_bootstrap(record.trades["net"].astype(np.float64)),
    )


def measure(
    record: Record, plan: DrawPlan | None = None, draws: Draws | None = None, level: float = 0.9
) -> Metrics:
    """Return every figure of a record.

    Args:
        record: What was observed.
        plan: Of :func:`plan_draws`; needed with ``draws``.
        draws: Uniforms for the intervals; without them figures carry the reason instead.
        level: Coverage of the intervals, both tails equal.
    """
    plan = plan or DrawPlan(None, None)
    draws = draws or Draws()
    return Metrics(
        bars=record.nav.size - 1,
        trades=len(record.trades),
        days=record.days,
        annualised=record.annualised,
        level=level,
        returns=return_figures(record, plan.returns, draws.returns, level),
        activity=trade_figures(record, plan.trades, draws.trades, level),
    )
