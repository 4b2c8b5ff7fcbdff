"""Keeps a campaign's attempts moving: what failed is tried again, what fell silent is released."""

from __future__ import annotations

from ..ports.campaign_store import CampaignStore
from ..ports.clock import Clock
from .records import AttemptEnding, AttemptStatus, TrialAttempt
from .remedy import ErrorClass, Remedies


class Keeper:
    """Ends attempts that failed and queues what takes their trials on."""

    def __init__(self, store: CampaignStore, remedies: Remedies, clock: Clock) -> None:
        self._store = store
        self._remedies = remedies
        self._clock = clock

    @property
    def study(self) -> str:
        """The study that it keeps."""
        return self._remedies.definition.study

    def fail(self, attempt: TrialAttempt, kind: ErrorClass, text: str) -> bool:
        """End an attempt that failed; False if it is no longer that worker's."""
        now = self._clock.now_ms()
        history = self._store.attempts(attempt.study, number=attempt.number)
        current = next(one for one in history if one.attempt == attempt.attempt)
        ending = AttemptEnding(
            status=AttemptStatus.FAILED,
            at=now,
            error_class=kind.value,
            error=text,
            successor=self._remedies.successor(history, current, kind, now),
        )
        return self._store.end(attempt, ending)

    def release_silent(self, lease_s: float) -> int:
        """Take attempts from workers that have been silent for longer than their lease."""
        before = self._clock.now_ms() - int(lease_s * 1000)
        return sum(self._died(one, "fell silent") for one in self._store.silent(self.study, before))

    def release(self, worker: str, why: str) -> int:
        """Take attempts from a worker that is known to be dead."""
        running = self._store.attempts(self.study, statuses=[AttemptStatus.RUNNING])
        return sum(self._died(one, why) for one in running if one.worker == worker)

    def _died(self, attempt: TrialAttempt, why: str) -> bool:
        return self.fail(attempt, ErrorClass.WORKER_DIED, f"worker {attempt.worker} {why}")
