"""A trained policy, free of any learning library."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ...domain.errors import DataError
from .scaler import FeatureScaler

ACTIVATIONS = ("tanh", "relu")


@dataclass(frozen=True, slots=True, eq=False)
class DenseLayer:
    """One dense layer: ``output = weight · input + bias``.

    Attributes:
        weight: Shape (outputs, inputs), float32, C-contiguous.
        bias: Shape (outputs,), float32.
    """

    weight: NDArray[np.float32]
    bias: NDArray[np.float32]

    def __post_init__(self) -> None:
        for name, ndim in (("weight", 2), ("bias", 1)):
            array = getattr(self, name)
            if array.dtype != np.float32 or array.ndim != ndim or array.size == 0:
                raise DataError(f"{name} must be float32 of {ndim} dimensions, was {array.dtype}")
            if not np.isfinite(array).all():
                raise DataError(f"{name} holds a value that is not finite")
            object.__setattr__(self, name, np.ascontiguousarray(array))
        if self.weight.shape[0] != self.bias.shape[0]:
            raise DataError(f"bias {self.bias.shape} does not fit weight {self.weight.shape}")


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """A multilayer perceptron: hidden layers with one activation, a linear output in [−1, 1].

    Attributes:
        layers: From the observation to the actions.
        activation: ``tanh`` or ``relu``.
    """

    layers: tuple[DenseLayer, ...]
    activation: str = "tanh"

    def __post_init__(self) -> None:
        if self.activation not in ACTIVATIONS:
            raise DataError(f"activation must be tanh or relu, was {self.activation!r}")
        if not self.layers:
            raise DataError("a network needs at least one layer")
        for before, after in zip(self.layers, self.layers[1:], strict=False):
            if before.weight.shape[0] != after.weight.shape[1]:
                raise DataError(
                    f"layers do not chain: {before.weight.shape} before {after.weight.shape}"
                )

    @property
    def sizes(self) -> tuple[int, ...]:
        """Widths from the observation to the actions."""
        return (self.layers[0].weight.shape[1], *(one.weight.shape[0] for one in self.layers))


@dataclass(frozen=True, slots=True, eq=False)
class TrainedPolicy:
    """What a trainer hands back.

    Attributes:
        scaler: Fitted on the job's panel.
        frames: Environment steps taken, at least those asked for.
        metrics: Figures of the training; None where undefined.
    """

    network: Network
    scaler: FeatureScaler
    frames: int
    metrics: Mapping[str, float | None] = field(default_factory=dict)
