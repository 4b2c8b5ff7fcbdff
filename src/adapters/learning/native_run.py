"""A run of the native learner: rollouts, updates, and what happens between two of them."""

from __future__ import annotations

import math
from collections import deque

import numpy as np

from ... import _native
from ...application.ports.clock import Clock
from ...application.ports.trainer import ProgressCallback, TrainingJob, TrainingProgress
from ...domain.errors import DataError, TrainingDiverged
from ..simulation.market_batch import MarketBatch
from .checkpoints import Checkpoints
from .jobs import EPISODES
from .run_state import Tensors, TrainingState, under
from .scalars import ScalarFile

_RECENT = 20  # rollouts over which the frame rate is taken
_MEND = "lower the learning rate, or look for outliers in the bars"
_KINDS = {"weights": "policy.", "first_moments": "first.", "second_moments": "second."}


class NativeRun:
    """One run, from its first rollout or from a state of an earlier part.

    Attributes:
        losses: Figures of the last update.
    """

    def __init__(
        self,
        job: TrainingJob,
        market: MarketBatch,
        learner: _native.PpoLearner,
        checkpoints: Checkpoints,
        clock: Clock,
        on_progress: ProgressCallback | None,
    ) -> None:
        self._job = job
        self._market = market
        self._learner = learner
        self._checkpoints = checkpoints
        self._clock = clock
        self._report = on_progress
        self._rollout = learner.rollout()
        self._episodes: deque[tuple[float, int]] = deque(maxlen=EPISODES)
        self._marks: deque[tuple[float, int]] = deque(maxlen=_RECENT)
        self._written = 0
        self._boundary: TrainingState | None = None
        self.losses: dict[str, float] = {}

    @property
    def frames(self) -> int:
        """Environment steps taken so far."""
        return self._learner.counters[0] * self._market.environments

    def check_space(self) -> None:
        """Refuse to begin what would not fit.

        Raises:
            StorageError: If the disk has no room for the checkpoints to come.
        """
        self._checkpoints.check_space(self._capture().size)

    def play(self, scalars: ScalarFile) -> None:
        """Train until the job's frames are reached; on Ctrl-C keep the last whole rollout.

        Raises:
            TrainingDiverged: If a loss or a weight is no longer finite.
            StorageError: If the disk is full.
        """
        self._written = self.frames
        try:
            state = self._between()
            while self.frames < self._job.frames:
                self._learn()
                self._write_scalars(scalars)
                state = self._between()
        except KeyboardInterrupt:
            if self._boundary is not None:
                self._checkpoints.write(self._boundary)
            raise
        if self._job.checkpoint_every and state.frames > self._written:
            self._write(state)

    def _learn(self) -> None:
        self._episodes.extend(self._market.play(self._learner))
        returns, values = self._rollout["returns"], self._rollout["values"]
        spread = float(np.var(returns))
        explained = 1 - float(np.var(returns - values)) / spread if spread else math.nan
        losses = self._learner.update()
        deviation = float(np.exp(self._learner.tensors("weights")["log_std"]).mean())
        self.losses = {**losses, "explained_variance": explained, "std": deviation}

    def _between(self) -> TrainingState:
        self._guard()
        state = self._capture()
        self._boundary = state
        every = self._job.checkpoint_every
        if every and state.frames - self._written >= every:
            self._write(state)
        self._progress()
        return state

    def _write(self, state: TrainingState) -> None:
        self._checkpoints.write(state)
        self._written = state.frames

    def _guard(self) -> None:
        for name, value in self.losses.items():
            # The explained variance of constant returns is undefined, which is no divergence.
            if name != "explained_variance" and not math.isfinite(value):
                raise TrainingDiverged(f"{name} is {value} after {self.frames} frames", mend=_MEND)
        for name, weight in self._learner.tensors("weights").items():
            if not np.isfinite(weight).all():
                raise TrainingDiverged(
                    f"{name} is not finite after {self.frames} frames", mend=_MEND
                )

    def _progress(self) -> None:
        self._marks.append((self._clock.monotonic(), self.frames))
        elapsed = self._marks[-1][0] - self._marks[0][0]
        if self._report is None or len(self._marks) < 2:
            return
        rate = (self.frames - self._marks[0][1]) / max(elapsed, 1e-9)
        left = max(0, self._job.frames - self.frames)
        self._report(
            TrainingProgress(self.frames, self._job.frames, rate, left / rate, self.mean_reward())
        )

    def _write_scalars(self, scalars: ScalarFile) -> None:
        figures = {f"train/{name}": value for name, value in self.losses.items()}
        if self._episodes:
            count = len(self._episodes)
            figures["rollout/ep_rew_mean"] = sum(one[0] for one in self._episodes) / count
            figures["rollout/ep_len_mean"] = sum(one[1] for one in self._episodes) / count
        if len(self._marks) > 1:
            elapsed = self._marks[-1][0] - self._marks[0][0]
            figures["time/fps"] = (self._marks[-1][1] - self._marks[0][1]) / max(elapsed, 1e-9)
        scalars.write(self.frames, figures)

    def mean_reward(self) -> float | None:
        """Return the mean reward of the last finished episodes, None before the first."""
        if not self._episodes:
            return None
        return sum(reward for reward, _ in self._episodes) / len(self._episodes)

    def _capture(self) -> TrainingState:
        tensors: Tensors = {
            prefix + name: one
            for kind, prefix in _KINDS.items()
            for name, one in self._learner.tensors(kind).items()
        }
        tensors["market"] = np.frombuffer(self._market.snapshot(), dtype=np.uint8)
        return TrainingState(
            tensors,
            {
                "num_timesteps": self.frames,
                "counters": list(self._learner.counters),
                "episodes": [list(one) for one in self._episodes],
            },
        )

    def restore(self, state: TrainingState) -> None:
        """Go on from a state of the same job.

        Raises:
            DataError: If the state is of another network or market.
        """
        try:
            for kind, prefix in _KINDS.items():
                self._learner.load(kind, under(state.tensors, prefix))
            self._market.restore(state.tensors["market"].tobytes())
            steps, epochs, updates = state.numbers["counters"]
            self._learner.counters = (steps, epochs, updates)
            self._episodes.extend((reward, length) for reward, length in state.numbers["episodes"])
        except (KeyError, ValueError, TypeError) as error:
            raise DataError(
                f"the checkpoint does not fit this run: {error}",
                mend="train again without resuming",
            ) from error
