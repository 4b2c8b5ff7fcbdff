"""The probability of backtest overfitting by combinatorially symmetric cross-validation.

Source: Bailey, Borwein, López de Prado & Zhu, "The Probability of Backtest Overfitting", Journal of
Computational Finance 20 (2017). Of S blocks of bars every half is once the sample in which the best
trial is chosen, its complement the one in which that trial is ranked.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from ...errors import InvalidValue

FloatArray = NDArray[np.float64]

MIN_BARS_A_BLOCK = 2
"""Fewer bars in a block have no spread."""

_CHUNK = 1 << 21
"""Most numbers of a table that is worked on at once."""


@dataclass(frozen=True, slots=True)
class Overfitting:
    """What the symmetric splits said.

    Attributes:
        probability: Share of splits in which the trial that was best in sample fell to the median
            or below it out of sample.
        logits: λ = ln(ω / (1 − ω)) of each split, ω the relative rank out of sample; shape (C,).
        loss: Share of splits in which the chosen trial's Sharpe out of sample was below 0.
        blocks: S.
        bars: Bars used: the oldest that do not divide into S blocks are left out.
    """

    probability: float
    logits: FloatArray
    loss: float
    blocks: int
    bars: int


def overfitting_probability(returns: FloatArray, blocks: int = 16) -> Overfitting:
    """Return the probability that choosing the best trial was overfitting.

    The measure is the Sharpe ratio (ddof 1, per bar); a trial that does not vary in a sample has
    earned nothing there and counts as 0. Equal trials share the mean of their ranks.

    Args:
        returns: Of each completed trial on identical bars, shape (T, N).
        blocks: S, even, from 2 to 20.

    Raises:
        InvalidValue: If there are fewer than two trials or too few bars, or S is odd.
    """
    if blocks % 2 or not 2 <= blocks <= 20:
        raise InvalidValue(f"blocks must be even and lie in 2 … 20, was {blocks}")
    if returns.ndim != 2 or returns.shape[1] < 2:
        raise InvalidValue(f"needs the returns of at least 2 trials, shape was {returns.shape}")
    size = len(returns) // blocks
    if size < MIN_BARS_A_BLOCK:
        raise InvalidValue(
            f"{len(returns)} bars give {blocks} blocks of {size}, each needs {MIN_BARS_A_BLOCK}",
            mend="take a longer period",
        )
    if not np.isfinite(returns).all():
        raise InvalidValue("returns must be finite")
    used = returns[len(returns) - size * blocks :]
    # Moments around the trial's own mean: a small spread beside a large mean keeps its digits.
    centre = used.mean(axis=0)
    parts = (used - centre).reshape(blocks, size, -1)
    sums, squares = parts.sum(axis=1), np.square(parts).sum(axis=1)
    half = size * blocks // 2
    logits, losses = [], 0
    for inside in _halves(blocks, returns.shape[1]):
        ratio_in = _sharpe(inside @ sums, inside @ squares, half, centre)
        outside = 1.0 - inside
        ratio_out = _sharpe(outside @ sums, outside @ squares, half, centre)
        best = ratio_in.argmax(axis=1)[:, np.newaxis]
        chosen = np.take_along_axis(ratio_out, best, axis=1)
        below = (ratio_out < chosen).sum(axis=1)
        equal = (ratio_out == chosen).sum(axis=1)
        rank = below + (equal + 1) / 2.0
        omega = rank / (returns.shape[1] + 1)
        logits.append(np.log(omega / (1.0 - omega)))
        losses += int((chosen < 0.0).sum())
    joined = np.concatenate(logits)
    # The logit of a middle rank is 0 only up to rounding.
    worse = float((joined <= 1e-12).mean())
    return Overfitting(worse, joined, losses / len(joined), blocks, len(used))


def _halves(blocks: int, trials: int) -> Iterator[FloatArray]:
    """Yield which blocks are in sample, shape (c, S) of 0 and 1, a bounded number at a time."""
    chosen = np.array(list(combinations(range(blocks), blocks // 2)), dtype=np.int64)
    rows = max(1, _CHUNK // max(trials, blocks))
    for first in range(0, len(chosen), rows):
        part = chosen[first : first + rows]
        inside = np.zeros((len(part), blocks))
        np.put_along_axis(inside, part, 1.0, axis=1)
        yield inside


def _sharpe(sums: FloatArray, squares: FloatArray, n: int, centre: FloatArray) -> FloatArray:
    """Return the Sharpe ratio from sums of centred returns; 0 where they do not vary."""
    mean = sums / n
    spread = squares - n * np.square(mean)
    varies = spread > 1e-13 * squares  # less is rounding
    deviation = np.sqrt(np.where(varies, spread, 1.0) / (n - 1))
    ratio: FloatArray = np.where(varies, (mean + centre) / deviation, 0.0)
    return ratio
