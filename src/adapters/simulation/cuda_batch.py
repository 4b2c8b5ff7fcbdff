"""CudaMarketBatch: the environments of MarketBatch on an NVIDIA GPU, as torch tensors."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.dlpack import from_dlpack

from ...application.market import MarketPanel
from ...domain.errors import DataError, InvalidValue, NotFound
from ...domain.simulation.settings import SimulationSettings
from .market_batch import BatchSettings, batch_spans, market_data

if TYPE_CHECKING:
    from ... import _cuda


class CudaOutput(NamedTuple):
    """What a step or a reset writes, on the GPU; the next step overwrites it.

    Attributes:
        observations: Shape (N, D), float32; of a finished environment those of its next episode.
        rewards: Shape (N,), float32.
        terminated, truncated, done: Shape (N,), bool.
    """

    observations: Tensor
    rewards: Tensor
    terminated: Tensor
    truncated: Tensor
    done: Tensor


class CudaFinished(NamedTuple):
    """Of each environment the end of its last finished episode; overwritten by the next end.

    Attributes:
        observations: Shape (N, D), float32.
        returns: Sums of rewards, shape (N,), float64.
        lengths: Steps, shape (N,), int32.
        equity: 1e-8 quote, shape (N,), int64.
    """

    observations: Tensor
    returns: Tensor
    lengths: Tensor
    equity: Tensor


class CudaMarketBatch:
    """Environments that a GPU steps together; finished ones begin anew in the same step.

    Money, state and episodes are those of :class:`~.market_batch.MarketBatch` to the last unit;
    rewards may differ in their last bits, since the GPU has a logarithm of its own. Steps are
    queued on torch's current stream and waited for by nothing here, so that a CUDA graph can hold
    them; the tensors are the same ones from first to last. Not thread-safe.

    Args:
        panel: The bars.
        features: Scaled, shape (T, A, F), float32, C-contiguous.
        valid: Which features are known, shape (T, A), bool.
        batch: Its ``threads`` are not used.
        device: The GPU; without a number torch's current one.

    Raises:
        NotFound: If the module is not built, or there is no GPU.
        DataError: If the panel has gaps that are refused, or no episode can start.
        InvalidValue: If an argument is out of range or of the wrong type.
        RuntimeError: From CUDA, if the GPU lacks the memory for it.
    """

    def __init__(
        self,
        panel: MarketPanel,
        features: NDArray[np.float32],
        valid: NDArray[np.bool_],
        settings: SimulationSettings,
        batch: BatchSettings,
        device: str | torch.device = "cuda",
    ) -> None:
        self.settings = settings
        self.batch = batch
        self.assets = len(panel.instruments)
        self.data_hash = panel.data_hash
        module = cuda_module()
        self.device = _chosen(device)
        spans = batch_spans(panel, valid, batch)
        data = market_data(panel, features)
        try:
            self._native: _cuda.DeviceBatch = module.DeviceBatch(
                data,
                settings.to_dict(),
                spans,
                batch.environments,
                batch.seed,
                batch.episode_length,
                batch.window,
                batch.mode,
                batch.first_environment,
                self.device.index,
            )
        except (TypeError, ValueError) as error:
            raise InvalidValue(f"the market cannot be set up: {error}") from error
        self.output = CudaOutput(**_tensors(self._native.buffers()))
        self.finished = CudaFinished(**_tensors(self._native.finals()))
        self._state = _tensors(self._native.state())

    @property
    def environments(self) -> int:
        """The number of environments, N."""
        return self.batch.environments

    @property
    def observation_size(self) -> int:
        """The width of an observation, D."""
        return self._native.width

    @property
    def state(self) -> Mapping[str, Tensor]:
        """The accounts by name, as in :attr:`.MarketBatch.state`; not to be written."""
        return self._state

    def reset(self, seed: int | None = None) -> CudaOutput:
        """Begin anew: every environment's first episode of ``seed``, or its next one if None."""
        try:
            self._native.reset(seed, self._stream())
        except TypeError as error:
            raise InvalidValue(f"seed must be a whole number from 0, was {seed!r}") from error
        return self.output

    def step(self, actions: Tensor) -> CudaOutput:
        """Queue a step of every environment by one bar, and return without waiting for it.

        Args:
            actions: Shape (N, A), float32, contiguous, on this GPU; NaN holds.

        Raises:
            InvalidValue: If the tensor is of another type, shape or device.
            RuntimeError: From CUDA, also for what an earlier step did.
        """
        if actions.device != self.device:
            raise InvalidValue(f"actions must lie on {self.device}, they were on {actions.device}")
        try:
            self._native.step(actions.detach(), self._stream())
        except TypeError as error:
            raise InvalidValue(f"the market cannot step: {error}") from error
        return self.output

    def check(self) -> None:
        """Wait for the steps, and tell whether they were exact.

        Once a rollout is enough: what is wrong stays wrong until a reset.

        Raises:
            InvalidValue: If an amount left 64 bits since the last reset; the batch must be reset.
        """
        if self._native.overflowed(self._stream()):
            raise InvalidValue(
                "the market cannot step: a notional, cash or equity left 64 bits",
                mend="use a coarser lot or tick, or less starting cash",
            )

    def snapshot(self) -> bytes:
        """Return the whole state; either kind of batch continues from it exactly."""
        return self._native.snapshot(self._stream())

    def restore(self, state: bytes) -> CudaOutput:
        """Take a state of either kind of batch; the observations are those that it had.

        Raises:
            DataError: If it is damaged, of another version, or of other data, settings or shape.
        """
        try:
            self._native.restore(state, self._stream())
        except ValueError as error:
            raise DataError(str(error)) from error
        return self.output

    def _stream(self) -> int:
        """Return the handle of the stream on which torch works on this GPU."""
        return torch.cuda.current_stream(self.device).cuda_stream


def cuda_module() -> ModuleType:
    """Return the CUDA module, where it can be used.

    Raises:
        NotFound: If it is not built, or there is no GPU that it and torch can use.
    """
    try:
        from ... import _cuda  # noqa: PLC0415 - only where it is asked for: not all builds have it
    except ImportError as error:
        raise NotFound("the CUDA module is not built", mend="make cuda") from error
    mend = "use MarketBatch, which plays the same on the processor"
    try:
        _cuda.device_count()
    except _cuda.CudaError as error:
        raise NotFound(f"there is no GPU: {error}", mend=mend) from error
    if not torch.cuda.is_available():
        raise NotFound(f"torch {torch.__version__} sees no GPU", mend="install torch with CUDA")
    return _cuda


def _chosen(device: str | torch.device) -> torch.device:
    """Return the device with its number."""
    try:
        chosen = torch.device(device)
    except RuntimeError as error:
        raise InvalidValue(f"device must be a GPU, was {device!r}: {error}") from error
    if chosen.type != "cuda":
        raise InvalidValue(f"device must be a GPU, was {device!r}", mend="use MarketBatch")
    count, index = torch.cuda.device_count(), _index_of(chosen)
    if index >= count:
        raise InvalidValue(f"device must be one of {count} GPUs, was {device!r}")
    return torch.device("cuda", index)


def _index_of(device: torch.device) -> int:
    index: int | None = device.index  # torch's stub forgets the None
    return torch.cuda.current_device() if index is None else index


def _tensors(arrays: dict[str, _cuda.SharedArray]) -> dict[str, Tensor]:
    return {name: from_dlpack(one) for name, one in arrays.items()}
