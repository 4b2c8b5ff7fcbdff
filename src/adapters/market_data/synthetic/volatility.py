"""Stochastic volatility with long memory and regimes.

The log-volatility is a sum of first-order autoregressions whose half-lives are spread over three
decades, which imitates a power-law memory (Calvet & Fisher 2004 use the same idea), plus a
three-state Markov regime that all assets share, plus the hours of the day.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Float64Array = NDArray[np.float64]

HALF_LIVES_H = np.array([4.0, 40.0, 400.0])
"""Half-lives of the log-volatility's components, hours."""
COMPONENT_SD = np.array([0.30, 0.38, 0.34])
"""Their standard deviations."""
COMMON_SHARE = 0.75
"""Part of the components' variance that all assets share."""
REGIME_LEVELS = np.array([-0.40, 0.0, 0.50])
"""Log-volatility of the calm, the normal and the wild regime."""
REGIME_HOURS = np.array([600.0, 400.0, 150.0])
"""Mean length of a stay in each, hours."""
REGIME_NEXT = np.array([[0.0, 1.0, 0.0], [0.6, 0.0, 0.4], [0.0, 1.0, 0.0]])
"""Where a stay ends to."""
PEAK_HOUR = 15.0
"""Hour of the day, UTC, at which Europe and America trade together."""


@dataclass(frozen=True, slots=True)
class Volatility:
    """Relative volatility of each bar.

    Attributes:
        log: Log of the volatility around its level, without the hours, shape (T, A).
        hours: Log factor of the hour of the day, shape (T,); its mean over a day is 0.
    """

    log: Float64Array
    hours: Float64Array


def autoregression(noise: Float64Array, persistence: Float64Array) -> Float64Array:
    """Run x_t = φ x_{t−1} + √(1−φ²) e_t from its stationary law; unit variance for unit noise.

    Args:
        noise: Independent unit normals, time first, shape (T, …).
        persistence: φ, broadcast against ``noise[0]``.
    """
    out = noise * np.sqrt(1.0 - persistence**2)
    out[0] = noise[0]
    for t in range(1, len(out)):
        out[t] += persistence * out[t - 1]
    return out


def day_shape(open_time: NDArray[np.int64], bar_ms: int, amplitude: float) -> Float64Array:
    """Return a smooth log factor over the day that peaks at ``PEAK_HOUR``, shape (T,)."""
    middle = (open_time + bar_ms / 2) % 86_400_000 / 3_600_000
    # A bar of a day or half of it covers the whole curve.
    damping = np.sinc(bar_ms / 86_400_000)
    angle = (middle - PEAK_HOUR) * 2 * np.pi / 24
    # The second harmonic makes the peak sharper than the trough, as it is in the data.
    curve = np.cos(angle) + 0.3 * np.cos(2 * angle)
    return np.asarray(amplitude * damping * curve)


def simulate(
    rng: np.random.Generator, open_time: NDArray[np.int64], bar_ms: int, assets: int
) -> Volatility:
    """Return the volatility paths of ``assets`` assets."""
    bars, hours = len(open_time), bar_ms / 3_600_000
    persistence = 0.5 ** (hours / HALF_LIVES_H)
    noise = rng.standard_normal((bars, assets + 1, len(HALF_LIVES_H)))
    paths = autoregression(noise, persistence[None, :]) @ COMPONENT_SD
    own = np.sqrt(COMMON_SHARE) * paths[:, :1] + np.sqrt(1 - COMMON_SHARE) * paths[:, 1:]
    return Volatility(
        log=own + regimes(rng, bars, hours)[:, None], hours=day_shape(open_time, bar_ms, 0.20)
    )


def regimes(rng: np.random.Generator, bars: int, hours: float) -> Float64Array:
    """Return the log-volatility of the regime in force at each bar, shape (T,)."""
    levels = np.empty(bars)
    # The share of time in each regime: visits of the embedded chain × length of a stay.
    visits = np.array([0.3, 0.5, 0.2]) * REGIME_HOURS
    state, t = int(rng.choice(3, p=visits / visits.sum())), 0
    while t < bars:
        stay = int(rng.geometric(min(1.0, hours / REGIME_HOURS[state])))
        levels[t : t + stay] = REGIME_LEVELS[state]
        t += stay
        state = int(rng.choice(3, p=REGIME_NEXT[state]))
    return levels
