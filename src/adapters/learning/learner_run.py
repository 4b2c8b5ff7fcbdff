"""A run of a learner of our own: rollouts, updates, and what happens between two of them."""

from __future__ import annotations

import math
from collections import deque

import numpy as np

from ...application.learning.policy import TrainedPolicy
from ...application.learning.scaler import FeatureScaler
from ...application.ports.clock import Clock
from ...application.ports.trainer import ProgressCallback, TrainingJob, TrainingProgress
from ...domain.errors import DataError, TrainingDiverged
from .checkpoints import Checkpoints
from .jobs import EPISODES
from .learner import Learner
from .policy_weights import policy_network
from .run_state import TrainingState
from .scalars import ScalarFile

_RECENT = 20  # rollouts over which the frame rate is taken
_MEND = "lower the learning rate, or look for outliers in the bars"


class LearnerRun:
    """One run, from its first rollout or from a state of an earlier part.

    Args:
        learner: At its beginning.
    """

    def __init__(
        self,
        job: TrainingJob,
        learner: Learner,
        checkpoints: Checkpoints,
        clock: Clock,
        on_progress: ProgressCallback | None,
    ) -> None:
        self._job = job
        self._learner = learner
        self._checkpoints = checkpoints
        self._clock = clock
        self._report = on_progress
        self._episodes: deque[tuple[float, int]] = deque(maxlen=EPISODES)
        self._marks: deque[tuple[float, int]] = deque(maxlen=_RECENT)
        self._written = 0
        self._boundary: TrainingState | None = None
        self._losses: dict[str, float] = {}

    @property
    def frames(self) -> int:
        """Environment steps taken so far."""
        return self._learner.frames

    def train(self, scaler: FeatureScaler) -> TrainedPolicy:
        """Begin, or go on from the last checkpoint, and train until the job's frames are reached.

        On Ctrl-C the last whole rollout is kept.

        Raises:
            NotFound: If there is no checkpoint to go on from.
            DataError: If it is damaged or of another job.
            TrainingDiverged: If a loss or a weight is no longer finite.
            StorageError: If the disk is full, or has no room for the checkpoints to come.
        """
        if self._job.resume:
            self._restore(self._checkpoints.latest())
        else:
            self._checkpoints.clear()
        self._checkpoints.check_space(self._capture().size)
        with ScalarFile(self._job.folder / "tensorboard") as scalars:
            self._play(scalars)
        network = policy_network(self._learner.weights())
        return TrainedPolicy(network, scaler, self.frames, self._metrics())

    def _play(self, scalars: ScalarFile) -> None:
        self._written = self.frames
        try:
            state = self._between()
            while self.frames < self._job.frames:
                self._losses, episodes = self._learner.learn()
                self._episodes.extend(episodes)
                self._write_scalars(scalars)
                state = self._between()
        except KeyboardInterrupt:
            if self._boundary is not None:
                self._checkpoints.write(self._boundary)
            raise
        if self._job.checkpoint_every and state.frames > self._written:
            self._write(state)

    def _between(self) -> TrainingState:
        state = self._capture()
        self._guard(state)
        self._boundary = state
        every = self._job.checkpoint_every
        if every and state.frames - self._written >= every:
            self._write(state)
        self._progress()
        return state

    def _write(self, state: TrainingState) -> None:
        self._checkpoints.write(state)
        self._written = state.frames

    def _guard(self, state: TrainingState) -> None:
        for name, value in self._losses.items():
            # The explained variance of constant returns is undefined, which is no divergence.
            if name != "explained_variance" and not math.isfinite(value):
                raise TrainingDiverged(f"{name} is {value} after {self.frames} frames", mend=_MEND)
        for name, one in state.tensors.items():
            if name.startswith("policy.") and not np.isfinite(one).all():
                lost = name.removeprefix("policy.")
                raise TrainingDiverged(
                    f"{lost} is not finite after {self.frames} frames", mend=_MEND
                )

    def _progress(self) -> None:
        self._marks.append((self._clock.monotonic(), self.frames))
        elapsed = self._marks[-1][0] - self._marks[0][0]
        if self._report is None or len(self._marks) < 2:
            return
        rate = (self.frames - self._marks[0][1]) / max(elapsed, 1e-9)
        left = max(0, self._job.frames - self.frames)
        self._report(
            TrainingProgress(self.frames, self._job.frames, rate, left / rate, self._mean_reward())
        )

    def _write_scalars(self, scalars: ScalarFile) -> None:
        figures = {f"train/{name}": value for name, value in self._losses.items()}
        if self._episodes:
            count = len(self._episodes)
            figures["rollout/ep_rew_mean"] = sum(one[0] for one in self._episodes) / count
            figures["rollout/ep_len_mean"] = sum(one[1] for one in self._episodes) / count
        if len(self._marks) > 1:
            elapsed = self._marks[-1][0] - self._marks[0][0]
            figures["time/fps"] = (self._marks[-1][1] - self._marks[0][1]) / max(elapsed, 1e-9)
        scalars.write(self.frames, figures)

    def _mean_reward(self) -> float | None:
        """Return the mean reward of the last finished episodes, None before the first."""
        if not self._episodes:
            return None
        return sum(reward for reward, _ in self._episodes) / len(self._episodes)

    def _metrics(self) -> dict[str, float | None]:
        figures: dict[str, float | None] = {"mean_episode_reward": self._mean_reward()}
        names = ("value_loss", "policy_gradient_loss", "approx_kl", "explained_variance", "std")
        for name in names:
            value = self._losses.get(name)
            figures[name] = value if value is not None and math.isfinite(value) else None
        return figures

    def _capture(self) -> TrainingState:
        tensors, numbers = self._learner.capture()
        episodes = [list(one) for one in self._episodes]
        return TrainingState(
            tensors, {**numbers, "num_timesteps": self.frames, "episodes": episodes}
        )

    def _restore(self, state: TrainingState) -> None:
        try:
            self._learner.restore(state)
            self._episodes.extend((reward, length) for reward, length in state.numbers["episodes"])
        except (KeyError, ValueError, TypeError) as error:
            raise DataError(
                f"the checkpoint does not fit this run: {error}",
                mend="train again without resuming",
            ) from error
