"""Drawdowns of resampled paths, without walking every bar of every resample.

A piece of a path is summed up by its total, its highest and lowest point and its own deepest
fall; pieces so described join exactly. Long records are cut into at most ``MAX_BLOCKS`` pieces and
the pieces are resampled.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from .intervals import MAX_BLOCKS, BootstrapPlan, resample_indices, stationary_blocks

FloatArray = NDArray[np.float64]


def resampled_paths(
    log_returns: FloatArray, plan: BootstrapPlan, uniforms: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return total log growth and maximum drawdown of each resample, shape (R,) each.

    Args:
        log_returns: ``log(1 + r)``, shape (n,), finite.
        plan: Of the returns.
        uniforms: In [0, 1), shape (R, plan.draws, 2).
    """
    size = math.ceil(plan.n / MAX_BLOCKS)
    count = math.ceil(plan.n / size)
    pieces = np.zeros(count * size)
    pieces[: plan.n] = log_returns
    inside = np.cumsum(pieces.reshape(count, size), axis=1)
    total = inside[:, -1]
    top = np.maximum(inside.max(axis=1), 0.0)
    bottom = np.minimum(inside.min(axis=1), 0.0)
    peak = np.maximum(np.maximum.accumulate(inside, axis=1), 0.0)
    fall = (peak - inside).max(axis=1)

    coarse = BootstrapPlan(count, max(1.0, plan.block_length / size), plan.draws)
    chosen = resample_indices(stationary_blocks(coarse, uniforms))
    after = np.cumsum(total[chosen], axis=1)
    before = after - total[chosen]
    highest = np.maximum.accumulate(before + top[chosen], axis=1)
    earlier = np.concatenate((np.zeros((len(chosen), 1)), highest[:, :-1]), axis=1)
    deepest = np.maximum(fall[chosen], earlier - (before + bottom[chosen])).max(axis=1)
    return after[:, -1], -np.expm1(-deepest)
