"""Ratios of returns and of the NAV: risk-free 0, annualised by √(bars a year)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .drawdown import max_drawdown
from .returns import annual_return
from .sample import Sample

FloatArray = NDArray[np.float64]


def sharpe(returns: FloatArray, bars_per_year: float = 1.0) -> float | None:
    """See :meth:`.Sample.sharpe`; to take several ratios of one series, sum it up once."""
    return Sample.of(returns).sharpe(bars_per_year)


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
