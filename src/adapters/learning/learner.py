"""What a run needs of a learner of our own."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

from .policy_weights import Weights
from .run_state import Tensors, TrainingState


class Lesson(NamedTuple):
    """What one rollout and its update told.

    Attributes:
        losses: By the names that Stable-Baselines3 logs them under.
        episodes: Reward and length of those that ended, in order.
    """

    losses: dict[str, float]
    episodes: list[tuple[float, int]]


class Learner(Protocol):
    """A policy, what it learns with, and the environments that it learns in."""

    @property
    def frames(self) -> int:
        """Environment steps taken so far."""

    def learn(self) -> Lesson:
        """Play one rollout and learn from it."""

    def weights(self) -> Weights:
        """Return copies of the weights by the names of Stable-Baselines3's state."""

    def capture(self) -> tuple[Tensors, dict[str, Any]]:
        """Return copies of all that the next rollout depends on.

        The weights' names begin with ``policy.``; the numbers are what JSON can hold.
        """

    def restore(self, state: TrainingState) -> None:
        """Go on from a state that :meth:`capture` gave.

        Raises:
            DataError: If it is of another market.
            KeyError, ValueError, TypeError: If it is of another network.
        """
