"""Actor and critic whose weights lie side by side in one vector."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import linear

from ..policy_weights import Weights

_HALF_LOG_TAU = 0.5 * math.log(2 * math.pi)


class Opinion(NamedTuple):
    """What the network makes of observations.

    Attributes:
        means: Of the actions, shape (N, A).
        values: Shape (N,).
    """

    means: Tensor
    values: Tensor


class ActorCritic:
    """Tanh networks of their own for actor and critic, and a Gaussian of one deviation a action.

    Attributes:
        vector: All weights, shape (P,), float32: what an optimiser moves.
        parameters: Views of them by the names of Stable-Baselines3's state, each a leaf.

    Args:
        inputs: Width of an observation.
        actions: Width of an action.
        hidden: Widths of the hidden layers.
    """

    def __init__(
        self, inputs: int, actions: int, hidden: Sequence[int], device: torch.device
    ) -> None:
        shapes = _shapes(inputs, actions, hidden)
        self.vector = torch.zeros(sum(map(math.prod, shapes.values())), device=device)
        self.parameters = {
            name: one.detach().requires_grad_() for name, one in _parts(self.vector, shapes)
        }
        self._shapes = shapes
        self._layers = tuple(f"net.{2 * depth}" for depth in range(len(hidden)))

    @property
    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        """Shapes of the weights by name."""
        return self._shapes

    def __call__(self, observations: Tensor) -> Opinion:
        """Return means and values of observations, shape (N, inputs)."""
        acting = self._hidden("policy", observations)
        return Opinion(self._linear("action_net", acting), self.values(observations))

    def values(self, observations: Tensor) -> Tensor:
        """Return what the critic says of observations, shape (N,)."""
        return self._linear("value_net", self._hidden("value", observations)).squeeze(1)

    def deviations(self) -> Tensor:
        """Return the deviations with which actions are drawn, shape (A,)."""
        return self.parameters["log_std"].exp()

    def log_probs(self, means: Tensor, actions: Tensor) -> Tensor:
        """Return logarithms of the actions' densities, shape (N,)."""
        log_std = self.parameters["log_std"]
        away = (actions - means) / log_std.exp()
        return (-0.5 * away.square() - log_std - _HALF_LOG_TAU).sum(dim=1)

    def entropy(self) -> Tensor:
        """Return the entropy of the actions, which is that of every observation; a scalar."""
        return (0.5 + _HALF_LOG_TAU + self.parameters["log_std"]).sum()

    def tensors(self, vector: Tensor) -> Weights:
        """Return copies of a vector's parts by the weights' names."""
        parts = _parts(vector.detach().cpu(), self._shapes)
        return {name: one.numpy().copy() for name, one in parts}

    def fill(self, vector: Tensor, tensors: Mapping[str, np.ndarray[Any, Any]]) -> None:
        """Write a vector out of parts by the weights' names.

        Raises:
            ValueError: If names or shapes are others.
        """
        if tensors.keys() != self._shapes.keys():
            raise ValueError(f"tensors {sorted(tensors.keys() ^ self._shapes.keys())} do not fit")
        for name, shape in self._shapes.items():
            if tensors[name].shape != shape or tensors[name].dtype != np.float32:
                raise ValueError(f"{name} must be float32 of shape {shape}")
        flat = np.concatenate([tensors[name].ravel() for name in self._shapes])
        vector.copy_(torch.from_numpy(flat))

    def _hidden(self, whose: str, observations: Tensor) -> Tensor:
        for layer in self._layers:
            observations = torch.tanh(self._linear(f"mlp_extractor.{whose}_{layer}", observations))
        return observations

    def _linear(self, name: str, values: Tensor) -> Tensor:
        weight, bias = self.parameters[f"{name}.weight"], self.parameters[f"{name}.bias"]
        return linear(values, weight, bias)


def _shapes(inputs: int, actions: int, hidden: Sequence[int]) -> dict[str, tuple[int, ...]]:
    """Return the weights' shapes in the order of the native learner, so that seeds begin alike."""
    found: dict[str, tuple[int, ...]] = {"log_std": (actions,)}
    for depth, (deep, wide) in enumerate(pairwise((inputs, *hidden))):
        for whose in ("policy", "value"):
            name = f"mlp_extractor.{whose}_net.{2 * depth}"
            found |= {f"{name}.weight": (wide, deep), f"{name}.bias": (wide,)}
    last = (inputs, *hidden)[-1]
    for name, wide in (("action_net", actions), ("value_net", 1)):
        found |= {f"{name}.weight": (wide, last), f"{name}.bias": (wide,)}
    return found


def _parts(vector: Tensor, shapes: Mapping[str, tuple[int, ...]]) -> Iterator[tuple[str, Tensor]]:
    begin = 0
    for name, shape in shapes.items():
        end = begin + math.prod(shape)
        yield name, vector[begin:end].view(shape)
        begin = end
