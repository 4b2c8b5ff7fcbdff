"""The environments of a GPU, as the learner takes them: the one place that knows their face."""

from __future__ import annotations

from torch import Tensor

from ...simulation.cuda_batch import CudaMarketBatch
from .market import Outcome


class CudaMarket:
    """See :class:`~mettle.adapters.learning.tensor.market.TensorMarket`."""

    def __init__(self, batch: CudaMarketBatch) -> None:
        self._batch = batch
        output, ends = batch.output, batch.finished
        self.observations: Tensor = output.observations
        self._outcome = Outcome(
            output.rewards,
            output.terminated,
            output.truncated,
            ends.observations,
            ends.returns,
            ends.lengths,
        )

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

    def step(self, actions: Tensor) -> Outcome:
        """Queue a step of every environment."""
        self._batch.step(actions)
        return self._outcome

    def check(self) -> None:
        """Wait for all steps."""
        self._batch.check()

    def snapshot(self) -> bytes:
        """Return the state of all environments."""
        return self._batch.snapshot()

    def restore(self, state: bytes) -> None:
        """Take a state of :meth:`snapshot`."""
        self._batch.restore(state)
