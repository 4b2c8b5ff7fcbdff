"""Sums over a series of returns: all that its ratios are made of, in two passes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

_FLAT = 1e-12
"""A spread this small beside the mean is rounding, not risk."""
_BLOCK = 8192
"""Returns at a time: what is worked out from them stays in the cache, on this thread."""


def blocks(size: int) -> Iterator[slice]:
    """Yield slices that cover a series of a size, in order."""
    for first in range(0, size, _BLOCK):
        yield slice(first, min(first + _BLOCK, size))


@dataclass(frozen=True, slots=True)
class Sample:
    """Count, mean and central sums of returns. Undefined ratios are None.

    Attributes:
        squares, cubes, fourths: Σ (r − mean)², …³, …⁴.
        losses: Σ min(r, 0)².
    """

    count: int
    mean: float
    squares: float
    cubes: float
    fourths: float
    losses: float

    @classmethod
    def of(cls, returns: FloatArray) -> Sample:
        """Sum up a series, shape (n,)."""
        if not returns.size:
            return cls(0, 0.0, 0.0, 0.0, 0.0, 0.0)
        mean = float(returns.mean())
        sums = np.zeros(4)
        room, squares = np.empty(_BLOCK), np.empty(_BLOCK)
        for chosen in blocks(returns.size):
            block = returns[chosen]
            low = np.minimum(block, 0.0, out=room[: block.size])
            losses = low @ low
            centred = np.subtract(block, mean, out=room[: block.size])
            square = np.multiply(centred, centred, out=squares[: block.size])
            sums += (square.sum(), square @ centred, square @ square, losses)
        return cls(returns.size, mean, *map(float, sums))

    def volatility(self, bars_per_year: float = 1.0) -> float | None:
        """Return the standard deviation (ddof 1) × √(bars a year); None under two returns."""
        if self.count < 2:
            return None
        return math.sqrt(self.squares / (self.count - 1)) * math.sqrt(bars_per_year)

    def sharpe(self, bars_per_year: float = 1.0) -> float | None:
        """Return mean ÷ standard deviation × √(bars a year) (Sharpe 1994, risk-free 0).

        None where the returns do not vary or are fewer than two.
        """
        spread = self.volatility()
        if spread is None or spread <= _FLAT * abs(self.mean) or spread == 0.0:
            return None
        return self.mean / spread * math.sqrt(bars_per_year)

    def downside_deviation(self, bars_per_year: float = 1.0) -> float | None:
        """Return √(mean of min(r, 0)² over *all* periods) × √(bars a year).

        Source: Sortino & Price (1994).
        """
        if not self.count:
            return None
        return math.sqrt(self.losses / self.count * bars_per_year)

    def sortino(self, bars_per_year: float = 1.0) -> float | None:
        """Return mean ÷ downside deviation × √(bars a year); None without a losing period."""
        downside = self.downside_deviation()
        if self.count < 2 or not downside:
            return None
        return self.mean / downside * math.sqrt(bars_per_year)

    def moments(self) -> tuple[float | None, float | None]:
        """Return skewness γ₃ and kurtosis γ₄, 3 for a normal (population); None if undefined."""
        if self.count < 2:
            return None, None
        variance = self.squares / self.count
        scale = variance**1.5
        if variance <= (_FLAT * self.mean) ** 2 or variance**2 == 0.0 or scale == 0.0:
            return None, None
        return self.cubes / self.count / scale, self.fourths / self.count / variance**2
