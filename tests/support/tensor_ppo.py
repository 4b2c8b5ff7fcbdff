"""The learner on tensors, in small environments that are tensors too."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from mettle.adapters.learning.tensor.learner import TensorLearner
from mettle.adapters.learning.tensor.market import Outcome
from mettle.application.ports.trainer import PpoSettings
from numpy.typing import NDArray
from torch import Tensor

BUFFERS = ("observations", "actions", "log_probs", "values", "advantages", "returns")


class Walks:
    """Environments of tensors alone, for any device: positions that actions push about.

    A reward is what the push and the distance to the middle make it. An episode ends beyond ±3,
    where it is terminated, or after ``length`` steps, where it is cut off. Every tensor keeps its
    place, nothing waits: what a GPU's market must be like.
    """

    def __init__(
        self, environments: int, width: int, assets: int, device: torch.device, length: int = 7
    ) -> None:
        self.environments, self.observation_size, self.assets = environments, width, assets
        self._length = length
        spread = torch.linspace(-1, 1, width, device=device)
        offset = torch.linspace(-2, 2, environments, device=device)
        self._begin = offset.unsqueeze(1) * spread
        self._age = torch.arange(environments, device=device, dtype=torch.int32) % length
        self._sum = torch.zeros(environments, device=device, dtype=torch.float64)
        self.observations = self._begin.clone()
        self._outcome = Outcome(
            torch.zeros(environments, device=device),
            torch.zeros(environments, device=device, dtype=torch.bool),
            torch.zeros(environments, device=device, dtype=torch.bool),
            torch.full((environments, width), torch.nan, device=device),
            torch.zeros(environments, device=device, dtype=torch.float64),
            torch.zeros(environments, device=device, dtype=torch.int32),
        )

    def step(self, actions: Tensor) -> Outcome:
        """Push every position by the mean of its actions."""
        out = self._outcome
        push = actions.mean(dim=1, keepdim=True)
        moved = 0.9 * self.observations + 0.5 * push
        out.rewards.copy_(push.squeeze(1) - 0.1 * moved.square().mean(dim=1))
        self._age.add_(1)
        self._sum.add_(out.rewards)
        out.terminated.copy_(moved.abs().amax(dim=1) > 1.7)
        out.truncated.copy_((self._age >= self._length) & ~out.terminated)
        done = out.terminated | out.truncated
        rows = done.unsqueeze(1)
        out.final_observations.copy_(torch.where(rows, moved, torch.nan))
        out.final_returns.copy_(torch.where(done, self._sum, out.final_returns))
        out.final_lengths.copy_(torch.where(done, self._age, out.final_lengths))
        self.observations.copy_(torch.where(rows, self._begin, moved))
        self._age.mul_(~done)
        self._sum.mul_(~done)
        return out

    def check(self) -> None:
        """Do nothing: no amount can leave anything."""

    def snapshot(self) -> bytes:
        """Return all that changes."""
        parts = (self.observations.double(), self._age.double(), self._sum)
        flat = torch.cat([one.flatten() for one in parts])
        return flat.cpu().numpy().tobytes()

    def restore(self, state: bytes) -> None:
        """Take a state of :meth:`snapshot`."""
        flat = torch.from_numpy(np.frombuffer(state, dtype=np.float64).copy())
        width, count = self.observations.numel(), self.environments
        self.observations.copy_(flat[:width].view_as(self.observations))
        self._age.copy_(flat[width : width + count])
        self._sum.copy_(flat[width + count :])


def tensor_learner(
    inputs: int,
    actions: int,
    settings: PpoSettings,
    device: str = "cpu",
    *,
    graphs: bool = True,
) -> TensorLearner:
    """Return a learner in environments of tensors alone."""
    place = torch.device(device)
    market = Walks(settings.environments, inputs, actions, place)
    return TensorLearner(
        market, settings, 1, place, inputs=inputs, see=lambda one: one, graphs=graphs
    )


def samples(learner: TensorLearner) -> dict[str, NDArray[Any]]:
    """Return views of the rollout by name."""
    return {name: getattr(learner.rollout, name).numpy() for name in BUFFERS}
