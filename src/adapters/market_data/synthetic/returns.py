"""Correlated returns with jumps, a touch of bid-ask bounce, and optionally a planted edge."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .volatility import Float64Array, Volatility

ANNUAL_VOLATILITY = (0.75, 0.90, 1.05, 1.25)
"""Typical level of each asset in turn, per √year; the sample's is higher by its variation."""
CORE_CORRELATION = 0.72
"""Correlation of the normal shocks of two assets; own volatility and jumps lower the total."""
JUMPS_PER_DAY = 0.18
"""Jumps of one asset."""
JUMP_SHARED = 0.7
"""Part of the jumps that hit all assets at once."""
JUMP_SCALE = 4.0
"""Least size of a jump, in volatilities of a normal bar."""
JUMP_TAIL = 3.2
"""Pareto exponent of the jumps' sizes."""
JUMP_LIMIT = 20.0
"""Largest size of a jump, in volatilities of a normal bar."""
BOUNCE = 0.18
"""Standard deviation of the pricing noise, in volatilities: it gives r its −0.03 at lag 1."""
HOURS_PER_YEAR = 8760.0


@dataclass(frozen=True, slots=True)
class Returns:
    """Per-bar shocks.

    Attributes:
        value: Return of each bar as a fraction, shape (T, A).
        volatility: Standard deviation of its normal part, shape (T, A).
    """

    value: Float64Array
    volatility: Float64Array


def simulate(
    rng: np.random.Generator, volatility: Volatility, hours: float, *, bounce: bool
) -> Returns:
    """Return shocks of the given volatility; ``bounce`` adds the negative lag-1 correlation."""
    bars, assets = volatility.log.shape
    level = np.array([ANNUAL_VOLATILITY[i % len(ANNUAL_VOLATILITY)] for i in range(assets)])
    # exp(2·log) has mean > 1; dividing by its mean's root keeps the level the annual figure.
    sigma = (
        level
        * np.sqrt(hours / HOURS_PER_YEAR)
        * np.exp(volatility.log + volatility.hours[:, None] - 0.4)
    )
    shared = rng.standard_normal((bars, 1))
    own = rng.standard_normal((bars, assets))
    shocks = np.sqrt(CORE_CORRELATION) * shared + np.sqrt(1 - CORE_CORRELATION) * own
    # Jumps grow with the square root of the volatility: news also comes in calm hours.
    shocks += _jumps(rng, bars, assets, hours) * np.exp(-0.5 * volatility.log)
    value = sigma * shocks
    if bounce:
        noise = BOUNCE * sigma * rng.standard_normal((bars, assets))
        value += noise
        value[1:] -= noise[:-1]
    return Returns(value=value, volatility=sigma)


def _jumps(rng: np.random.Generator, bars: int, assets: int, hours: float) -> Float64Array:
    """Return symmetric Pareto jumps in volatilities, shape (T, A); mostly zeros."""
    rate = JUMPS_PER_DAY * hours / 24
    shared = rng.random((bars, 1)) < rate * JUMP_SHARED
    own = rng.random((bars, assets)) < rate * (1 - JUMP_SHARED)
    size = np.minimum(JUMP_SCALE * (1.0 + rng.pareto(JUMP_TAIL, (bars, assets + 1))), JUMP_LIMIT)
    sign = np.where(rng.random((bars, assets + 1)) < 0.5, -1.0, 1.0)
    jump = sign * size
    spread = rng.uniform(0.6, 1.4, (bars, assets))
    return np.asarray(shared * jump[:, :1] * spread + own * jump[:, 1:])


def log_prices(returns: Float64Array, pull: float) -> Float64Array:
    """Add returns up to log-prices that lean back to 0 at the rate ``pull`` a bar.

    The pull (a half-life of two years) keeps centuries of bars inside the range of ticks; its
    drift is far below what any strategy could see.
    """
    out = np.log1p(np.clip(returns, -0.5, 0.5))
    keep = 1.0 - pull
    for t in range(1, len(out)):
        out[t] += keep * out[t - 1]
    return out


def planted(returns: Float64Array, edge: float) -> Float64Array:
    """Add ``edge`` × the sign of the asset's previous (already planted) return."""
    out = returns.copy()
    for t in range(1, len(out)):
        out[t] += edge * np.sign(out[t - 1])
    return out


def martingale(returns: Float64Array) -> NDArray[np.float64]:
    """Cut the returns symmetrically at ±30 %, so that E[r | past] = 0 holds exactly."""
    return np.clip(returns, -0.3, 0.3)
