"""PPO in native threads on the native market, as Stable-Baselines3 does it."""

from __future__ import annotations

from ...application.learning.policy import TrainedPolicy
from ...application.learning.scaler import FeatureScaler
from ...application.ports.clock import Clock
from ...application.ports.feature_builder import FeatureBuilder
from ...application.ports.trainer import ProgressCallback, TrainingJob
from ...domain.errors import ConfigError
from .blocks import confine
from .checkpoints import Checkpoints
from .jobs import check_ppo, fingerprint
from .learner_run import LearnerRun
from .native_learner import NativeLearner
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
                mend="leave training.observations out, or choose another learner",
            )
        job, table = confine(job, self._features.table(job.panel, job.feature_set))
        scaler = FeatureScaler.fit(table.values, table.valid)
        market = training_batch(job, table, scaler.transform(table.values))
        checkpoints = Checkpoints(
            job.folder / "checkpoints", fingerprint(job, learner="native"), self._keep
        )
        learner = NativeLearner(market, job.ppo, job.seed, job.threads)
        run = LearnerRun(job, learner, checkpoints, self._clock, on_progress)
        return run.train(scaler)
