"""Funding of perpetuals: mean 1.5 bp a settlement, persistent, pinned at the venue's base rate."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .volatility import autoregression

INTERVAL_MS = 28_800_000
MEAN, SD = 1.5e-4, 3.0e-4
PERSISTENCE = (0.97, 0.55)
"""Of the slow and the fast part of the rate."""
SLOW_SHARE = 0.55
"""Part of the variance that is slow; together they give 0.78 at lag 1."""
LIMIT = 50e-4
"""The largest rate, as venues cap it."""
RATE_SCALE = 100_000_000

Int64Array = NDArray[np.int64]


def settlements(
    rng: np.random.Generator, first_ms: int, end_ms: int, assets: int
) -> tuple[Int64Array, Int64Array]:
    """Return settlement times in [first, end), shape (n,), and rates in 1e-8, shape (n, assets)."""
    start = -(-first_ms // INTERVAL_MS) * INTERVAL_MS
    time = np.arange(start, end_ms, INTERVAL_MS, dtype=np.int64)
    if not len(time):
        return time, np.zeros((0, assets), dtype=np.int64)
    noise = rng.standard_normal((len(time), assets, 2))
    parts = autoregression(noise, np.array(PERSISTENCE))
    unit = np.sqrt(SLOW_SHARE) * parts[..., 0] + np.sqrt(1 - SLOW_SHARE) * parts[..., 1]
    rate = np.clip(MEAN + SD * unit, -LIMIT, LIMIT)
    return time, np.rint(rate * RATE_SCALE).astype(np.int64)
