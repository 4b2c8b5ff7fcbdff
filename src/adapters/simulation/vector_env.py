"""MarketVectorEnv: the native market as a Gymnasium vector environment."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from ...application.learning.scaler import FeatureScaler
from ...application.market import MarketPanel
from ...domain.signals.features import FeatureSet
from ...domain.simulation.settings import SimulationSettings
from .gym_market import action_space, make_batch, observation_space
from .market_batch import BatchSettings, Gaps, MarketBatch, ObservationMode

Float32Array = NDArray[np.float32]
_Step = tuple[Float32Array, Float32Array, NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]


class MarketVectorEnv(VectorEnv[Float32Array, Float32Array, NDArray[Any]]):
    """Environments that are stepped together and begin anew in the step in which they end.

    With ``autoreset_mode`` SAME_STEP the last observation of a finished episode is in
    ``infos["final_obs"]``, its return, length and equity in ``infos["final_info"]``.

    Args:
        num_envs: Number of environments.
        panel, feature_set, scaler, settings: See :func:`~.gym_market.make_batch`.
        episode_length, window, mode, threads, gaps, seed: See
            :class:`~.market_batch.BatchSettings`.
        copy: Whether each step returns arrays of its own. Without, they are views that the step
            after the next overwrites.
    """

    metadata = {  # noqa: RUF012 - the base class declares it as an instance's
        "autoreset_mode": AutoresetMode.SAME_STEP,
        "render_modes": [],
    }

    def __init__(
        self,
        num_envs: int = 1,
        *,
        panel: MarketPanel | None = None,
        feature_set: FeatureSet | None = None,
        scaler: FeatureScaler | None = None,
        settings: SimulationSettings | None = None,
        episode_length: int = 512,
        window: int = 1,
        mode: ObservationMode = "flat",
        threads: int = 0,
        gaps: Gaps = "refuse",
        seed: int = 0,
        copy: bool = True,
    ) -> None:
        shape = BatchSettings(num_envs, seed, episode_length, window, mode, threads, gaps)
        self._setup(make_batch(shape, panel, feature_set, scaler, settings), copy=copy)

    @classmethod
    def over(cls, batch: MarketBatch, *, copy: bool = True) -> MarketVectorEnv:
        """Return an environment that steps ``batch``."""
        self = cls.__new__(cls)
        self._setup(batch, copy=copy)
        return self

    def _setup(self, batch: MarketBatch, *, copy: bool) -> None:
        self.batch = batch
        self.copy = copy
        self.num_envs = batch.environments
        self.single_observation_space = observation_space(batch)
        self.single_action_space = action_space(batch)
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.action_space = batch_space(self.single_action_space, self.num_envs)

    def reset(
        self, *, seed: int | list[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Float32Array, dict[str, Any]]:
        """Begin the first episodes of ``seed``, or the next ones where it is None.

        Args:
            seed: One whole number; of a list the first counts, since one seed serves all
                environments.
            options: Not used.
        """
        chosen = seed[0] if isinstance(seed, list) else seed
        super().reset(seed=chosen, options=options)
        observations = self.batch.reset(chosen).observations
        return observations.copy() if self.copy else observations, {}

    def step(self, actions: Float32Array) -> _Step:
        """Advance every environment by one bar; actions have shape (N, A), float32."""
        output = self.batch.step(actions)
        finished = np.flatnonzero(output.done)
        infos = self._final(output.done, finished) if len(finished) else {}
        arrays = (output.observations, output.rewards, output.terminated, output.truncated)
        if self.copy:
            observations, rewards, terminated, truncated = (one.copy() for one in arrays)
            return observations, rewards, terminated, truncated, infos  # type: ignore[return-value]
        return *arrays, infos

    def _final(self, done: NDArray[np.bool_], finished: NDArray[np.intp]) -> dict[str, Any]:
        """Return what Gymnasium keeps of the episodes that have just ended."""
        ends, mask = self.batch.finished, done.copy()
        observations = np.full(self.num_envs, None, dtype=object)
        for index in finished:
            observations[index] = ends.observations[index].copy()
        final_info: dict[str, Any] = {}
        for name, values in (
            ("episode_return", ends.returns),
            ("episode_length", ends.lengths),
            ("equity", ends.equity),
        ):
            final_info[name] = np.where(mask, values, 0)
            final_info[f"_{name}"] = mask
        return {
            "final_obs": observations,
            "_final_obs": mask,
            "final_info": final_info,
            "_final_info": mask,
        }
