"""Which trials to keep: by the lower end of what they may be worth, or by dominance."""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...errors import InvalidValue
from ..probabilistic import sharpe_variance
from ..sample import Sample

FloatArray = NDArray[np.float64]


def lower_bounds(returns: FloatArray, level: float = 0.9) -> FloatArray:
    """Return the one-sided lower bound of each trial's Sharpe ratio, per bar (Mertens 2002).

    Args:
        returns: Of each completed trial, shape (T, N), T at least 2.
        level: Confidence, one-sided.

    Returns:
        Shape (N,); −∞ for a trial whose returns do not vary: nothing speaks for it.
    """
    if returns.ndim != 2 or returns.shape[0] < 2:
        raise InvalidValue(f"needs at least 2 returns a trial, shape was {returns.shape}")
    reach = NormalDist().inv_cdf(level)
    out = np.full(returns.shape[1], -np.inf)
    for number, series in enumerate(returns.T):
        sample = Sample.of(series)
        ratio, (skew, tails) = sample.sharpe(), sample.moments()
        if ratio is not None and skew is not None and tails is not None:
            error = (sharpe_variance(ratio, skew, tails) / (series.size - 1)) ** 0.5
            out[number] = ratio - reach * error
    return out


def top_by_lower_bound(returns: FloatArray, count: int, level: float = 0.9) -> tuple[int, ...]:
    """Return the ``count`` trials with the best lower bounds, best first: an ensemble's members.

    Trials whose returns do not vary are never among them; equal bounds go by number.
    """
    if count < 1:
        raise InvalidValue(f"an ensemble needs at least 1 member, was {count}")
    bounds = lower_bounds(returns, level)
    order = np.argsort(-bounds, kind="stable")
    return tuple(int(one) for one in order[:count] if np.isfinite(bounds[one]))


def pareto_front(values: ArrayLike, maximise: ArrayLike) -> NDArray[np.int64]:
    """Return the trials that no other dominates, rising.

    One dominates another if it is nowhere worse and somewhere better; equal ones both stay.

    Args:
        values: Objectives such as Sharpe, drawdown and turnover, shape (N, M), finite.
        maximise: Of each objective whether more is better, shape (M,).
    """
    table = np.asarray(values, dtype=np.float64)
    wanted = np.asarray(maximise, dtype=np.bool_)
    if table.ndim != 2 or wanted.shape != table.shape[1:]:
        raise InvalidValue(f"values {table.shape} and directions {wanted.shape} do not fit")
    if not np.isfinite(table).all():
        raise InvalidValue("objectives must be finite: leave failed trials out")
    scores = np.where(wanted, table, -table)
    kept = [
        number
        for number, mine in enumerate(scores)
        if not np.any((scores >= mine).all(axis=1) & (scores > mine).any(axis=1))
    ]
    return np.array(kept, dtype=np.int64)
