"""The native environments of a training job, free of any learning library."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...application.ports.feature_builder import FeatureTable
from ...application.ports.trainer import TrainingJob
from ..simulation.market_batch import BatchSettings, MarketBatch, ObservationMode


def _mode(job: TrainingJob) -> ObservationMode:
    if job.observations == "index":
        return "index"
    return "flat" if job.window == 1 else "window"


def batch_settings(job: TrainingJob) -> BatchSettings:
    """Return what the environments of a job play and show."""
    return BatchSettings(
        environments=job.ppo.environments,
        seed=job.seed,
        episode_length=job.episode_length,
        window=job.window,
        mode=_mode(job),
        threads=job.threads,
        gaps=job.gaps,
    )


def training_batch(
    job: TrainingJob, table: FeatureTable, scaled: NDArray[np.float32]
) -> MarketBatch:
    """Return the environments that a job is trained in.

    Args:
        table: Unscaled features and where they are valid.
        scaled: Scaled features, shape (T, A, F), C-contiguous.

    Raises:
        DataError: If no block of the panel is long enough.
    """
    return MarketBatch(job.panel, scaled, table.valid, job.settings, batch_settings(job))
