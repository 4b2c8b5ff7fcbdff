"""MarketEnv: one native market as a Gymnasium environment, for tools that know no others."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from ...application.learning.scaler import FeatureScaler
from ...application.market import MarketPanel
from ...domain.signals.features import FeatureSet
from ...domain.simulation.settings import SimulationSettings
from .gym_market import action_space, make_batch, observation_space
from .market_batch import BatchSettings, Gaps, ObservationMode

Float32Array = NDArray[np.float32]


class MarketEnv(gymnasium.Env[Float32Array, Float32Array]):
    """One environment. For speed use :class:`~.vector_env.MarketVectorEnv`.

    Args:
        panel, feature_set, scaler, settings: See :func:`~.gym_market.make_batch`.
        episode_length, window, mode, gaps, seed: See :class:`~.market_batch.BatchSettings`.
    """

    metadata = {"render_modes": []}  # noqa: RUF012 - the base class declares it as an instance's

    def __init__(
        self,
        *,
        panel: MarketPanel | None = None,
        feature_set: FeatureSet | None = None,
        scaler: FeatureScaler | None = None,
        settings: SimulationSettings | None = None,
        episode_length: int = 512,
        window: int = 1,
        mode: ObservationMode = "flat",
        gaps: Gaps = "refuse",
        seed: int = 0,
    ) -> None:
        shape = BatchSettings(1, seed, episode_length, window, mode, 1, gaps)
        self.batch = make_batch(shape, panel, feature_set, scaler, settings)
        self.observation_space = observation_space(self.batch)
        self.action_space = action_space(self.batch)
        # The batch begins the next episode by itself; a reset then only shows it.
        self._fresh = True

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Float32Array, dict[str, Any]]:
        """Begin the first episode of ``seed``, or the next one if it is None."""
        super().reset(seed=seed, options=options)
        if seed is not None or not self._fresh:
            self.batch.reset(seed)
        self._fresh = False
        return self.batch.output.observations[0].copy(), {}

    def step(self, action: Float32Array) -> tuple[Float32Array, float, bool, bool, dict[str, Any]]:
        """Advance by one bar; the action has shape (A,), float32."""
        output = self.batch.step(action[None])
        ended = self._fresh = bool(output.done[0])
        source = self.batch.finished.observations if ended else output.observations
        info = {"equity": int(self.batch.finished.equity[0])} if ended else {}
        return (
            source[0].copy(),
            float(output.rewards[0]),
            bool(output.terminated[0]),
            bool(output.truncated[0]),
            info,
        )
