"""Use case: take over a model of another program, and show that it still decides alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...domain.errors import ArtefactError
from ...domain.market import Instrument, Timeframe
from ...domain.signals.features import FeatureSet
from ...domain.simulation.settings import SimulationSettings
from ..ports.agent import Agent
from ..ports.artefact_store import ArtefactStore
from ..ports.clock import Clock
from ..ports.foreign_models import ForeignModel, ForeignModels
from ..ports.trainer import PpoSettings
from .artefact import PolicyArtefact
from .fold import Folded, fold
from .manifest import InstrumentTerms, PolicyManifest
from .policy import Network
from .register import Registrar
from .registry import ModelRecord, Sign

TOLERANCE = 1e-4
"""Largest difference of an action in [−1, 1] from the original's, over all probes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignRequest:
    """What the file does not say, and its owner must.

    Attributes:
        normaliser: ``vecnormalize.pkl``, if the model was trained behind one.
        instruments: In the order of the actions.
        period: Training bars from and until, Unix milliseconds; None is unknown, and then every
            bar before the import counts as seen.
    """

    name: str
    model: Path
    instruments: tuple[Instrument, ...]
    timeframe: Timeframe
    feature_set: FeatureSet
    window: int
    settings: SimulationSettings
    sign: Sign
    normaliser: Path | None = None
    period: tuple[int, int] | None = None
    replace: bool = False


@dataclass(frozen=True, slots=True)
class TakenOver:
    """What came of it.

    Attributes:
        difference: Largest difference of an action on the probes.
        warnings: Where the new model cannot be quite the old one.
    """

    manifest: PolicyManifest
    record: ModelRecord
    difference: float
    probes: int
    warnings: tuple[str, ...]
    protections: tuple[str, ...]


class TakeOver:
    """Reads a foreign model in isolation, turns it into a safe one, compares, keeps, registers.

    Args:
        decider: Makes the agent that will decide in every engine.
    """

    def __init__(
        self,
        reader: ForeignModels,
        store: ArtefactStore,
        registrar: Registrar,
        clock: Clock,
        decider: Callable[[PolicyArtefact], Agent],
    ) -> None:
        self._reader = reader
        self._store = store
        self._registrar = registrar
        self._clock = clock
        self._decider = decider

    def __call__(self, request: ForeignRequest) -> TakenOver:
        """Take a model over.

        Raises:
            ArtefactError: If it is damaged or hostile, does not fit the features and instruments
                stated, or decides otherwise than the original.
            NotFound, RefusedForSafety, TimedOut: If it cannot be read, as
                :class:`~..ports.foreign_models.ForeignModels` says.
            InvalidValue: If the name is taken.
        """
        foreign = self._reader.read(request.model, request.normaliser)
        shape = (request.window, len(request.instruments), len(request.feature_set))
        folded = fold(foreign.network, foreign.normaliser, shape)
        artefact = PolicyArtefact(self._manifest(request, foreign, folded), folded.network)
        difference = self._compare(artefact, foreign, folded)
        manifest = self._store.save(artefact, replace=request.replace)
        source = ", ".join(f"sha256 {value} of {name}" for name, value in foreign.sources.items())
        record = self._registrar.take_in(manifest, source, request.sign, made_by=foreign.program)
        return TakenOver(
            manifest,
            record,
            difference,
            len(foreign.probes),
            folded.warnings,
            foreign.protections,
        )

    def _manifest(
        self, request: ForeignRequest, foreign: ForeignModel, folded: Folded
    ) -> PolicyManifest:
        now = self._clock.now_ms()
        return PolicyManifest(
            name=request.name,
            created_at=now,
            code_version=foreign.program,
            instruments=tuple(map(InstrumentTerms.of, request.instruments)),
            timeframe=request.timeframe,
            period=(0, now) if request.period is None else request.period,
            data_hash="unknown",
            synthetic=False,
            feature_set=request.feature_set,
            scaler=folded.scaler,
            window=request.window,
            sizes=folded.network.sizes,
            activation=folded.network.activation,
            settings=request.settings,
            ppo=_ppo(foreign.numbers, folded.network),
            episode_length=0,
            seed=max(0, int(foreign.numbers.get("seed", 0))),
            frames=int(foreign.numbers.get("num_timesteps", 0)),
        )

    def _compare(self, artefact: PolicyArtefact, foreign: ForeignModel, folded: Folded) -> float:
        """Return the largest difference; the new model is asked through its own agent."""
        agent = self._decider(artefact)
        ours = np.array([agent.decide(*_split(probe, folded)) for probe in foreign.probes])
        difference = float(np.max(np.abs(np.clip(ours, -1, 1) - foreign.actions)))
        if not difference <= TOLERANCE:
            raise ArtefactError(
                f"the model decides otherwise than the original, by up to {difference:.2g} on "
                f"{len(foreign.probes)} observations",
                mend="check that --vecnormalize is the file saved with this very model",
            )
        return difference


def _split(
    probe: NDArray[np.float32], folded: Folded
) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    window, assets, features = folded.shape
    inputs = window * assets * features
    portfolio = np.zeros(1 + 3 * assets, dtype=np.float32)
    if len(probe) > inputs:
        portfolio[:] = probe[:-inputs]
    return probe[-inputs:].astype(np.float64).reshape(folded.shape), portfolio


def _ppo(numbers: Mapping[str, float], network: Network) -> PpoSettings:
    known = PpoSettings()

    def whole(name: str, otherwise: int) -> int:
        return max(1, int(numbers.get(name, otherwise)))

    return PpoSettings(
        environments=whole("n_envs", known.environments),
        rollout=whole("n_steps", known.rollout),
        batch_size=whole("batch_size", known.batch_size),
        epochs=whole("n_epochs", known.epochs),
        learning_rate=numbers.get("learning_rate", known.learning_rate),
        discount=numbers.get("gamma", known.discount),
        gae_lambda=numbers.get("gae_lambda", known.gae_lambda),
        entropy_coefficient=numbers.get("ent_coef", known.entropy_coefficient),
        value_coefficient=numbers.get("vf_coef", known.value_coefficient),
        max_gradient_norm=numbers.get("max_grad_norm", known.max_gradient_norm),
        hidden=network.sizes[1:-1] or (1,),
    )
