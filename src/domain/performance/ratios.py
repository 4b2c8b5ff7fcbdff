"""Ratios of returns: risk-free 0, ddof 1, annualised by √(bars a year)."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from .drawdown import max_drawdown
from .returns import annual_return

FloatArray = NDArray[np.float64]

_FLAT = 1e-12
"""A spread this small beside the mean is rounding, not risk."""


def volatility(returns: FloatArray, bars_per_year: float = 1.0) -> float | None:
    """Return the standard deviation (ddof 1) × √(bars a year); None under two returns."""
    if returns.size < 2:
        return None
    return float(returns.std(ddof=1)) * math.sqrt(bars_per_year)


def sharpe(returns: FloatArray, bars_per_year: float = 1.0) -> float | None:
    """Return mean ÷ standard deviation × √(bars a year) (Sharpe 1994, risk-free 0).

    None where the returns do not vary or are fewer than two.
    """
    if returns.size < 2:
        return None
    mean, spread = float(returns.mean()), float(returns.std(ddof=1))
    if spread <= _FLAT * abs(mean) or spread == 0.0:
        return None
    return mean / spread * math.sqrt(bars_per_year)


def downside_deviation(returns: FloatArray, bars_per_year: float = 1.0) -> float | None:
    """Return √(mean of min(r, 0)² over *all* periods) × √(bars a year) (Sortino & Price 1994)."""
    if returns.size == 0:
        return None
    return math.sqrt(float(np.square(np.minimum(returns, 0.0)).mean()) * bars_per_year)


def sortino(returns: FloatArray, bars_per_year: float = 1.0) -> float | None:
    """Return mean ÷ downside deviation × √(bars a year); None without a losing period."""
    downside = downside_deviation(returns)
    if returns.size < 2 or not downside:
        return None
    return float(returns.mean()) / downside * math.sqrt(bars_per_year)


def calmar(nav: FloatArray, bars_per_year: float) -> float | None:
    """Return annual return ÷ maximum drawdown (Young 1991); None without a drawdown."""
    depth = max_drawdown(nav)
    growth = annual_return(nav, bars_per_year)
    if growth is None or depth <= 0.0:
        return None
    return growth / depth


def skewness(returns: FloatArray) -> float | None:
    """Return the third standardised moment γ₃ (population form); None where it is undefined."""
    return _standardised(returns, 3)


def kurtosis(returns: FloatArray) -> float | None:
    """Return the fourth standardised moment γ₄, 3 for a normal; None where it is undefined."""
    return _standardised(returns, 4)


def _standardised(returns: FloatArray, power: int) -> float | None:
    if returns.size < 2:
        return None
    centred = returns - returns.mean()
    square = centred * centred
    variance = float(square.mean())
    if variance <= (_FLAT * float(returns.mean())) ** 2 or variance == 0.0:
        return None
    moment = square * (centred if power == 3 else square)
    scale = variance ** (power / 2)
    return float(moment.mean()) / scale if scale > 0.0 else None
