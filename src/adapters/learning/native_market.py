"""The native market of a training job."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv

from ...application.ports.feature_builder import FeatureTable
from ...application.ports.trainer import TrainingJob
from ..simulation.market_batch import BatchSettings, MarketBatch
from ..simulation.sb3_vec_env import MarketVecEnv
from .markets import TrainingMarket


def native_market(
    job: TrainingJob, table: FeatureTable, scaled: NDArray[np.float32]
) -> tuple[VecEnv, TrainingMarket]:
    """See :class:`~mettle.adapters.learning.markets.MarketFactory`."""
    batch = MarketBatch(
        job.panel,
        scaled,
        table.valid,
        job.settings,
        BatchSettings(
            environments=job.ppo.environments,
            seed=job.seed,
            episode_length=job.episode_length,
            window=job.window,
            mode="flat" if job.window == 1 else "window",
            threads=job.threads,
            gaps=job.gaps,
        ),
    )
    env = MarketVecEnv(batch)
    return env, env
