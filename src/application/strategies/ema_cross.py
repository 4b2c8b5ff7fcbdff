"""Long while a fast exponential average is above a slow one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...domain.errors import InvalidValue
from ...domain.signals.catalogue import feature
from ...domain.signals.features import FeatureForm, FeatureSet


@dataclass(frozen=True, slots=True)
class EmaCross:
    """Hold 1/A of equity in each asset whose fast average is above its slow one.

    Otherwise hold nothing of it or, with ``allow_short``, −1/A while the fast one is below. Equal
    averages, and an asset in warm-up (its features are 0), get 0. Implements ``Agent``.

    Attributes:
        fast: Bars of the fast average.
        slow: Bars of the slow average, more than ``fast``.
        allow_short: Whether to go short.

    Raises:
        InvalidValue: If a number of bars is out of its bounds.
    """

    fast: int = 12
    slow: int = 26
    allow_short: bool = False

    def __post_init__(self) -> None:
        if self.fast >= self.slow:
            raise InvalidValue(f"fast must be below slow, were {self.fast} and {self.slow}")
        _ = self.feature_set

    @property
    def name(self) -> str:
        """``ema-cross-12-26``, with ``-short`` where it may go short."""
        return f"ema-cross-{self.fast}-{self.slow}" + ("-short" if self.allow_short else "")

    @property
    def feature_set(self) -> FeatureSet:
        """The fast and the slow average, in the price's unit."""
        return FeatureSet(
            tuple(feature("ema", n, form=FeatureForm.RAW) for n in (self.fast, self.slow))
        )

    @property
    def window(self) -> int:
        """One bar."""
        return 1

    def decide(
        self, features: NDArray[np.float64], portfolio: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Return the actions of one bar: features (1, A, 2) to actions (A,)."""
        del portfolio  # the rule does not depend on what is held
        share = 1 / features.shape[-2]
        below = -share if self.allow_short else 0.0
        # Number by number: for one bar that is quicker than whole arrays, and the same bits.
        return np.array(
            [
                share if fast > slow else below if fast < slow else 0.0
                for fast, slow in features[-1].tolist()
            ],
            dtype=np.float32,
        )

    def decide_batch(self, features: NDArray[np.float64]) -> NDArray[np.float32]:
        """Return the actions of many bars: features (T, A, 2) to actions (T, A).

        Element by element, so that a batch and single bars give the same bits.
        """
        fast, slow = features[..., 0], features[..., 1]
        nothing, share = np.float32(0), np.float32(1 / features.shape[-2])
        below = np.where(fast < slow, -share if self.allow_short else nothing, nothing)
        return np.where(fast > slow, share, below)
