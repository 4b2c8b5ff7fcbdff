"""The rows of a campaign: what is tried, by whom, and how each attempt went.

A trial is one set of parameters; its *lineage* is all attempts at it. Every time is Unix
milliseconds UTC. A figure that is not defined is None.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from ...domain.errors import InvalidValue


class AttemptStatus(Enum):
    """Where an attempt stands."""

    QUEUED = "queued"
    RUNNING = "running"
    COMPLETED = "completed"
    PRUNED = "pruned"
    """Ended early because it did not promise enough; it counts as a trial."""
    FAILED = "failed"


OPEN = (AttemptStatus.QUEUED, AttemptStatus.RUNNING)
"""What is still to be done; a trial has at most one such attempt."""

DECIDED = (AttemptStatus.COMPLETED, AttemptStatus.PRUNED)
"""What ends a lineage with a result."""


@dataclass(frozen=True, slots=True)
class Footprint:
    """How much memory an attempt may take.

    Attributes:
        environments: Stepped together; a rule strategy has none of its own and ignores it.
        batch: Frames of one gradient step.
    """

    environments: int
    batch: int

    def __post_init__(self) -> None:
        if self.environments < 1 or self.batch < 2:
            raise InvalidValue(
                f"a footprint needs 1 environment and a batch of 2 or more, was {self}"
            )

    def smaller(self, rollout: int) -> Footprint:
        """Return half of it: the batch still divides environments × ``rollout``."""
        environments = max(1, self.environments // 2)
        frames = environments * rollout
        most = min(frames, max(2, self.batch // 2))
        batch = next((size for size in range(most, 1, -1) if frames % size == 0), frames)
        return Footprint(environments, max(2, batch))


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialAttempt:
    """One attempt at a trial.

    Attributes:
        number: Of the trial in its study, from 0.
        attempt: Counts the attempts at the trial from 1.
        epoch: Counts the claims of this attempt: whoever holds an older one writes nothing.
        not_before: It is not claimed earlier.
        reseeds: How often the lineage was begun again with another seed.
        checkpoint: Folder with what the attempt has reached.
        parameters: As sampled; empty until the first claim of the lineage.
        figures: What was measured.
        digest: SHA-256 of the result's files.
        told: Whether study and registry know how it ended.
    """

    study: str
    number: int
    attempt: int
    footprint: Footprint
    status: AttemptStatus = AttemptStatus.QUEUED
    epoch: int = 0
    worker: str = ""
    not_before: int = 0
    claimed_at: int | None = None
    heartbeat_at: int | None = None
    ended_at: int | None = None
    reseeds: int = 0
    error_class: str = ""
    error: str = ""
    checkpoint: str = ""
    parameters: Mapping[str, object] = field(default_factory=dict)
    figures: Mapping[str, float | None] = field(default_factory=dict)
    digest: str = ""
    told: bool = False

    @property
    def lineage(self) -> str:
        """Name of the trial over all its attempts, and of its model."""
        return lineage(self.study, self.number)

    @property
    def seconds(self) -> float | None:
        """From the claim to the end; None before it."""
        if self.claimed_at is None or self.ended_at is None:
            return None
        return (self.ended_at - self.claimed_at) / 1000


def lineage(study: str, number: int) -> str:
    """Return the name of a trial over all its attempts."""
    return f"{study}-{number:04d}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptEnding:
    """How an attempt ended.

    Attributes:
        status: Completed, pruned or failed.
        successor: The attempt that takes the trial on, of a failure that is worth another try.
    """

    status: AttemptStatus
    at: int
    figures: Mapping[str, float | None] = field(default_factory=dict)
    digest: str = ""
    error_class: str = ""
    error: str = ""
    successor: TrialAttempt | None = None
