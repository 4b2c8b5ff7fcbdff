"""What every trainer asks of a job: hyperparameters that fit, and what makes it another job."""

from __future__ import annotations

import hashlib
import math
from dataclasses import asdict

from ...application.learning.strict import canonical
from ...application.ports.trainer import PpoSettings, TrainingJob
from ...domain.errors import ConfigError

EPISODES = 100
"""Finished episodes that the mean reward is taken over, as in Stable-Baselines3."""


def check_ppo(ppo: PpoSettings) -> None:
    """Refuse hyperparameters that cannot be trained with.

    Raises:
        ConfigError: Naming the first of them.
    """
    for name in ("environments", "rollout", "batch_size", "epochs"):
        if getattr(ppo, name) < 1:
            raise ConfigError(f"ppo.{name} must be positive, was {getattr(ppo, name)}")
    if not 0 < ppo.learning_rate < math.inf:
        raise ConfigError(f"ppo.learning_rate must be positive, was {ppo.learning_rate}")
    frames = ppo.environments * ppo.rollout
    if frames < 2 or ppo.batch_size < 2 or frames % ppo.batch_size:
        raise ConfigError(
            f"ppo.batch_size {ppo.batch_size} must be at least 2 and divide environments × "
            f"rollout = {frames}",
            mend=f"use a divisor of {frames}",
        )


def fingerprint(job: TrainingJob, **learner: str) -> str:
    """Return the SHA-256 of what a checkpoint must agree on with the job that goes on from it.

    Frames, threads and the distance of checkpoints may change between the parts of one run.

    Args:
        learner: What is to be known of the learner.
    """
    body = {
        "data": job.panel.data_hash,
        "features": job.feature_set.hash,
        "settings": job.settings.to_dict(),
        "ppo": asdict(job.ppo),
        "window": job.window,
        "episode_length": job.episode_length,
        "seed": job.seed,
        **({"observations": "index"} if job.observations == "index" else {}),
        **learner,
    }
    return hashlib.sha256(canonical(body)).hexdigest()
