"""Where the tensors lie, and the environments that are made there."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from ....application.ports.feature_builder import FeatureTable
from ....application.ports.trainer import TrainingJob
from ....domain.errors import ConfigError
from ...simulation.cuda_batch import CudaMarketBatch
from ..training_batch import batch_settings, training_batch
from .cuda_market import CudaMarket
from .market import HostMarket, TensorMarket

_MEND = "set training.device to cpu"


def device_named(name: str) -> torch.device:
    """Return the device of a setting.

    Raises:
        ConfigError: If it is none that can be trained on, or not there.
    """
    if name not in {"cpu", "cuda"}:
        raise ConfigError(f"training.device must be cpu or cuda, was {name!r}", mend=_MEND)
    if name == "cuda" and not torch.cuda.is_available():
        why = "there is no GPU here" if torch.version.cuda else "this PyTorch was built without it"
        raise ConfigError(f"training.device is cuda, but {why}", mend=_MEND)
    return torch.device(name)


def tensor_market(
    job: TrainingJob, table: FeatureTable, scaled: NDArray[np.float32], device: torch.device
) -> TensorMarket:
    """Return the environments that a job is trained in, on the device.

    Args:
        table: Unscaled features and where they are valid.
        scaled: Scaled features, shape (T, A, F), C-contiguous.

    Raises:
        NotFound: If this build has no environments for the device.
        DataError: If no block of the panel is long enough.
    """
    if device.type == "cpu":
        return HostMarket(training_batch(job, table, scaled))
    batch = batch_settings(job)
    return CudaMarket(CudaMarketBatch(job.panel, scaled, table.valid, job.settings, batch, device))
