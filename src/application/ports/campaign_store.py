"""Who tries what, as a port: the queue of a campaign's attempts, with leases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from ..campaign.definition import CampaignDefinition
from ..campaign.records import AttemptEnding, AttemptStatus, Footprint, TrialAttempt


@dataclass(frozen=True, slots=True)
class Campaign:
    """A campaign as it was begun.

    Attributes:
        stop_requested: Whether workers are to lay down what they hold.
    """

    definition: CampaignDefinition
    created_at: int
    stop_requested: bool = False


@dataclass(frozen=True, slots=True)
class Beat:
    """The answer to a heartbeat.

    Attributes:
        held: Whether the attempt is still the worker's; if not, it has been given to another.
        stop: Whether workers are to stop.
    """

    held: bool
    stop: bool


class CampaignStore(Protocol):
    """Campaigns and the attempts at their trials.

    Each call is one short transaction and durable when it returns. Safe for many processes.
    Adapters: SQLite, PostgreSQL.

    An attempt belongs to the worker and epoch that claimed it. A write of anybody else changes
    nothing and answers False: a worker that was thought dead cannot overwrite its successor.
    """

    def create(self, definition: CampaignDefinition, now: int) -> None:
        """Add a campaign; InvalidValue if there is one of that name."""

    def find(self, study: str) -> Campaign | None:
        """Return a campaign, or None."""

    def campaigns(self) -> Sequence[Campaign]:
        """Return every campaign, oldest first."""

    def extend(self, study: str, definition: CampaignDefinition) -> None:
        """Replace the definition by one with more trials; NotFound if there is no such campaign."""

    def request_stop(self, study: str, *, wanted: bool) -> None:
        """Ask workers to stop, or take that back; NotFound if there is no such campaign."""

    def add_trials(self, study: str, trials: int, footprint: Footprint) -> None:
        """Queue a first attempt for each trial below ``trials`` that has none yet."""

    def claim(self, study: str, worker: str, now: int) -> TrialAttempt | None:
        """Take the first attempt that is due, or None; nobody else gets it."""

    def parameters(self, attempt: TrialAttempt, values: Mapping[str, object], folder: str) -> bool:
        """Write down what an attempt tries and where it keeps what it has reached."""

    def beat(self, attempt: TrialAttempt, now: int) -> Beat:
        """Say that the worker lives."""

    def end(self, attempt: TrialAttempt, ending: AttemptEnding) -> bool:
        """Close an attempt and queue its successor, if there is one, in the same transaction."""

    def give_back(self, attempt: TrialAttempt) -> bool:
        """Queue an attempt again that was laid down before its end."""

    def open_trials(self, study: str) -> int:
        """Return how many trials are queued or at work."""

    def attempts(
        self,
        study: str,
        *,
        number: int | None = None,
        statuses: Sequence[AttemptStatus] | None = None,
    ) -> Sequence[TrialAttempt]:
        """Return attempts by trial and attempt, rising."""

    def silent(self, study: str, before: int) -> Sequence[TrialAttempt]:
        """Return running attempts whose last heartbeat came before ``before``."""

    def untold(self, study: str) -> Sequence[TrialAttempt]:
        """Return ended attempts of which study and registry need not know yet, oldest first."""

    def set_told(self, attempt: TrialAttempt) -> None:
        """Write down that study and registry know how an attempt ended."""

    def close(self) -> None:
        """Release files and connections."""
