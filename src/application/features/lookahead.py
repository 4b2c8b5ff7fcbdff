"""The look-ahead test: does a feature at t change when the bars after t are taken away?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...domain.errors import InvalidValue
from ...domain.market import Symbol
from ...domain.signals.features import FeatureSet
from ..market import MarketPanel
from ..ports.feature_builder import FeatureBuilder


@dataclass(frozen=True, slots=True)
class Leak:
    """The first place at which a feature knew the future.

    Attributes:
        feature: The column's name.
        bar: Position in the panel of the row that changed.
        cut: Last bar that the builder was shown.
        seen: Value with the bars up to ``cut`` alone.
        full: Value with all bars.
    """

    feature: str
    symbol: Symbol
    bar: int
    cut: int
    seen: float
    full: float

    def __str__(self) -> str:
        return (
            f"{self.feature} of {self.symbol} at bar {self.bar} is {self.seen!r} when the bars "
            f"after {self.cut} are unknown, and {self.full!r} when they are known"
        )


def find_lookahead(
    builder: FeatureBuilder, panel: MarketPanel, feature_set: FeatureSet, cuts: int = 16
) -> tuple[Leak, ...]:
    """Compare the whole panel's features with those of panels cut short.

    Every row up to a cut must have the same bits as with the full panel, its validity included. A
    feature that looks k bars ahead changes in the last k rows before a cut, so that any cut finds
    it unless the prices stand still there.

    Args:
        cuts: How many cuts, spread evenly over the bars past the warm-up; the more, the slower.

    Returns:
        At most one leak a feature, in the set's order; empty if all is well.

    Raises:
        InvalidValue: If the panel is too short to be cut, or ``cuts`` is not positive.
    """
    warmup = builder.warmup(feature_set)
    bars = len(panel)
    if cuts < 1 or bars < warmup + 3:
        raise InvalidValue(
            f"a look-ahead test needs a cut and {warmup + 3} bars, had {cuts} cuts, {bars} bars",
            mend="use a longer period",
        )
    full = builder.table(panel, feature_set)
    leaks: dict[int, Leak] = {}
    for cut in np.unique(np.linspace(warmup, bars - 2, cuts).astype(int)):
        part = builder.table(panel.slice(0, int(cut) + 1), feature_set)
        differs = _differs(part.values, full.values[: cut + 1])
        differs |= (part.valid != full.valid[: cut + 1])[:, :, np.newaxis]
        for column in np.flatnonzero(differs.any(axis=(0, 1))):
            bar, asset = (int(one) for one in np.argwhere(differs[:, :, column])[0])
            place = (bar, asset, int(column))
            leaks.setdefault(
                int(column),
                Leak(
                    feature_set.names[column],
                    panel.symbols[asset],
                    bar,
                    int(cut),
                    float(part.values[place]),
                    float(full.values[place]),
                ),
            )
    return tuple(leaks[column] for column in sorted(leaks))


def _differs(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Compare bits: NaN equals itself, and 0 does not equal −0."""
    left = np.ascontiguousarray(a).view(np.uint64)
    return np.not_equal(left, np.ascontiguousarray(b).view(np.uint64))
