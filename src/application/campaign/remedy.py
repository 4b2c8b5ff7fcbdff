"""What went wrong with an attempt, and what is done about it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum

from ...domain.errors import (
    InvalidInput,
    MettleError,
    StorageError,
    TimedOut,
    TrainingDiverged,
)
from .definition import OBJECTIVE, CampaignDefinition
from .records import AttemptStatus, TrialAttempt


class ErrorClass(Enum):
    """By what failures are grouped."""

    OUT_OF_MEMORY = "out-of-memory"
    """Host or accelerator: tried again with half the footprint."""
    DIVERGED = "diverged"
    """A loss or weight left the finite numbers: begun again with another seed."""
    WORKER_DIED = "worker-died"
    """Killed, crashed or silent: goes on from its checkpoint."""
    STORAGE = "storage"
    """The disk or the database could not take it: goes on later."""
    TIME_LIMIT = "time-limit"
    INVALID = "invalid"
    """Bars or settings break a rule; the next attempt would too."""
    DEFECT = "defect"
    """Something that nobody foresaw."""


_MOST = {ErrorClass.DIVERGED: 2, ErrorClass.STORAGE: 5}
"""Further attempts of a trial, where the definition does not say."""

_KINDS: tuple[tuple[type[BaseException], ErrorClass], ...] = (
    (TrainingDiverged, ErrorClass.DIVERGED),
    (StorageError, ErrorClass.STORAGE),
    (TimedOut, ErrorClass.TIME_LIMIT),
    (InvalidInput, ErrorClass.INVALID),
    (OSError, ErrorClass.STORAGE),
)
"""The first that fits counts: a divergence is an invalid input, too."""

_PAUSE_MS = 2_000
"""Before a full disk is tried again; doubled each time."""


def classify(error: BaseException) -> ErrorClass:
    """Return the class of what an attempt raised."""
    for one in _chain(error):
        if isinstance(one, MemoryError) or _is_accelerator(one):
            return ErrorClass.OUT_OF_MEMORY
    return next((found for kinds, found in _KINDS if isinstance(error, kinds)), ErrorClass.DEFECT)


def _chain(error: BaseException) -> list[BaseException]:
    found = [error]
    while (cause := found[-1].__cause__) is not None and cause not in found:
        found.append(cause)
    return found


def _is_accelerator(error: BaseException) -> bool:
    # By name: nothing in here may import the library that raises it.
    if type(error).__name__ == "OutOfMemoryError":
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and (
        "out of memory" in text or "can't allocate memory" in text
    )


def describe(error: BaseException) -> str:
    """Return what went wrong in one line."""
    if isinstance(error, MettleError):
        return str(error)
    return f"{type(error).__name__}: {error}"


@dataclass(frozen=True, slots=True)
class Remedies:
    """Decides whether a trial is tried again, and how.

    Attributes:
        rollout: Steps of each environment between two updates, that a batch must fit.
    """

    definition: CampaignDefinition
    rollout: int

    def most(self, kind: ErrorClass) -> int:
        """Return how many further attempts an error of this class is worth."""
        if kind is ErrorClass.OUT_OF_MEMORY:
            return self.definition.retries
        if kind is ErrorClass.WORKER_DIED:
            return self.definition.deaths
        if kind is ErrorClass.DEFECT and self.definition.agent == OBJECTIVE:
            return self.definition.retries  # of code that is not ours: it may pass
        return _MOST.get(kind, 0)

    def successor(
        self, lineage: Sequence[TrialAttempt], failed: TrialAttempt, kind: ErrorClass, now: int
    ) -> TrialAttempt | None:
        """Return the attempt that takes the trial on, or None.

        Args:
            lineage: All attempts at the trial; that which ``failed`` need not be marked yet.
        """
        seen = Counter(
            one.error_class
            for one in lineage
            if one.status is AttemptStatus.FAILED and one.attempt != failed.attempt
        )
        before = seen[kind.value]
        if before >= self.most(kind):
            return None
        shrunk = failed.footprint
        if kind is ErrorClass.OUT_OF_MEMORY:
            shrunk = shrunk.smaller(self.rollout)
        return replace(
            failed,
            attempt=failed.attempt + 1,
            status=AttemptStatus.QUEUED,
            footprint=shrunk,
            epoch=0,
            worker="",
            not_before=now + _PAUSE_MS * 2**before if kind is ErrorClass.STORAGE else 0,
            claimed_at=None,
            heartbeat_at=None,
            ended_at=None,
            reseeds=failed.reseeds + (kind is ErrorClass.DIVERGED),
            error_class="",
            error="",
        )
