"""The learner in native threads, with the environments that it plays in."""

from __future__ import annotations

import math
import os
from dataclasses import asdict
from typing import Any

import numpy as np

from ... import _native
from ...application.ports.trainer import PpoSettings
from ...domain.errors import ConfigError
from ..simulation.market_batch import MarketBatch
from .learner import Lesson
from .policy_weights import Weights, first_weights
from .run_state import Tensors, TrainingState, under

_KINDS = {"weights": "policy.", "first_moments": "first.", "second_moments": "second."}


class NativeLearner:
    """See :class:`~mettle.adapters.learning.learner.Learner`.

    Args:
        threads: 0 is one a processor.

    Raises:
        ConfigError: If the network cannot be built.
    """

    def __init__(self, market: MarketBatch, ppo: PpoSettings, seed: int, threads: int = 0) -> None:
        settings = {name: one for name, one in asdict(ppo).items() if name != "initial_log_std"}
        threads = threads or os.cpu_count() or 1
        try:
            self._native = _native.PpoLearner(
                market.observation_size, market.assets, settings, seed, threads
            )
        except ValueError as error:
            raise ConfigError(f"the network cannot be built: {error}") from error
        shapes = {name: one.shape for name, one in self.weights().items()}
        self._native.load("weights", first_weights(shapes, ppo, seed))
        self._market = market
        self._rollout = self._native.rollout()

    @property
    def frames(self) -> int:
        """Environment steps taken so far."""
        return self._native.counters[0] * self._market.environments

    def learn(self) -> Lesson:
        """Play one rollout and learn from it."""
        episodes = self._market.play(self._native)
        returns, values = self._rollout["returns"], self._rollout["values"]
        spread = float(np.var(returns))
        explained = 1 - float(np.var(returns - values)) / spread if spread else math.nan
        losses = self._native.update()
        deviation = float(np.exp(self.weights()["log_std"]).mean())
        return Lesson({**losses, "explained_variance": explained, "std": deviation}, episodes)

    def weights(self) -> Weights:
        """Return copies of the weights."""
        return self._native.tensors("weights")

    def capture(self) -> tuple[Tensors, dict[str, Any]]:
        """Return weights, moments, market and counters."""
        tensors: Tensors = {
            prefix + name: one
            for kind, prefix in _KINDS.items()
            for name, one in self._native.tensors(kind).items()
        }
        tensors["market"] = np.frombuffer(self._market.snapshot(), dtype=np.uint8)
        return tensors, {"counters": list(self._native.counters)}

    def restore(self, state: TrainingState) -> None:
        """Go on from a state."""
        for kind, prefix in _KINDS.items():
            self._native.load(kind, under(state.tensors, prefix))
        self._market.restore(state.tensors["market"].tobytes())
        steps, epochs, updates = state.numbers["counters"]
        self._native.counters = (steps, epochs, updates)
