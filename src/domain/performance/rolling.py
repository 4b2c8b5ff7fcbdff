"""Figures over a moving window."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidValue

FloatArray = NDArray[np.float64]


def rolling_sharpe(
    returns: FloatArray, window: int, bars_per_year: float = 1.0, level: float = 0.9
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the Sharpe ratio of each window and the ends of its analytic interval (Lo 2002).

    Args:
        returns: Shape (n,).
        window: Returns in a window, at least 3.
        bars_per_year: Annualises by its square root.
        level: Coverage of the interval.

    Returns:
        Value, low and high, shape (n − window + 1,) each; NaN where the window does not vary.
    """
    if window < 3:
        raise InvalidValue(f"a rolling window needs at least 3 returns, was {window}")
    if returns.size < window:
        empty = np.empty(0)
        return empty, empty, empty
    mean = _sums(returns, window) / window
    squares = _sums(returns * returns, window) - window * mean * mean
    # A difference of running sums is wrong by their last digits: less than that is no spread.
    noise = 64.0 * np.finfo(np.float64).eps * np.cumsum(returns * returns)[window - 1 :]
    spread = np.sqrt(np.where(squares > noise, squares, np.nan) / (window - 1))
    ratio = mean / spread
    error = np.sqrt((1.0 + 0.5 * ratio * ratio) / (window - 1))
    reach = NormalDist().inv_cdf(0.5 + level / 2.0) * error
    scale = math.sqrt(bars_per_year)
    return ratio * scale, (ratio - reach) * scale, (ratio + reach) * scale


def _sums(values: FloatArray, window: int) -> FloatArray:
    running = np.concatenate(([0.0], np.cumsum(values)))
    total: FloatArray = running[window:] - running[:-window]
    return total
