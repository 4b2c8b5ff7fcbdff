"""Models that another program made, as a port."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..learning.policy import Network


@dataclass(frozen=True, slots=True, eq=False)
class ForeignNormaliser:
    """How observations were normalised: ``clip((observation − mean) / deviation)``.

    Attributes:
        mean, deviation: Shape (N,), float64; deviations are positive.
    """

    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]
    clip: float


@dataclass(frozen=True, slots=True, eq=False)
class ForeignModel:
    """A policy as it was found.

    Attributes:
        network: From the normalised observation to the actions.
        probes: Observations that the original was asked about, shape (K, N), float32.
        actions: What the original answered, shape (K, A), float32.
        numbers: Plain hyperparameters by the original's names.
        program: What made it, with its version.
        sources: SHA-256 of each file by its name.
        protections: What held while it was read, in words.
    """

    network: Network
    normaliser: ForeignNormaliser | None
    probes: NDArray[np.float32]
    actions: NDArray[np.float32]
    numbers: Mapping[str, float]
    program: str
    sources: Mapping[str, str]
    protections: tuple[str, ...]


class ForeignModels(Protocol):
    """Reads files that nobody vouches for. Adapter: Stable-Baselines3 in an isolated process."""

    def read(self, model: Path, normaliser: Path | None = None) -> ForeignModel:
        """Return the model; nothing that the files hold is run in this process.

        Raises:
            NotFound: If a file does not exist.
            ArtefactError: If a file is damaged, hostile, or of a kind that is not taken over.
            RefusedForSafety: If this machine cannot isolate a process.
            TimedOut: If it took too long.
        """
