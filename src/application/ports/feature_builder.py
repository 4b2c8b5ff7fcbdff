"""Computing features, as a port."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ...domain.signals.features import FeatureSet
from ..market import MarketPanel


@dataclass(frozen=True, slots=True)
class FeatureTable:
    """Unscaled features of a panel.

    Attributes:
        values: Shape (T, A, F), float64, C-contiguous. A row is 0 until every feature is past its
            warm-up; at a missing bar it is the last row (the indicators' state does not advance).
        valid: Shape (T, A), bool: past warm-up and not missing.
        warmup: Number of an asset's bars before its first valid row.
    """

    feature_set: FeatureSet
    values: NDArray[np.float64]
    valid: NDArray[np.bool_]
    warmup: int


class BarUpdate(Protocol):
    """A call that takes one bar of every asset."""

    def __call__(
        self,
        open: NDArray[np.int64],
        high: NDArray[np.int64],
        low: NDArray[np.int64],
        close: NDArray[np.int64],
        volume: NDArray[np.int64],
        state: NDArray[np.uint8],
    ) -> NDArray[np.float64]:
        """Take a bar (shapes (A,), ticks and lots); return shape (A, F).

        Raises:
            DataError: If the bar breaks the rules of bars; the stream is then as before.
        """


class FeatureStream(Protocol):
    """Features bar by bar, bit-equal to the table when both start at the same bar."""

    @property
    def update(self) -> BarUpdate:
        """Return the call that takes one bar of every asset."""

    @property
    def valid(self) -> NDArray[np.bool_]:
        """Whether the last row is past warm-up and not missing, shape (A,)."""

    def snapshot(self) -> bytes:
        """Return the whole state."""

    def restore(self, state: bytes) -> None:
        """Take a state of :meth:`snapshot`.

        Raises:
            DataError: If it is of another feature set or damaged.
        """


class FeatureBuilder(Protocol):
    """The one set of kernels that every engine uses. Adapter: native."""

    def known(self) -> Sequence[str]:
        """Return the names of the kernels."""

    def warmup(self, feature_set: FeatureSet) -> int:
        """Return how many bars an asset needs before its first valid row."""

    def table(self, panel: MarketPanel, feature_set: FeatureSet) -> FeatureTable:
        """Compute a whole panel.

        Raises:
            InvalidValue: If the set names an unknown kernel or wrong parameters.
            DataError: If a bar is beyond the kernels' range.
        """

    def stream(self, panel: MarketPanel, feature_set: FeatureSet) -> FeatureStream:
        """Return a fresh stream for the panel's instruments; the panel's bars are not read.

        Its first update is the bar that opens at ``panel.open_time[0]``, each further one the next
        instant of the grid: calendar features count on it. Missing bars are updates too.
        """
