"""Whatever decides: a trained policy or a rule strategy."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from ...domain.signals.features import FeatureSet


class Agent(Protocol):
    """Turns what is known at a bar's close into one action an asset, in [−1, 1].

    Deterministic and free of state of its own: the same inputs give the same bits, one row at a
    time or in a batch, in every engine. Adapters: policy (native inference), rule strategies.
    """

    @property
    def name(self) -> str:
        """A short name for reports and decisions."""

    @property
    def feature_set(self) -> FeatureSet:
        """The unscaled features that it wants."""

    @property
    def window(self) -> int:
        """How many bars of features it sees, 1 for the last alone."""

    def decide(
        self, features: NDArray[np.float64], portfolio: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Return the actions of one bar.

        Args:
            features: Unscaled, oldest bar first, shape (window, A, F).
            portfolio: Portfolio part of the observation, shape (1 + 3A,).

        Returns:
            Actions, shape (A,).
        """


@runtime_checkable
class BatchRule(Protocol):
    """An agent that looks at one bar of features alone, and can decide many bars at once."""

    def decide_batch(self, features: NDArray[np.float64]) -> NDArray[np.float32]:
        """Return the actions of many bars: features (T, A, F) to actions (T, A)."""
