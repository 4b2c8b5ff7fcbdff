"""Use case: train a policy and keep it."""

from __future__ import annotations

from dataclasses import dataclass

from ...domain.errors import ConfigError, DataError, InvalidValue
from ..ports.artefact_store import ArtefactStore
from ..ports.clock import Clock
from ..ports.feature_builder import FeatureBuilder
from ..ports.trainer import ProgressCallback, Trainer, TrainingJob
from .artefact import PolicyArtefact
from .manifest import InstrumentTerms, PolicyManifest, check_name
from .policy import TrainedPolicy


@dataclass(frozen=True, slots=True)
class TrainingSummary:
    """What came of a training.

    Attributes:
        manifest: Of the model that was kept.
        seconds: From the first feature to the saved artefact.
    """

    manifest: PolicyManifest
    seconds: float


class TrainModel:
    """Checks a job, trains, and keeps the policy as a safe artefact.

    Args:
        code_version: Recorded in the manifest.
    """

    def __init__(
        self,
        trainer: Trainer,
        features: FeatureBuilder,
        store: ArtefactStore,
        clock: Clock,
        code_version: str,
    ) -> None:
        self._trainer = trainer
        self._features = features
        self._store = store
        self._clock = clock
        self._code_version = code_version

    def __call__(
        self,
        job: TrainingJob,
        on_progress: ProgressCallback | None = None,
        *,
        replace: bool = False,
    ) -> TrainingSummary:
        """Train and keep.

        Args:
            replace: Whether a model of that name may be replaced.

        Raises:
            InvalidValue: If the name cannot name a model or is taken, or a number is out of range.
            ConfigError: If the hyperparameters do not fit together.
            DataError: If there are too few bars, or gaps that the job refuses.
            NotFound, TrainingDiverged, StorageError: See :class:`~..ports.trainer.Trainer`.
        """
        begun = self._clock.monotonic()
        # Before hours of work, not after them.
        if check_name(job.name) in self._store.names() and not replace:
            raise InvalidValue(
                f"there is a model {job.name!r} already", mend="choose another name, or replace it"
            )
        manifest = self._store.save(self.fit(job, on_progress), replace=replace)
        return TrainingSummary(manifest, self._clock.monotonic() - begun)

    def fit(self, job: TrainingJob, on_progress: ProgressCallback | None = None) -> PolicyArtefact:
        """Train without keeping; raises as training does."""
        self._check(job)
        policy = self._trainer.train(job, on_progress)
        return PolicyArtefact(self._manifest(job, policy), policy.network)

    def _check(self, job: TrainingJob) -> None:
        for name, least in (("frames", 1), ("seed", 0), ("window", 1), ("episode_length", 0)):
            if getattr(job, name) < least:
                raise InvalidValue(
                    f"{name} must be {least} or more, was {getattr(job, name)}",
                    mend=f"set {name} to {least} or more",
                )
        if not job.ppo.hidden or min(job.ppo.hidden) < 1:
            raise ConfigError(
                f"ppo.hidden must name at least one layer of 1 or more, was {job.ppo.hidden}",
                mend="use (64, 64)",
            )
        warmup = self._features.warmup(job.feature_set)
        needed = warmup + job.window + max(2, job.episode_length)
        if len(job.panel) < needed:
            raise DataError(
                f"{len(job.panel)} bars are too few: warm-up {warmup}, window {job.window} and one "
                f"episode of {job.episode_length} need {needed}",
                mend="train on a longer period, or on shorter episodes",
            )

    def _manifest(self, job: TrainingJob, policy: TrainedPolicy) -> PolicyManifest:
        times, step = job.panel.open_time, job.panel.timeframe.milliseconds
        return PolicyManifest(
            name=job.name,
            created_at=self._clock.now_ms(),
            code_version=self._code_version,
            instruments=tuple(map(InstrumentTerms.of, job.panel.instruments)),
            timeframe=job.panel.timeframe,
            period=(int(times[0]), int(times[-1]) + step),
            data_hash=job.panel.data_hash,
            synthetic=job.panel.synthetic,
            feature_set=job.feature_set,
            scaler=policy.scaler,
            window=job.window,
            sizes=policy.network.sizes,
            activation=policy.network.activation,
            settings=job.settings,
            ppo=job.ppo,
            episode_length=job.episode_length,
            seed=job.seed,
            frames=policy.frames,
            metrics=dict(policy.metrics),
        )
