"""The native market of a training job."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv

from ...application.ports.feature_builder import FeatureTable
from ...application.ports.trainer import TrainingJob
from ..simulation.sb3_vec_env import MarketVecEnv
from .markets import TrainingMarket
from .training_batch import training_batch


def native_market(
    job: TrainingJob, table: FeatureTable, scaled: NDArray[np.float32]
) -> tuple[VecEnv, TrainingMarket]:
    """See :class:`~mettle.adapters.learning.markets.MarketFactory`."""
    env = MarketVecEnv(training_batch(job, table, scaled))
    return env, env
