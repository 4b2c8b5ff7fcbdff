"""Ratios of returns: risk-free 0, ddof 1, annualised by √(bars a year)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .drawdown import max_drawdown
from .returns import annual_return
from .sample import Sample

FloatArray = NDArray[np.float64]


def volatility(returns: FloatArray, bars_per_year: float = 1.0) -> float | None:
    """See :meth:`.Sample.volatility`."""
    return Sample.of(returns).volatility(bars_per_year)


def sharpe(returns: FloatArray, bars_per_year: float = 1.0) -> float | None:
    """See :meth:`.Sample.sharpe`."""
    return Sample.of(returns).sharpe(bars_per_year)


def downside_deviation(returns: FloatArray, bars_per_year: float = 1.0) -> float | None:
    """See :meth:`.Sample.downside_deviation`."""
    return Sample.of(returns).downside_deviation(bars_per_year)


def sortino(returns: FloatArray, bars_per_year: float = 1.0) -> float | None:
    """See :meth:`.Sample.sortino`."""
    return Sample.of(returns).sortino(bars_per_year)


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
    """See :meth:`.Sample.moments`."""
    return Sample.of(returns).moments()
