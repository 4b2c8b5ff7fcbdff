"""The statistics of a ``VecNormalize``, read from its pickle without running it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ....domain.errors import ArtefactError
from .inert import Thing, array, read_inert

_CLASS = "stable_baselines3.common.vec_env.vec_normalize.VecNormalize"


@dataclass(frozen=True, slots=True)
class Normaliser:
    """Statistics over whole observations.

    Attributes:
        mean, variance: Shape (N,), float64.
        epsilon: Added to the variance.
        clip: Bound of a normalised value.
    """

    mean: NDArray[np.float64]
    variance: NDArray[np.float64]
    epsilon: float
    clip: float

    def to_dict(self) -> dict[str, Any]:
        """Return plain lists."""
        deviation = np.sqrt(self.variance + self.epsilon)
        return {"mean": self.mean.tolist(), "deviation": deviation.tolist(), "clip": self.clip}

    def apply(self, observations: NDArray[np.float32]) -> NDArray[np.float32]:
        """Normalise as Stable-Baselines3 does, with its own code."""
        from stable_baselines3.common.running_mean_std import RunningMeanStd  # noqa: PLC0415
        from stable_baselines3.common.vec_env import VecNormalize  # noqa: PLC0415

        theirs = VecNormalize.__new__(VecNormalize)
        theirs.epsilon, theirs.clip_obs = self.epsilon, self.clip
        statistics = RunningMeanStd(shape=self.mean.shape)
        statistics.mean, statistics.var = self.mean, self.variance
        made = theirs._normalize_obs(observations, statistics)  # noqa: SLF001 - the original is meant
        return np.asarray(made, dtype=np.float32)


def read_normaliser(data: bytes, size: int) -> Normaliser | None:
    """Read ``vecnormalize.pkl``.

    Args:
        size: Of an observation.

    Returns:
        The statistics, None if it does not normalise observations.

    Raises:
        ArtefactError: If it is none, or of other observations.
    """
    place = "the normaliser"
    thing = read_inert(data, place)
    if not isinstance(thing, Thing) or thing.name != _CLASS:
        raise ArtefactError(
            f"{place} is no VecNormalize: {getattr(thing, 'name', type(thing))!s:.80}"
        )
    if thing.field("norm_obs") is False:
        return None
    statistics = thing.field("obs_rms")
    if not isinstance(statistics, Thing):
        raise ArtefactError(f"{place} has no statistics of one plain observation")
    mean = array(statistics.field("mean"), f"{place}'s mean")
    variance = array(statistics.field("var"), f"{place}'s variance")
    epsilon = float(array(thing.field("epsilon"), f"{place}'s epsilon"))
    clip = float(array(thing.field("clip_obs"), f"{place}'s clip"))
    if mean.shape != (size,) or variance.shape != (size,):
        raise ArtefactError(f"{place} is of observations {mean.shape}, the model's are ({size},)")
    finite = np.isfinite(mean).all() and np.isfinite(variance).all()
    if not finite or (variance < 0).any() or not 0 < epsilon < 1 or not 0 < clip < np.inf:
        raise ArtefactError(f"{place} holds a value that is not finite or of the wrong sign")
    return Normaliser(mean, variance, epsilon, clip)
