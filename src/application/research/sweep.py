"""A sweep: every pair of a rule's averages on the same bars, and what the best is worth."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...domain.errors import InvalidValue
from ...domain.market import CASH_SCALE
from ...domain.performance.probabilistic import deflated_sharpe, expected_best_sharpe
from ...domain.performance.sample import Sample
from ...domain.performance.selection import Span
from ..ports.agent import Agent
from ..ports.sweep_engine import SweepEngine, SweepFigures
from ..strategies import EmaCross
from .ground import Ground

_FLAT = 1e-12


@dataclass(frozen=True, slots=True)
class SweepRow:
    """One rule of a sweep; money in the quote currency, as exact decimal text.

    Attributes:
        name: Such as ``ema-cross-12-26``.
        sharpe: Per year, None where the returns do not vary.
        turnover: Sum of the fills' values.
        ruined: Whether the account was closed out at the level of ruin.
    """

    name: str
    fast: int
    slow: int
    total_return: float
    sharpe: float | None
    max_drawdown: float
    fills: int
    equity: str
    fees: str
    turnover: float
    ruined: bool


@dataclass(frozen=True, slots=True)
class SweepResult:
    """Every rule's figures, and how much of the best one's is selection.

    Attributes:
        ground: The bars, the same for every rule, and the costs.
        rules: In the order of the figures.
        figures: What became of them.
        total_returns: Growth from the first to the last mark less 1, shape (N,).
        sharpes: Per bar, shape (N,); NaN where the returns do not vary.
        best: Number of the rule with the best Sharpe ratio; None if none has one.
        trials: Rules ever tried on these bars, those of this sweep included.
        expected_best: Sharpe per bar that the best of so many is expected to show without skill.
        deflated: Deflated Sharpe ratio of the best one, noise-floored (docs/concepts/selection.md):
            the probability that its true Sharpe exceeds ``expected_best``; None where undefined.
    """

    ground: Ground
    rules: tuple[EmaCross, ...]
    figures: SweepFigures
    total_returns: NDArray[np.float64]
    sharpes: NDArray[np.float64]
    best: int | None
    trials: int
    expected_best: float | None
    deflated: float | None

    @property
    def order(self) -> list[int]:
        """Numbers of the rules, best Sharpe first; those without one come last."""
        keys = np.where(np.isnan(self.sharpes), -np.inf, self.sharpes)
        return [int(one) for one in np.argsort(-keys, kind="stable")]

    def row(self, number: int) -> SweepRow:
        """Return one rule's figures as plain values."""
        rule, found = self.rules[number], self.figures
        ratio = float(self.sharpes[number])
        return SweepRow(
            rule.name,
            rule.fast,
            rule.slow,
            float(self.total_returns[number]),
            None if math.isnan(ratio) else ratio * math.sqrt(self.ground.bars_per_year),
            float(found.drawdown[number]),
            int(found.fills[number]),
            _money(int(found.equity[number])),
            _money(int(found.fees[number])),
            float(found.turnover[number]) / CASH_SCALE,
            bool(found.ruined_at[number] >= 0),
        )

    @property
    def words(self) -> str:
        """What the best one is worth, in a sentence or two."""
        chosen = f"The best of {self.trials:,} tried on the same bars is chosen by their luck too"
        if self.best is None or self.expected_best is None:
            return f"{chosen}; none has a Sharpe ratio, so there is nothing to judge."
        year = math.sqrt(self.ground.bars_per_year)
        said = (
            f"{chosen}: without any skill a Sharpe ratio of {self.expected_best * year:.2f} a year "
            f"is to be expected of it, it shows {float(self.sharpes[self.best]) * year:.2f}"
        )
        if self.deflated is None:
            return f"{said}. Its returns do not allow a deflated Sharpe ratio."
        return (
            f"{said}. Deflated Sharpe ratio (probability that there is skill): {self.deflated:.2f}."
        )


def slowest(agents: Sequence[Agent]) -> tuple[tuple[EmaCross, ...], EmaCross]:
    """Return agents as rules of a sweep, and the one that warms up longest.

    Raises:
        InvalidValue: If one is not an EMA cross.
    """
    rules = tuple(one for one in agents if isinstance(one, EmaCross))
    if not rules or len(rules) != len(agents):
        raise InvalidValue(
            "a sweep plays ema-cross", mend="use cpcv --grid for other rules and for models"
        )
    return rules, max(rules, key=lambda one: one.slow)


def run_sweep(
    ground: Ground, rules: Sequence[EmaCross], engine: SweepEngine, started: int | None = None
) -> SweepResult:
    """Play every rule over the ground's bars; positions open at the end stay marked.

    Args:
        ground: Of the rule that warms up longest.
        rules: The family.
        engine: What plays them.
        started: Rules ever tried on these bars; those of the sweep if None.

    Raises:
        InvalidValue: If the ground has several markets, or fewer were started than play.
    """
    trials = len(rules) if started is None else started
    if trials < len(rules):
        raise InvalidValue(f"{len(rules)} rules play, so at least as many were tried, not {trials}")
    found = engine.sweep(ground.panel, rules, ground.settings, ground.first, ground.stop)
    varies = (found.deviation > 0.0) & (found.deviation > _FLAT * np.abs(found.mean))
    sharpes = np.where(varies, found.mean / np.where(varies, found.deviation, 1.0), np.nan)
    growth = found.equity / float(ground.settings.initial_cash) - 1.0
    best = int(np.nanargmax(sharpes)) if varies.any() else None
    luck, deflated = _judge(ground, rules, sharpes, best, trials)
    return SweepResult(ground, tuple(rules), found, growth, sharpes, best, trials, luck, deflated)


def _judge(
    ground: Ground,
    rules: Sequence[EmaCross],
    sharpes: NDArray[np.float64],
    best: int | None,
    trials: int,
) -> tuple[float | None, float | None]:
    if best is None:
        return None, None
    bars = ground.stop - ground.first - 1
    # A rule that did not trade has a ratio of 0. Rules of one family share their luck, so their
    # spread alone would be too little: the floor is that of independent trials without skill.
    ratio = np.nan_to_num(sharpes)
    spread = float(ratio.var(ddof=1)) if ratio.size > 1 else 0.0
    variance = max(spread, 1.0 / max(1, bars - 1))
    luck = expected_best_sharpe(trials, variance)
    # The moments of one rule: the only series that is ever held.
    returns = ground.returns(rules[best], Span(ground.first, ground.stop))
    skewness, kurtosis = Sample.of(returns).moments()
    if skewness is None or kurtosis is None:
        return luck, None
    deflated = deflated_sharpe(
        float(sharpes[best]),
        len(returns),
        trials=trials,
        variance=variance,
        skewness=skewness,
        kurtosis=kurtosis,
    )
    return luck, None if math.isnan(deflated) else deflated


def _money(amount: int) -> str:
    whole, rest = divmod(abs(amount), CASH_SCALE)
    return f"{'-' if amount < 0 else ''}{whole}.{rest:08d}"
