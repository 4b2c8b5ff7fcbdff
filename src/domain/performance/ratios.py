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


def calmar(nav: FloatArray, bars_per_year: float, depth: float | None = None) -> float | None:
    """Return annual return ÷ maximum drawdown (Young 1991); None without a drawdown.

    Args:
        nav: NAV per unit.
        bars_per_year: Annualises the growth.
        depth: The maximum drawdown, where it is known already.
    """
    depth = max_drawdown(nav) if depth is None else depth
    growth = annual_return(nav, bars_per_year)
    if growth is None or depth <= 0.0:
        return None
    return growth / depth


def skewness(returns: FloatArray) -> float | None:
    """Return the third standardised moment γ₃ (population form); None where it is undefined."""
    return moments(returns)[0]


def kurtosis(returns: FloatArray) -> float | None:
    """Return the fourth standardised moment γ₄, 3 for a normal; None where it is undefined."""
    return moments(returns)[1]


def moments(returns: FloatArray) -> tuple[float | None, float | None]:
    """Return skewness and kurtosis in one pass."""
    if returns.size < 2:
        return None, None
    mean = float(returns.mean())
    centred = returns - mean
    square = centred * centred
    variance = float(square.mean())
    scale = variance**1.5
    if variance <= (_FLAT * mean) ** 2 or variance**2 == 0.0 or scale == 0.0:
        return None, None
    third, fourth = float(square @ centred), float(square @ square)
    return third / returns.size / scale, fourth / returns.size / variance**2
