"""Environments whose actions and outcomes are tensors on one device."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import torch
from numpy.typing import NDArray
from torch import Tensor

from ...simulation.market_batch import MarketBatch


class Outcome(NamedTuple):
    """What a step of N environments gave.

    Attributes:
        rewards: Shape (N,), float32.
        terminated, truncated: Shape (N,), bool; such an environment stands in its next episode.
        final_observations: Of environments that have just finished, shape (N, D), float32; the
            other rows mean nothing.
        final_returns: Of those sums of rewards, shape (N,), float64.
        final_lengths: Of those steps, shape (N,), int32.
    """

    rewards: Tensor
    terminated: Tensor
    truncated: Tensor
    final_observations: Tensor
    final_returns: Tensor
    final_lengths: Tensor


class TensorMarket(Protocol):
    """Environments that are stepped together; finished ones begin anew in the same step.

    On a GPU a step is captured in a CUDA graph and replayed without any Python: there it runs on
    PyTorch's current stream, allocates nothing, waits for nothing, and reads and writes the same
    tensors every time, as do ``observations`` and :meth:`restore`.
    """

    @property
    def environments(self) -> int:
        """The number of environments, N."""

    @property
    def observation_size(self) -> int:
        """The width of an observation, D."""

    @property
    def assets(self) -> int:
        """The width of an action, A."""

    @property
    def observations(self) -> Tensor:
        """What the environments show now, shape (N, D), float32; the next step may overwrite it."""

    def step(self, actions: Tensor) -> Outcome:
        """Advance every environment by one bar.

        Args:
            actions: Shape (N, A), float32, contiguous; NaN holds.

        Raises:
            InvalidValue: Where that is known at once: if an amount leaves 64 bits.
        """

    def check(self) -> None:
        """Wait for all steps.

        Raises:
            InvalidValue: If in one of them an amount left 64 bits; the environments must then be
                restored.
        """

    def snapshot(self) -> bytes:
        """Return the state of all environments."""

    def restore(self, state: bytes) -> None:
        """Take a state of :meth:`snapshot`.

        Raises:
            DataError: If it is of another batch or damaged.
        """


class HostMarket:
    """The native environments, whose buffers are looked at where they lie.

    See :class:`TensorMarket`.
    """

    def __init__(self, batch: MarketBatch) -> None:
        self._batch = batch
        ends = batch.finished
        arrays: tuple[NDArray[Any], ...] = (ends.observations, ends.returns, ends.lengths)
        self._ends = tuple(torch.from_numpy(one) for one in arrays)

    @property
    def environments(self) -> int:
        """The number of environments, N."""
        return self._batch.environments

    @property
    def observation_size(self) -> int:
        """The width of an observation, D."""
        return self._batch.observation_size

    @property
    def assets(self) -> int:
        """The width of an action, A."""
        return self._batch.assets

    @property
    def observations(self) -> Tensor:
        """What the environments show now."""
        return torch.from_numpy(self._batch.output.observations)

    def step(self, actions: Tensor) -> Outcome:
        """Advance every environment by one bar."""
        output = self._batch.step(actions.numpy())
        observations, returns, lengths = self._ends
        return Outcome(
            torch.from_numpy(output.rewards),
            torch.from_numpy(output.terminated),
            torch.from_numpy(output.truncated),
            observations,
            returns,
            lengths,
        )

    def check(self) -> None:
        """Do nothing: a step that fails raises."""

    def snapshot(self) -> bytes:
        """Return the state of all environments."""
        return self._batch.snapshot()

    def restore(self, state: bytes) -> None:
        """Take a state of :meth:`snapshot`."""
        self._batch.restore(state)
