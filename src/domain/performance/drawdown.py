"""How far under its peak the NAV was, for how long, and whether it came back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Drawdown:
    """One stretch under a peak; positions are those of the NAV series.

    Attributes:
        depth: Share of the peak lost at the trough, 0 … 1.
        peak: Position of the peak before it.
        trough: Position of its lowest point.
        recovered: First position back at the peak, None if that did not come.
        end: ``recovered``, or the last position of the series.
    """

    depth: float
    peak: int
    trough: int
    recovered: int | None
    end: int

    @property
    def length(self) -> int:
        """Bars from the peak to the recovery, or to the end of the record."""
        return self.end - self.peak

    @property
    def recovery(self) -> int | None:
        """Bars from the trough to the recovery, None if that did not come."""
        return None if self.recovered is None else self.recovered - self.trough


def underwater(nav: FloatArray) -> FloatArray:
    """Return ``1 − nav / peak so far`` in 0 … 1; an account that owes has lost all of it."""
    depth: FloatArray = np.maximum.accumulate(nav)
    # In place: of long series most of the time goes into fresh memory.
    np.divide(nav, depth, out=depth)
    np.subtract(1.0, depth, out=depth)
    return np.clip(depth, 0.0, 1.0, out=depth)


def max_drawdown(nav: FloatArray) -> float:
    """Return the deepest point of :func:`underwater`, 0 for a series that never fell."""
    return float(underwater(nav).max()) if nav.size else 0.0


def drawdowns(nav: FloatArray) -> list[Drawdown]:
    """Return every stretch under a peak, in order of time."""
    depth = underwater(nav)
    edges = np.flatnonzero(np.diff(np.concatenate(([False], depth > 0.0, [False])).astype(np.int8)))
    return [_stretch(depth, int(a), int(b)) for a, b in edges.reshape(-1, 2)]


def deepest(depth: FloatArray) -> Drawdown | None:
    """Return the stretch with the greatest depth, None if the NAV never fell.

    Args:
        depth: Of :func:`underwater`.
    """
    if not depth.size or depth.max() <= 0.0:
        return None
    inside = int(depth.argmax())
    above = np.flatnonzero(depth[:inside] <= 0.0)
    below = np.flatnonzero(depth[inside:] <= 0.0)
    stop = inside + int(below[0]) if below.size else depth.size
    return _stretch(depth, int(above[-1]) + 1, stop)


def longest(depth: FloatArray) -> int:
    """Return the most bars between a peak and its recovery (or the end).

    Args:
        depth: Of :func:`underwater`.
    """
    at_peak = np.flatnonzero(depth <= 0.0)
    gaps = np.diff(at_peak)
    inner = int(gaps[gaps > 1].max()) if np.any(gaps > 1) else 0
    return max(inner, depth.size - 1 - int(at_peak[-1])) if at_peak.size else 0


def _stretch(depth: FloatArray, first: int, stop: int) -> Drawdown:
    trough = first + int(depth[first:stop].argmax())
    back = stop if stop < depth.size else None
    return Drawdown(
        depth=float(depth[trough]),
        peak=first - 1,
        trough=trough,
        recovered=back,
        end=stop if back is not None else depth.size - 1,
    )
