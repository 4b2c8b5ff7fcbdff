"""What doing nothing clever would have earned."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import InvalidValue
from .sample import blocks

FloatArray = NDArray[np.float64]


def buy_and_hold(close: ArrayLike) -> FloatArray:
    """Return the NAV of equal weights bought at the first close and left alone, without costs.

    Args:
        close: Prices or ticks, shape (n,) or (n, A), positive.

    Raises:
        InvalidValue: If there is no price, or one is not positive.
    """
    prices = np.asarray(close)
    if prices.size == 0 or prices.min() <= 0:
        raise InvalidValue("a benchmark needs positive prices")
    growth: FloatArray = np.divide(prices, prices[0], dtype=np.float64)
    if growth.ndim == 1:
        return growth
    nav: FloatArray = growth[:, 0] if growth.shape[1] == 1 else growth.mean(axis=1)
    return nav


def captures(returns: FloatArray, benchmark: FloatArray) -> tuple[float | None, float | None]:
    """Return the upside and the downside capture.

    Each is the mean return ÷ the benchmark's mean over the bars in which that rose (or fell); None
    where there is no such bar.
    """
    sums = np.zeros(4)
    for chosen in blocks(returns.size):
        own, other = returns[chosen], benchmark[chosen]
        rose, fell = (other > 0).astype(np.float64), (other < 0).astype(np.float64)
        sums += (own @ rose, other @ rose, own @ fell, other @ fell)
    up, rise, down, fall = map(float, sums)
    return up / rise if rise else None, down / fall if fall else None


def capture_ratio(up: float | None, down: float | None) -> float | None:
    """Return upside ÷ downside capture; None where either is missing or downside is 0 or less."""
    if up is None or down is None or down <= 0.0:
        return None
    return up / down
