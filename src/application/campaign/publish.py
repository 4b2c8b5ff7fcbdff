"""Tells the study and the registry how attempts ended, until they know.

The queue of attempts is the truth, written first and synced. What the sampler's study and the model
registry know follows from it: a worker that dies in between leaves an attempt untold, and the next
one tells it.
"""

from __future__ import annotations

from typing import Protocol

from ..ports.campaign_store import CampaignStore
from ..ports.study_book import StudyBook
from ..ports.trial_files import TrialFiles
from .definition import CampaignDefinition
from .objective import objective_values
from .records import OPEN, AttemptStatus, TrialAttempt


class AttemptRegister(Protocol):
    """Where every attempt at a model is recorded; each call may be repeated."""

    def began(self, definition: CampaignDefinition, attempt: TrialAttempt) -> None:
        """Record an attempt that begins."""

    def ended(self, definition: CampaignDefinition, attempt: TrialAttempt) -> None:
        """Record how it ended."""


class Publisher:
    """Tells everybody who must know of an attempt."""

    def __init__(
        self,
        store: CampaignStore,
        book: StudyBook,
        files: TrialFiles,
        register: AttemptRegister,
        definition: CampaignDefinition,
    ) -> None:
        self._store = store
        self._book = book
        self._files = files
        self._register = register
        self._definition = definition

    def began(self, attempt: TrialAttempt) -> None:
        """Tell the registry of an attempt that begins."""
        self._register.began(self._definition, attempt)

    def settle(self) -> int:
        """Tell what is untold; return how many attempts that were."""
        found = self._store.untold(self._definition.study)
        for one in found:
            self._register.ended(self._definition, one)
            if self._decided(one):
                self._tell(one)
                self._files.tidy(one)
            self._store.set_told(one)
        return len(found)

    def _decided(self, attempt: TrialAttempt) -> bool:
        """Return whether the trial is over with this attempt."""
        if attempt.status is not AttemptStatus.FAILED:
            return True
        lineage = self._store.attempts(attempt.study, number=attempt.number)
        return lineage[-1].attempt == attempt.attempt and lineage[-1].status not in OPEN

    def _tell(self, attempt: TrialAttempt) -> None:
        values = None
        if attempt.status is AttemptStatus.COMPLETED:
            values = objective_values(self._definition.objectives, attempt.figures)
        elif attempt.status is AttemptStatus.PRUNED and len(self._definition.objectives) == 1:
            last = attempt.figures.get("score")
            values = None if last is None else (last,)
        self._book.tell(
            self._definition, attempt.number, attempt.status, values, attempt.parameters
        )
