"""Whether a worker may go on: its lease, a request to stop, its time."""

from __future__ import annotations

from ...domain.errors import StorageError, TimedOut
from ..ports.campaign_store import CampaignStore
from ..ports.clock import Clock
from .records import TrialAttempt


class TrialStopped(KeyboardInterrupt):
    """The worker is to lay down its work: what trains keeps a checkpoint, as at Ctrl-C."""


class LeaseLost(Exception):
    """The attempt has been given to another worker: nothing of it may be written any more."""


class Life:
    """The lease of one attempt.

    ``beat`` is called from a thread of its own, ``check`` by the work between two steps.

    Args:
        lease_s: Without a heartbeat for as long the lease counts as lost, here and elsewhere.
        time_limit_s: Of the attempt, 0 is none.
    """

    def __init__(
        self,
        store: CampaignStore,
        attempt: TrialAttempt,
        clock: Clock,
        *,
        lease_s: float,
        time_limit_s: float = 0.0,
    ) -> None:
        self._store = store
        self._attempt = attempt
        self._clock = clock
        self._lease_s = lease_s
        self._time_limit_s = time_limit_s
        self._begun = self._beaten = clock.monotonic()
        self._lost = self._stop = False

    def stop(self) -> None:
        """Ask the work to end at its next check."""
        self._stop = True

    def beat(self) -> None:
        """Send a heartbeat; a database that cannot take it is tried again at the next."""
        try:
            answer = self._store.beat(self._attempt, self._clock.now_ms())
        except StorageError:
            return  # the lease runs on; `check` gives up before it has run out
        self._beaten = self._clock.monotonic()
        self._lost |= not answer.held
        self._stop |= answer.stop

    def check(self) -> None:
        """Return if the work may go on.

        Raises:
            LeaseLost: If the attempt is another worker's by now, or may be.
            TrialStopped: If it is to stop.
            TimedOut: If the attempt's time is up.
        """
        now = self._clock.monotonic()
        if self._lost or now - self._beaten > self._lease_s:
            raise LeaseLost(f"the lease of {self._attempt.lineage} has run out")
        if self._stop:
            raise TrialStopped(f"{self._attempt.lineage} was laid down, it goes on when resumed")
        if self._time_limit_s and now - self._begun > self._time_limit_s:
            raise TimedOut(
                f"{self._attempt.lineage} has taken more than {self._time_limit_s:g} s",
                mend="raise campaign.time_limit, or train fewer frames",
            )
