"""What a trainer needs of a vector environment beyond Stable-Baselines3's VecEnv."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv

from ...application.ports.feature_builder import FeatureTable
from ...application.ports.trainer import TrainingJob


class TrainingMarket(Protocol):
    """A vector environment whose whole batch can be kept and put back."""

    def snapshot(self) -> bytes:
        """Return the state of the whole batch."""

    def restore(self, state: bytes) -> object:
        """Take a state of :meth:`snapshot`; what is returned is not looked at.

        Raises:
            DataError: If it is of another batch or damaged.
        """


class MarketFactory(Protocol):
    """Builds the market of a job."""

    def __call__(
        self, job: TrainingJob, table: FeatureTable, scaled: NDArray[np.float32]
    ) -> tuple[VecEnv, TrainingMarket]:
        """Return the environment, twice: as what it is to the library and as what it is to us.

        Args:
            table: Unscaled features and where they are valid.
            scaled: Scaled features, shape (T, A, F), C-contiguous.

        Raises:
            DataError: If no block of the panel is long enough.
        """
