"""The learner on tensors, with the environments that it plays in."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch

from ....application.ports.trainer import PpoSettings
from ....domain.errors import ConfigError
from ..learner import Lesson
from ..policy_weights import Weights, first_weights
from ..run_state import Tensors, TrainingState, under
from .market import TensorMarket
from .network import ActorCritic
from .rollout import Rollout, See
from .update import FIGURES, Update


class TensorLearner:
    """See :class:`~mettle.adapters.learning.learner.Learner`.

    The processor waits for the device once an iteration: for figures, episodes and state. What lies
    between, a whole rollout and its update, is only launched.

    Args:
        market: Its tensors lie on the device.
        inputs: Width of what the network is given.
        see: Makes it of observations.
        graphs: Whether a GPU may replay what it did before; the results are the same.

    Raises:
        ConfigError: If the network cannot be built.
    """

    def __init__(
        self,
        market: TensorMarket,
        ppo: PpoSettings,
        seed: int,
        device: torch.device,
        *,
        inputs: int,
        see: See,
        graphs: bool = True,
    ) -> None:
        if any(width < 1 for width in ppo.hidden):
            raise ConfigError(
                f"ppo.hidden {ppo.hidden} must be positive widths", mend="such as 64, 64"
            )
        self.network = ActorCritic(inputs, market.assets, ppo.hidden, device)
        self.rollout = Rollout(market, self.network, see, ppo, graphs=graphs)
        self.update = Update(self.network, self.rollout, see, ppo, graphs=graphs)
        self._market = market
        self._noise = torch.Generator(device).manual_seed(seed)
        self._rollouts = 0
        self.load(first_weights(self.network.shapes, ppo, seed))

    @property
    def frames(self) -> int:
        """Environment steps taken so far."""
        return self._rollouts * self.rollout.frames

    def learn(self) -> Lesson:
        """Play one rollout and learn from it."""
        self.rollout.play(self._noise)
        self.update.shuffle(self._noise)
        self.update.run()
        self._rollouts += 1
        self._market.check()
        return Lesson(self._losses(), self.rollout.episodes())

    def load(self, weights: Weights) -> None:
        """Take weights by name.

        Raises:
            ValueError: If names, shapes or types are others.
        """
        self.network.fill(self.network.vector, weights)

    def weights(self) -> Weights:
        """Return copies of the weights."""
        return self.network.tensors(self.network.vector)

    def capture(self) -> tuple[Tensors, dict[str, Any]]:
        """Return weights, moments, market, generator and counters."""
        tensors: Tensors = {
            prefix + name: one
            for prefix, vector in self._vectors().items()
            for name, one in self.network.tensors(vector).items()
        }
        tensors["market"] = np.frombuffer(self._market.snapshot(), dtype=np.uint8)
        tensors["noise"] = self._noise.get_state().numpy().copy()
        return tensors, {"rollouts": self._rollouts, "updates": float(self.update.updates)}

    def restore(self, state: TrainingState) -> None:
        """Go on from a state."""
        for prefix, vector in self._vectors().items():
            self.network.fill(vector, under(state.tensors, prefix))
        self._market.restore(state.tensors["market"].tobytes())
        try:
            self._noise.set_state(torch.from_numpy(state.tensors["noise"]))
        except RuntimeError as error:
            raise ValueError(f"the generator's state is of another kind: {error}") from error
        self._rollouts = int(state.numbers["rollouts"])
        self.update.updates.fill_(state.numbers["updates"])

    def _vectors(self) -> dict[str, torch.Tensor]:
        return {
            "policy.": self.network.vector,
            "first.": self.update.first,
            "second.": self.update.second,
        }

    @torch.no_grad()
    def _losses(self) -> dict[str, float]:
        played = self.rollout
        more = (
            played.returns.var(correction=0),
            (played.returns - played.values).var(correction=0),
            self.network.deviations().mean(),
        )
        *told, spread, rest, std = torch.cat((self.update.summary(), torch.stack(more))).tolist()
        explained = 1 - rest / spread if spread else math.nan
        losses = dict(zip(FIGURES, told, strict=True))
        return {**losses, "explained_variance": explained, "std": std}
