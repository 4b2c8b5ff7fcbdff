"""From returns to bars on the grid of ticks and lots."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .returns import Returns
from .volatility import Float64Array, Volatility, autoregression, day_shape

Int64Array = NDArray[np.int64]

VOLUME_ON_VOLATILITY = 0.9
"""Elasticity of volume to volatility."""
VOLUME_ON_MOVE = 0.12
"""Log-volume a bar gains for each volatility that the price moved."""
VOLUME_SD, VOLUME_HALF_LIFE_H = 0.60, 24.0
"""Own variation of the log-volume that persists."""
VOLUME_NOISE = 0.28
"""Own variation that does not."""
VOLUME_DAY = 0.36
"""Amplitude of the day in log-volume beyond what volatility brings."""


def tick_prices(log_price: Float64Array, first_ticks: Int64Array) -> Int64Array:
    """Return closes in ticks, shape (T, A); ``first_ticks`` is the price at log 0."""
    return np.maximum(np.rint(np.exp(log_price) * first_ticks), 1).astype(np.int64)


def ranges(
    rng: np.random.Generator, open: Int64Array, close: Int64Array, volatility: Float64Array
) -> tuple[Int64Array, Int64Array]:
    """Return highs and lows of a Brownian bridge between open and close, in ticks.

    The maximum of a bridge from 0 to r with variance σ² is (r + √(r² − 2σ² ln U)) / 2 for uniform U
    (reflection principle); the minimum mirrors it. They are drawn independently.
    """
    move = np.log(close / open)
    variance = 2.0 * volatility**2
    up = 0.5 * (move + np.sqrt(move**2 - variance * np.log(1.0 - rng.random(move.shape))))
    down = 0.5 * (move - np.sqrt(move**2 - variance * np.log(1.0 - rng.random(move.shape))))
    high = np.maximum(np.floor(open * np.exp(up)).astype(np.int64), np.maximum(open, close))
    low = np.minimum(np.ceil(open * np.exp(down)).astype(np.int64), np.minimum(open, close))
    return high, np.maximum(low, 1)


def volumes(
    rng: np.random.Generator,
    volatility: Volatility,
    returns: Returns,
    open_time: Int64Array,
    bar_ms: int,
) -> Float64Array:
    """Return relative volumes with mean near 1 a bar, shape (T, A)."""
    bars, assets = returns.value.shape
    hours = bar_ms / 3_600_000
    slow = autoregression(
        rng.standard_normal((bars, assets)), np.full(assets, 0.5 ** (hours / VOLUME_HALF_LIFE_H))
    )
    moved = np.minimum(np.abs(returns.value) / returns.volatility, 8.0)
    log = VOLUME_ON_VOLATILITY * volatility.log + VOLUME_ON_MOVE * moved + VOLUME_SD * slow
    log += VOLUME_NOISE * rng.standard_normal((bars, assets))
    log += day_shape(open_time, bar_ms, VOLUME_DAY)[:, None]
    return np.asarray(np.exp(log - 0.5))
