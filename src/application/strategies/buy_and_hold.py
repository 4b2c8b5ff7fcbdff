"""Equal weights, always: the benchmark that anything must beat."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...domain.signals.catalogue import feature
from ...domain.signals.features import FeatureForm, FeatureSet


@dataclass(frozen=True, slots=True)
class BuyAndHold:
    """Hold 1/A of equity in each asset from its first bar on. Implements ``Agent``."""

    @property
    def name(self) -> str:
        """``buy-and-hold``."""
        return "buy-and-hold"

    @property
    def feature_set(self) -> FeatureSet:
        """Close over open: positive from an asset's first bar, 0 before it."""
        return FeatureSet((feature("close_open", form=FeatureForm.RAW),))

    @property
    def window(self) -> int:
        """One bar."""
        return 1

    def decide(
        self, features: NDArray[np.float64], portfolio: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Return the actions of one bar: features (1, A, 1) to actions (A,)."""
        del portfolio  # the rule does not depend on what is held
        row: NDArray[np.float32] = self.decide_batch(features)[-1]
        return row

    def decide_batch(self, features: NDArray[np.float64]) -> NDArray[np.float32]:
        """Return the actions of many bars: features (T, A, 1) to actions (T, A)."""
        share = np.float32(1 / features.shape[-2])
        return np.where(features[..., 0] > 0, share, np.float32(0))
