"""What happens between two rollouts: guard, checkpoint, progress."""

from __future__ import annotations

import math
from collections import deque

import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback

from ...application.ports.clock import Clock
from ...application.ports.trainer import ProgressCallback, TrainingJob, TrainingProgress
from ...domain.errors import TrainingDiverged
from .checkpoints import Checkpoints
from .markets import TrainingMarket
from .run_state import TrainingState
from .training_state import capture

_RECENT = 20  # rollouts over which the frame rate is taken
_MEND = "lower the learning rate, or look for outliers in the bars"


def refuse_lost_weights(model: BaseAlgorithm) -> None:
    """Refuse a network whose weights have left the finite numbers.

    Raises:
        TrainingDiverged: Naming the first such tensor.
    """
    for name, parameter in model.policy.named_parameters():
        if not torch.isfinite(parameter).all():
            raise TrainingDiverged(
                f"{name} is not finite after {model.num_timesteps} frames", mend=_MEND
            )


class RunCallback(BaseCallback):
    """Sees a run between each update and the next rollout.

    Attributes:
        boundary: The state at the last such instant: what an interrupt writes to disk.
    """

    def __init__(
        self,
        job: TrainingJob,
        market: TrainingMarket,
        checkpoints: Checkpoints,
        clock: Clock,
        on_progress: ProgressCallback | None,
    ) -> None:
        super().__init__()
        self._job = job
        self._market = market
        self._checkpoints = checkpoints
        self._clock = clock
        self._report = on_progress
        self._marks: deque[tuple[float, int]] = deque(maxlen=_RECENT)
        self._written = 0
        self.boundary: TrainingState | None = None
        self.losses: dict[str, float] = {}

    def _on_training_start(self) -> None:
        self._written = self.model.num_timesteps
        # Adam keeps two numbers a weight, which it has only after its first step.
        weights = sum(one.nbytes for one in self.model.policy.parameters())
        state = capture(self.model, self._market)  # type: ignore[arg-type]  # PPO by construction
        self._checkpoints.check_space(state.size + 2 * weights)

    def _on_rollout_start(self) -> None:
        self._between()

    def _on_training_end(self) -> None:
        state = self._between()
        if self._job.checkpoint_every and state.frames > self._written:
            self._write(state)

    def _on_step(self) -> bool:
        return True

    def _between(self) -> TrainingState:
        self._guard()
        state = capture(self.model, self._market)  # type: ignore[arg-type]  # PPO by construction
        self.boundary = state
        every = self._job.checkpoint_every
        if every and state.frames - self._written >= every:
            self._write(state)
        self._progress()
        return state

    def _write(self, state: TrainingState) -> None:
        self._checkpoints.write(state)
        self._written = state.frames

    def _guard(self) -> None:
        for name, value in self.logger.name_to_value.items():
            # The explained variance of constant returns is undefined, which is no divergence.
            if not name.startswith("train/") or name == "train/explained_variance":
                continue
            if not math.isfinite(value):
                raise TrainingDiverged(
                    f"{name.removeprefix('train/')} is {value} after "
                    f"{self.model.num_timesteps} frames",
                    mend=_MEND,
                )
        self.losses |= {
            name.removeprefix("train/"): float(value)
            for name, value in self.logger.name_to_value.items()
            if name.startswith("train/")
        }
        refuse_lost_weights(self.model)

    def _progress(self) -> None:
        frames = self.model.num_timesteps
        self._marks.append((self._clock.monotonic(), frames))
        elapsed = self._marks[-1][0] - self._marks[0][0]
        if self._report is None or len(self._marks) < 2:
            return
        rate = (frames - self._marks[0][1]) / max(elapsed, 1e-9)
        left = max(0, self._job.frames - frames)
        self._report(
            TrainingProgress(frames, self._job.frames, rate, left / rate, self.mean_reward())
        )

    def mean_reward(self) -> float | None:
        """Return the mean reward of the last finished episodes, None before the first."""
        episodes = self.model.ep_info_buffer
        if not episodes:
            return None
        return float(sum(one["r"] for one in episodes) / len(episodes))
