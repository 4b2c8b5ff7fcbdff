"""PPO as tensor programmes on one device, as Stable-Baselines3 does it."""

from __future__ import annotations

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray

from ...application.learning.policy import TrainedPolicy
from ...application.learning.scaler import FeatureScaler
from ...application.ports.clock import Clock
from ...application.ports.feature_builder import FeatureBuilder
from ...application.ports.trainer import ProgressCallback, TrainingJob
from ...domain.errors import ConfigError
from .blocks import confine
from .checkpoints import Checkpoints
from .jobs import check_ppo, fingerprint
from .learner_run import LearnerRun
from .tensor.device import device_named, tensor_market
from .tensor.learner import TensorLearner
from .tensor.market import TensorMarket
from .torch_threads import torch_threads


class TorchTrainer:
    """Trains with tensors that stay on their device; one run a process.

    On one device the same job gives the same weights, whether or not it was cut and resumed.

    Args:
        features: The kernels of the features.
        clock: For the frame rate alone.
        device: ``cpu`` or ``cuda``.
        torch_threads: Threads of PyTorch, 0 leaves them as they are. Unlike the market's, their
            number may change the last bits of a sum.
        keep: How many checkpoints are kept.
    """

    def __init__(
        self,
        features: FeatureBuilder,
        clock: Clock,
        *,
        device: str = "cpu",
        torch_threads: int = 0,
        keep: int = 3,
    ) -> None:
        self._features = features
        self._clock = clock
        self._device = device
        self._torch_threads = torch_threads
        self._keep = keep

    def train(self, job: TrainingJob, on_progress: ProgressCallback | None = None) -> TrainedPolicy:
        """See :class:`~mettle.application.ports.trainer.Trainer`.

        Raises:
            ConfigError: If the device is not there, cannot play the market, or is too small.
        """
        check_ppo(job.ppo)
        device = device_named(self._device)
        job, table = confine(job, self._features.table(job.panel, job.feature_set))
        scaler = FeatureScaler.fit(table.values, table.valid)
        scaled = scaler.transform(table.values)
        checkpoints = Checkpoints(
            job.folder / "checkpoints",
            fingerprint(job, learner="torch", device=self._device),
            self._keep,
        )
        try:
            with torch_threads(self._torch_threads):
                market = tensor_market(job, table, scaled, device)
                learner = _learner(job, market, scaled, device)
                run = LearnerRun(job, learner, checkpoints, self._clock, on_progress)
                return run.train(scaler)
        except torch.OutOfMemoryError as error:
            ppo = job.ppo
            raise ConfigError(
                f"{ppo.environments} environments × {ppo.rollout} steps do not fit {device}'s "
                f"memory: {error}",
                mend="lower training.ppo.environments or rollout, or set training.observations to "
                "index",
            ) from error


def _learner(
    job: TrainingJob, market: TensorMarket, scaled: NDArray[np.float32], device: torch.device
) -> TensorLearner:
    if job.observations == "window":
        return TensorLearner(
            market, job.ppo, job.seed, device, inputs=market.observation_size, see=lambda one: one
        )
    # It is a part of Stable-Baselines3's policies, which take a second to import.
    from .window_gather import WindowGather  # noqa: PLC0415

    space = spaces.Box(-np.inf, np.inf, (market.observation_size,), np.float32)
    gather = WindowGather(space, scaled, job.window, job.panel.data_hash).to(device)
    return TensorLearner(
        market, job.ppo, job.seed, device, inputs=gather.features_dim, see=gather.forward
    )
