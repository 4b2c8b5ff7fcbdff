"""Trials of trained policies: each fold trains its own, on what came before it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from typing import Any

from ...domain.errors import DataError, NotFound
from ..backtest import Provenance, Window
from ..learning.artefact import PolicyArtefact
from ..learning.train import TrainModel
from ..ports.agent import Agent
from ..ports.artefact_store import ArtefactStore
from ..ports.trainer import PpoSettings, TrainingJob
from .final import Candidate, FinalTask
from .objective import TrialWork
from .records import TrialAttempt
from .space import ppo_settings

_NUMBER_BYTES = 4
_STATES = 4 + 3
"""Copies of the weights on the disk: kept checkpoints with their optimiser, and the artefact."""


@dataclass(frozen=True, slots=True)
class FinalPolicy:
    """See :class:`~.final.Candidate`."""

    agent: Agent
    artefact: PolicyArtefact
    artefacts: ArtefactStore

    @property
    def provenance(self) -> Provenance:
        """Its digest, and the bars that it was trained on."""
        manifest = self.artefact.manifest
        return Provenance(manifest.digest, *manifest.period)

    @property
    def called(self) -> str:
        """Name of the model."""
        return self.artefact.manifest.name

    def keep(self) -> str:
        """Save the artefact."""
        return self.artefacts.save(self.artefact, replace=True).digest


class PpoMaker:
    """See :class:`~.objective.AgentMaker`.

    The policy of the last fold, which has seen the most, is the trial's model.

    Args:
        job: Settings of the training; panel, name, folder, seed and optimiser are a fold's own.
        train: The use case.
        artefacts: Where models are kept.
        as_agent: Turns an artefact into what decides.
        folds: How many there are.
    """

    def __init__(
        self,
        job: TrainingJob,
        train: TrainModel,
        artefacts: ArtefactStore,
        as_agent: Callable[[PolicyArtefact], Agent],
        folds: int,
    ) -> None:
        self._job = job
        self._train = train
        self._artefacts = artefacts
        self._as_agent = as_agent
        self._folds = folds

    def make(self, work: TrialWork, fold: int, window: Window) -> tuple[Agent, Provenance]:
        """Return the policy trained on the window's training bars, from its last checkpoint on."""
        artefact = self._fit(self._fold_job(work, fold, window), work.check)
        if fold == self._folds - 1:
            self._artefacts.save(artefact, replace=True)
        manifest = artefact.manifest
        return self._as_agent(artefact), Provenance(manifest.digest, *manifest.period)

    def keep(self, work: TrialWork) -> Mapping[str, Any]:
        """Return the name and digest of the trial's model after verifying its files."""
        manifest = self._artefacts.verify(work.attempt.lineage)
        return {"model": manifest.name, "model_digest": manifest.digest}

    def final(self, task: FinalTask) -> Candidate:
        """See :class:`~.final.FinalMaker`; from its last checkpoint on, if it was cut."""
        job = replace(
            self._job,
            name=task.name,
            panel=self._job.panel.slice(task.first, task.stop),
            folder=task.folder,
            seed=task.seed,
            ppo=self._ppo(task.attempt),
        )
        artefact = self._fit(job, lambda: None)
        return FinalPolicy(self._as_agent(artefact), artefact, self._artefacts)

    def fingerprint(self, work: TrialWork) -> Mapping[str, Any]:
        """Return what the policies depend on beside the parameters."""
        job = self._job
        return {
            "features": job.feature_set.hash,
            "ppo": asdict(self._ppo(work.attempt)),
            "frames": job.frames,
            "window": job.window,
            "episode_length": job.episode_length,
            "seed": work.seed,
        }

    def space_needed(self) -> int:
        """Return the bytes of one fold's checkpoints and artefact."""
        job, assets = self._job, len(self._job.panel.instruments)
        widths = (
            1 + 3 * assets + job.window * assets * len(job.feature_set),
            *job.ppo.hidden,
            assets,
        )
        weights = sum(a * b + b for a, b in pairwise(widths))
        observations = job.ppo.environments * widths[0]
        return _STATES * 3 * _NUMBER_BYTES * (2 * weights + observations)

    def _ppo(self, attempt: TrialAttempt) -> PpoSettings:
        footprint = attempt.footprint
        chosen = ppo_settings(self._job.ppo, attempt.parameters)
        return replace(chosen, environments=footprint.environments, batch_size=footprint.batch)

    def _fold_job(self, work: TrialWork, fold: int, window: Window) -> TrainingJob:
        size, reseeds = work.attempt.footprint, work.attempt.reseeds
        # Checkpoints of another footprint or seed do not fit: each has a folder of its own.
        name = f"training-{fold:02d}-{size.environments}-{size.batch}-{reseeds}"
        return replace(
            self._job,
            name=work.attempt.lineage,
            panel=self._job.panel.slice(window.train_start, window.train_stop),
            folder=work.files.folder(work.attempt) / name,
            seed=(work.seed + fold) % 2**31,
            ppo=self._ppo(work.attempt),
        )

    def _fit(self, job: TrainingJob, check: Callable[[], None]) -> PolicyArtefact:
        def watch(_now: object) -> None:
            check()

        try:
            return self._train.fit(replace(job, resume=True), watch)
        except NotFound:
            return self._train.fit(job, watch)
        except DataError:
            # A damaged checkpoint costs its frames; if it is the bars, this raises again.
            return self._train.fit(job, watch)
