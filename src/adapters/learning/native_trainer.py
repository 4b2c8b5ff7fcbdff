"""PPO in native threads on the native market, as Stable-Baselines3 does it."""

from __future__ import annotations

import math
import os
from dataclasses import asdict

from ... import _native
from ...application.learning.policy import TrainedPolicy
from ...application.learning.scaler import FeatureScaler
from ...application.ports.clock import Clock
from ...application.ports.feature_builder import FeatureBuilder
from ...application.ports.trainer import ProgressCallback, TrainingJob
from ...domain.errors import ConfigError
from ..simulation.market_batch import MarketBatch
from .blocks import confine
from .checkpoints import Checkpoints
from .jobs import check_ppo, fingerprint
from .native_run import NativeRun
from .native_weights import begin, policy_network
from .scalars import ScalarFile
from .training_batch import training_batch


class NativeTrainer:
    """Trains with the native learner; one run a process.

    The same job gives the same weights on any number of threads, whether or not it was cut and
    resumed. Processors with other instructions may differ in the last bits.

    Args:
        features: The kernels of the features.
        clock: For the frame rate alone.
        keep: How many checkpoints are kept.
    """

    def __init__(self, features: FeatureBuilder, clock: Clock, *, keep: int = 3) -> None:
        self._features = features
        self._clock = clock
        self._keep = keep

    def train(self, job: TrainingJob, on_progress: ProgressCallback | None = None) -> TrainedPolicy:
        """See :class:`~mettle.application.ports.trainer.Trainer`."""
        check_ppo(job.ppo)
        if job.observations == "index":
            raise ConfigError(
                "the native learner reads windows where they lie: observations cannot be index",
                mend="leave training.observations out, or choose the learner sb3",
            )
        job, table = confine(job, self._features.table(job.panel, job.feature_set))
        scaler = FeatureScaler.fit(table.values, table.valid)
        market = training_batch(job, table, scaler.transform(table.values))
        learner = native_learner(job, market)
        checkpoints = Checkpoints(
            job.folder / "checkpoints", fingerprint(job, learner="native"), self._keep
        )
        run = NativeRun(job, market, learner, checkpoints, self._clock, on_progress)
        if job.resume:
            run.restore(checkpoints.latest())
        else:
            checkpoints.clear()
        run.check_space()
        with ScalarFile(job.folder / "tensorboard") as scalars:
            run.play(scalars)
        network = policy_network(learner.tensors("weights"))
        return TrainedPolicy(network, scaler, run.frames, _metrics(run))


def native_learner(job: TrainingJob, market: MarketBatch) -> _native.PpoLearner:
    """Return a learner with its first weights.

    Raises:
        ConfigError: If the network cannot be built.
    """
    settings = {name: one for name, one in asdict(job.ppo).items() if name != "initial_log_std"}
    threads = job.threads or os.cpu_count() or 1
    try:
        learner = _native.PpoLearner(
            market.observation_size, market.assets, settings, job.seed, threads
        )
    except ValueError as error:
        raise ConfigError(f"the network cannot be built: {error}") from error
    begin(learner, job.ppo, job.seed)
    return learner


def _metrics(run: NativeRun) -> dict[str, float | None]:
    figures: dict[str, float | None] = {"mean_episode_reward": run.mean_reward()}
    for name in ("value_loss", "policy_gradient_loss", "approx_kl", "explained_variance", "std"):
        value = run.losses.get(name)
        figures[name] = value if value is not None and math.isfinite(value) else None
    return figures
