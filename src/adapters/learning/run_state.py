"""The whole state of a training run between two rollouts, as plain arrays and numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

Tensors = dict[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class TrainingState:
    """A run between two rollouts.

    Attributes:
        tensors: Arrays by name.
        numbers: What JSON can hold: counters and the last episodes' figures.
    """

    tensors: Tensors
    numbers: dict[str, Any]

    @property
    def frames(self) -> int:
        """Environment steps taken so far."""
        return int(self.numbers["num_timesteps"])

    @property
    def size(self) -> int:
        """Bytes of all arrays."""
        return sum(one.nbytes for one in self.tensors.values())


def under(tensors: Tensors, prefix: str) -> Tensors:
    """Return copies of the arrays whose names begin with ``prefix``, without it."""
    return {
        name.removeprefix(prefix): one.copy()
        for name, one in tensors.items()
        if name.startswith(prefix)
    }
