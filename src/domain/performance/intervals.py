"""Intervals by the stationary block bootstrap; the random numbers come in, none are drawn here.

Sources: Politis & Romano, "The Stationary Bootstrap" (1994); Politis & White, "Automatic
Block-Length Selection for the Dependent Bootstrap" (2004), with the correction of Patton, Politis &
White (2009).

A statistic that is a function of column sums (mean, Sharpe, Sortino, profit factor) needs no
resampled series: prefix sums give each block's share at once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidValue

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
Ends = tuple[float | None, float | None]

MAX_BLOCKS = 1024
"""Blocks a resample at most: a long record gets longer blocks, which stay consistent."""

MIN_SAMPLE = 10
"""Fewer observations give no interval."""


@dataclass(frozen=True, slots=True)
class BootstrapPlan:
    """What one bootstrap needs.

    Attributes:
        n: Observations.
        block_length: Mean of the geometric block length, in observations.
        draws: Blocks to draw for each resample; bring uniforms of shape (resamples, draws, 2).
    """

    n: int
    block_length: float
    draws: int


@dataclass(frozen=True, slots=True)
class Blocks:
    """Resamples of ``n`` observations as circular blocks: starts and lengths, shape (R, K)."""

    n: int
    starts: IntArray
    lengths: IntArray


def plan_bootstrap(values: FloatArray) -> BootstrapPlan | None:
    """Return the plan for a series, None under ``MIN_SAMPLE`` observations."""
    n = values.size
    if n < MIN_SAMPLE:
        return None
    length = max(automatic_block_length(values), n / MAX_BLOCKS)
    restarts = n / length
    return BootstrapPlan(n, length, math.ceil(restarts + 6.0 * math.sqrt(restarts)) + 8)


def automatic_block_length(values: FloatArray) -> float:
    """Return the mean block length that minimises the error of the variance of the mean.

    At least 1, at most min(3√n, n/3); 1 for a constant series.
    """
    n = values.size
    if n < MIN_SAMPLE or values.std() <= 1e-12 * abs(float(values.mean())):
        return 1.0
    needed = max(5, math.ceil(math.sqrt(math.log10(n))))
    reach = min(n - 1, math.ceil(math.sqrt(n)) + needed)
    covariance = _autocovariance(values, reach)
    limit = 2.0 * math.sqrt(math.log10(n) / n)
    significant = np.abs(covariance[1:] / covariance[0]) >= limit
    lag = min(2 * max(_last_before_quiet(significant, needed), 1), reach)
    k = np.arange(1, lag + 1)
    weight = np.clip(2.0 * (1.0 - k / lag), 0.0, 1.0)
    slope = 2.0 * float(np.sum(weight * k * covariance[1 : lag + 1]))
    spectrum = float(covariance[0]) + 2.0 * float(np.sum(weight * covariance[1 : lag + 1]))
    if spectrum <= 0.0:
        return 1.0
    best = (slope * slope / (spectrum * spectrum)) ** (1.0 / 3.0) * n ** (1.0 / 3.0)
    return float(min(max(best, 1.0), math.ceil(min(3.0 * math.sqrt(n), n / 3.0))))


def stationary_blocks(plan: BootstrapPlan, uniforms: FloatArray) -> Blocks:
    """Turn uniforms into resamples: starts uniform, lengths geometric, cut at ``n``.

    Args:
        plan: Of the series.
        uniforms: In [0, 1), shape (R, plan.draws, 2).

    Raises:
        InvalidValue: If the shape is another or a number lies outside [0, 1).
    """
    if uniforms.ndim != 3 or uniforms.shape[1:] != (plan.draws, 2):
        raise InvalidValue(f"uniforms must be (R, {plan.draws}, 2), was {uniforms.shape}")
    if uniforms.size and (uniforms.min() < 0.0 or uniforms.max() >= 1.0):
        raise InvalidValue("uniforms must lie in [0, 1)")
    starts = np.floor(uniforms[:, :, 0] * plan.n).astype(np.int64)
    if plan.block_length <= 1.0:
        lengths = np.ones(starts.shape, dtype=np.int64)
    else:
        scale = math.log1p(-1.0 / plan.block_length)
        lengths = 1 + np.floor(np.log1p(-uniforms[:, :, 1]) / scale).astype(np.int64)
    ends = np.minimum(np.cumsum(lengths, axis=1), plan.n)
    ends[:, -1] = plan.n  # six deviations short of draws: the last block is stretched
    return Blocks(plan.n, starts, np.diff(ends, axis=1, prepend=0))


def resampled_sums(columns: FloatArray, blocks: Blocks) -> FloatArray:
    """Return the sum of each column over each resample.

    Args:
        columns: Shape (n, C).
        blocks: Of n observations.

    Returns:
        Shape (R, C).
    """
    twice = np.concatenate((columns, columns))
    prefix = np.zeros((twice.shape[0] + 1, columns.shape[1]))
    np.cumsum(twice, axis=0, out=prefix[1:])
    sums = [
        (column[blocks.starts + blocks.lengths] - column[blocks.starts]).sum(axis=1)
        for column in np.ascontiguousarray(prefix.T)
    ]
    return np.stack(sums, axis=1)


def resample_indices(blocks: Blocks) -> IntArray:
    """Return the observations of each resample, shape (R, n): for statistics of the order."""
    rows = []
    for starts, lengths in zip(blocks.starts, blocks.lengths, strict=True):
        first = np.repeat(starts - np.cumsum(lengths) + lengths, lengths)
        rows.append((first + np.arange(blocks.n)) % blocks.n)
    return np.array(rows, dtype=np.int64)


def percentile_interval(values: FloatArray, level: float = 0.9) -> Ends:
    """Return the equal-tailed percentiles; an end that is unbounded or undefined is None.

    Args:
        values: The statistic of each resample, shape (R,); NaN where it was undefined there.
        level: Coverage, 0 < level < 1.
    """
    if not 0.0 < level < 1.0:
        raise InvalidValue(f"level must lie in (0, 1), was {level}")
    known = values[~np.isnan(values)]
    if known.size < max(1.0, 0.95 * values.size):
        return None, None
    tail = (1.0 - level) / 2.0
    ends = np.quantile(known, (tail, 1.0 - tail), method="inverted_cdf")
    low, high = (float(end) if math.isfinite(end) else None for end in ends)
    return low, high


def intervals_of_sums(
    columns: FloatArray,
    blocks: Blocks,
    wanted: Mapping[str, Callable[[FloatArray], FloatArray]],
    level: float = 0.9,
) -> dict[str, Ends]:
    """Return the interval of each statistic of column sums, (R, C) → (R,), by name."""
    sums = resampled_sums(columns, blocks)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        return {name: percentile_interval(one(sums), level) for name, one in wanted.items()}


def _autocovariance(values: FloatArray, reach: int) -> FloatArray:
    centred = values - values.mean()
    size = 1 << (values.size + reach).bit_length()
    spectrum = np.fft.rfft(centred, size)
    power = np.square(spectrum.real) + np.square(spectrum.imag)
    covariance: FloatArray = np.fft.irfft(power, size)[: reach + 1] / values.size
    return covariance


def _last_before_quiet(significant: NDArray[np.bool_], needed: int) -> int:
    """Return the smallest m after which ``needed`` lags in a row are insignificant."""
    loud = np.concatenate(([0], np.flatnonzero(significant) + 1, [significant.size + needed + 1]))
    return int(loud[np.flatnonzero(np.diff(loud) > needed)[0]])
