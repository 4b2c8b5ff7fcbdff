"""Use cases: what is trained, imported or trusted is written into the registry."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace

from ...domain.errors import ConfigError, DataError, InvalidValue, NotFound
from ..ports.clock import Clock
from ..ports.ids import Ids
from ..ports.model_registry import ModelRegistry, Wanted
from ..ports.trainer import ProgressCallback, TrainingJob, TrainingProgress
from .manifest import PolicyManifest
from .registry import Ending, Hashes, ModelRecord, ModelStatus, Origin, Paths, Sign
from .train import TrainingSummary

IMPORTED = "imported"
"""The study of models that come from elsewhere."""

_TRIES = 20
_REFUSALS = (InvalidValue, ConfigError, DataError, NotFound)

Train = Callable[..., TrainingSummary]
"""See :class:`~.train.TrainModel`."""


class Registrar:
    """Writes models into the registry.

    Args:
        code_version: Recorded of what is trained here.
    """

    def __init__(
        self, registry: ModelRegistry, clock: Clock, ids: Ids, code_version: str = ""
    ) -> None:
        self._registry = registry
        self._clock = clock
        self._ids = ids
        self._code_version = code_version

    def train(
        self,
        train: Train,
        job: TrainingJob,
        on_progress: ProgressCallback | None = None,
        *,
        replace: bool = False,
    ) -> TrainingSummary:
        """Train as ``train`` does, and write down that it began and how it ended.

        It has begun with its first progress, or when it ends otherwise than by refusing its input:
        what is refused changes nothing. A process that is killed leaves an attempt in training; the
        next attempt at that study says so of it. What ``train`` raises is raised.
        """
        began = self._clock.monotonic()
        record: ModelRecord | None = None

        def watch(now: TrainingProgress) -> None:
            nonlocal record
            if record is None:
                record = self._begin(job)
            if on_progress is not None:
                on_progress(now)

        try:
            summary = train(job, watch, replace=replace)
        except BaseException as error:
            if record is None and isinstance(error, _REFUSALS):
                raise
            ending = Ending(
                status=ModelStatus.FAILED,
                at=self._clock.now_ms(),
                duration_s=self._clock.monotonic() - began,
                error_class=type(error).__name__,
                error=str(error),
            )
            self._registry.finish((record or self._begin(job)).model_id, ending)
            raise
        ending = Ending(
            status=ModelStatus.COMPLETED,
            at=self._clock.now_ms(),
            duration_s=summary.seconds,
            hashes=Hashes(artefact=summary.manifest.digest),
            paths=Paths(artefact=summary.manifest.name),
        )
        self._registry.finish((record or self._begin(job)).model_id, ending)
        return summary

    def take_in(
        self, manifest: PolicyManifest, source: str, sign: Sign, *, made_by: str = ""
    ) -> ModelRecord:
        """Register a finished model that a person vouches for, and who did.

        Args:
            source: What was vouched for: hashes of the files, and the key that had signed them.
            made_by: The program that made it; this one if "".
        """
        known = self.of(manifest)
        if known is None:
            known = self._register(
                replace(
                    self._record(manifest.name, IMPORTED, Origin.IMPORT),
                    timeframe=manifest.timeframe.label,
                    symbols=tuple(map(str, manifest.symbols)),
                    status=ModelStatus.COMPLETED,
                    seed=manifest.seed,
                    synthetic=manifest.synthetic,
                    hyperparameters=asdict(manifest.ppo),
                    hashes=Hashes(
                        features=manifest.feature_set.hash,
                        data=manifest.data_hash,
                        code=made_by or f"mettle {manifest.code_version}",
                        artefact=manifest.digest,
                    ),
                    paths=Paths(artefact=manifest.name),
                    finished_at=self._clock.now_ms(),
                )
            )
        self._registry.trust(known.model_id, source, sign)
        return known

    def of(self, manifest: PolicyManifest) -> ModelRecord | None:
        """Return the newest record of a model with these files, None if there is none."""
        records = self._registry.list(Wanted(name=manifest.name, held=True))
        return next((one for one in records if one.hashes.artefact == manifest.digest), None)

    def _begin(self, job: TrainingJob) -> ModelRecord:
        for one in self._registry.attempts(job.name, 0):
            if one.status is ModelStatus.TRAINING:  # the study's claim is ours: nobody trains it
                lost = Ending(
                    status=ModelStatus.FAILED,
                    at=self._clock.now_ms(),
                    error_class="ProcessDied",
                    error="the process that trained it ended without a word",
                )
                self._registry.finish(one.model_id, lost)
        return self._register(
            replace(
                self._record(job.name, job.name, Origin.TRAINING),
                timeframe=job.panel.timeframe.label,
                symbols=tuple(map(str, job.panel.symbols)),
                seed=job.seed,
                synthetic=job.panel.synthetic,
                hyperparameters={
                    **asdict(job.ppo),
                    "frames": job.frames,
                    "window": job.window,
                    "episode_length": job.episode_length,
                },
                hashes=Hashes(
                    features=job.feature_set.hash,
                    data=job.panel.data_hash,
                    code=self._code_version,
                ),
                paths=Paths(logs=str(job.folder / "tensorboard")),
            )
        )

    def _record(self, name: str, study: str, origin: Origin) -> ModelRecord:
        return ModelRecord(
            model_id=self._ids.new("model"),
            name=name,
            study=study,
            trial=0,
            timeframe="",
            created_at=self._clock.now_ms(),
            origin=origin,
        )

    def _register(self, record: ModelRecord) -> ModelRecord:
        """Register under the next free attempt; others may take one at the same time."""
        for _ in range(_TRIES):
            tried = self._registry.attempts(record.study, record.trial)
            numbered = replace(record, attempt=1 + max((one.attempt for one in tried), default=-1))
            try:
                self._registry.register(numbered)
            except InvalidValue:
                continue
            return numbered
        raise InvalidValue(f"study {record.study!r} is too busy to register {record.name!r}")
