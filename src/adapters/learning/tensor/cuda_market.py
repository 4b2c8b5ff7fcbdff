"""The environments of a GPU, as the learner takes them: the one place that knows their face."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ....application.market import MarketPanel
from ....domain.errors import ConfigError
from ....domain.simulation.settings import SimulationSettings
from ...simulation.market_batch import BatchSettings
from .market import Outcome

_BATCH = "...simulation.cuda_batch"  # is built where there is a compiler for GPUs


def cuda_market(
    panel: MarketPanel,
    features: NDArray[np.float32],
    valid: NDArray[np.bool_],
    settings: SimulationSettings,
    batch: BatchSettings,
    device: torch.device,
) -> CudaMarket:
    """Return environments on a GPU; the arguments are those of MarketBatch.

    Raises:
        ConfigError: If this build has none.
        DataError: If no block of the panel is long enough.
    """
    try:
        made: Any = import_module(_BATCH, __package__)
    except ImportError as error:
        raise ConfigError(
            "training.device is cuda, but the market was not built for GPUs",
            mend="build it with make cuda, or set training.device to cpu",
        ) from error
    return CudaMarket(made.CudaMarketBatch(panel, features, valid, settings, batch, device))


class CudaMarket:
    """See :class:`~mettle.adapters.learning.tensor.market.TensorMarket`.

    Args:
        batch: A CudaMarketBatch.
    """

    def __init__(self, batch: Any) -> None:
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
        return int(self._batch.environments)

    @property
    def observation_size(self) -> int:
        """The width of an observation, D."""
        return int(self._batch.observation_size)

    @property
    def assets(self) -> int:
        """The width of an action, A."""
        return int(self._batch.assets)

    def step(self, actions: Tensor) -> Outcome:
        """Queue a step of every environment."""
        self._batch.step(actions)
        return self._outcome

    def check(self) -> None:
        """Wait for all steps."""
        self._batch.check()

    def snapshot(self) -> bytes:
        """Return the state of all environments."""
        return bytes(self._batch.snapshot())

    def restore(self, state: bytes) -> None:
        """Take a state of :meth:`snapshot`."""
        self._batch.restore(state)
