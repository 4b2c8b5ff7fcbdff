"""What the agent is paid, in float64, one operation at a time in a stated order."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from .settings import RATE_SCALE, RewardKind, SimulationSettings

LEAST_RATIO = 1e-9
"""The least growth that a ruin is paid for: its logarithm is about −20.7."""

_LEAST_VARIANCE = 1e-12


@dataclass(slots=True)
class RewardState:
    """What a reward remembers of the steps before.

    Attributes:
        peak: Highest equity so far, 1e-8 quote.
        first, second: Running moments of the return.
    """

    peak: int
    first: float = 0.0
    second: float = 0.0


def decay(halflife: int) -> float:
    """Return the weight of the newest return in a running mean of that half-life in bars."""
    return 1.0 - math.pow(2.0, -1.0 / halflife)


def differential_sharpe(state: RewardState, change: float, eta: float) -> float:
    """Return the differential Sharpe ratio and move its moments on (Moody & Saffell 2001)."""
    first, second = state.first, state.second
    variance = second - first * first
    reward = change
    if variance > _LEAST_VARIANCE:
        rise = second * (change - first) - 0.5 * first * (change * change - second)
        reward = rise / (variance * math.sqrt(variance))
    state.first = first + eta * (change - first)
    state.second = second + eta * (change * change - second)
    return reward


def sortino(state: RewardState, change: float, eta: float) -> float:
    """Return the return over its running downside deviation, within ±10."""
    loss = min(change, 0.0)
    state.second += eta * (loss * loss - state.second)
    return max(-10.0, min(10.0, change / math.sqrt(state.second + _LEAST_VARIANCE)))


def equal_weight_growth(before: Sequence[int], after: Sequence[int]) -> float:
    """Return the mean of close'/close over the assets."""
    total = 0.0
    for old, new in zip(before, after, strict=True):
        total += float(new) / float(old)
    return total / float(len(before))


def drawdown(equity: int, peak: int) -> float:
    """Return how far ``equity`` lies under ``peak``, as a share of it."""
    return 1.0 - float(equity) / float(peak)


def reward(
    state: RewardState,
    equities: tuple[int, int],
    growth: float,
    traded: int,
    ruined: bool,
    settings: SimulationSettings,
) -> float:
    """Return the reward of one step and move ``state`` on.

    Args:
        equities: At the closes of t (above 0) and t+1, 1e-8 quote.
        growth: Equal-weight growth of the market; only EXCESS reads it.
        traded: Σ of the notionals filled in the step, 1e-8 quote.
    """
    before, after = equities
    ratio = float(after) / float(before)
    if ruined:
        ratio = max(ratio, LEAST_RATIO)
    change = ratio - 1.0
    if settings.reward is RewardKind.DIFFERENTIAL_SHARPE:
        paid = differential_sharpe(state, change, decay(settings.reward_halflife))
    elif settings.reward is RewardKind.SORTINO:
        paid = sortino(state, change, decay(settings.reward_halflife))
    else:
        paid = math.log(ratio)
        if settings.reward is RewardKind.EXCESS:
            paid -= math.log(growth)
    if settings.turnover_penalty:
        paid -= settings.turnover_penalty / RATE_SCALE * (float(traded) / float(before))
    peak = max(state.peak, after)
    if settings.drawdown_penalty:
        deeper = drawdown(after, peak) - drawdown(before, state.peak)
        paid -= settings.drawdown_penalty / RATE_SCALE * max(0.0, deeper)
    state.peak = peak
    return paid
