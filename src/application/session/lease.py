"""Keeping the lease: one trader an account."""

from __future__ import annotations

from dataclasses import replace

from ...domain.errors import RefusedForSafety
from ...domain.waits import is_over
from ..journal import LeaseRecord
from ..ports.clock import Clock
from ..ports.unit_of_work import Store


class LeaseKeeper:
    """Holds an account's lease and prolongs it while the session lives.

    Args:
        clock: Of the real world, which every process shares.
        lifetime: How long a lease lasts without a sign of life, milliseconds.
        margin: How long a new holder waits after the old lease's end, so that a request which its
            holder began in time has come to its end, milliseconds.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        account: str,
        holder: str,
        lifetime: int = 60_000,
        margin: int = 15_000,
    ) -> None:
        self._store = store
        self._clock = clock
        self._account = account
        self._holder = holder
        self._lifetime = lifetime
        self._margin = margin
        self._lease: LeaseRecord | None = None

    def acquire(self) -> LeaseRecord:
        """Take the lease; waits out the margin after somebody else's.

        Raises:
            RefusedForSafety: If somebody else holds it.
        """
        now = self._clock.now_ms()
        with self._store.writing() as unit:
            before = unit.leases.find(self._account)
            until = now + self._lifetime
            lease = unit.leases.acquire(self._account, self._holder, now, until)
            unit.commit()
        if lease is None:
            held = "" if before is None else f" by {before.holder}"
            raise RefusedForSafety(
                f"account {self._account} is traded already{held}",
                mend="end the other session first, or wait a minute if it died",
            )
        self._lease = lease
        if before is not None and before.holder not in {"", self._holder}:
            self._clock.sleep_until(min(before.expires_at, now) + self._margin)
            self.keep()
        return lease

    def current(self) -> LeaseRecord | None:
        """Return the lease as we hold it."""
        return self._lease

    def keep(self) -> None:
        """Prolong it if it is time.

        Raises:
            RefusedForSafety: If it is no longer ours.
        """
        if self._lease is None:
            return
        since = self._lease.expires_at - self._lifetime
        if is_over(since, self._lifetime // 3, self._clock.now_ms()):
            self._prolong(self._lease)

    def reclaim(self) -> None:
        """Take the epoch that a kill has raised: who knows of the kill may write again.

        Raises:
            RefusedForSafety: If it is no longer ours.
        """
        with self._store.reading() as unit:
            held = unit.leases.find(self._account)
        if self._lease is not None and (held is None or held.epoch != self._lease.epoch):
            self._prolong(self._lease)

    def _prolong(self, lease: LeaseRecord) -> None:
        now = self._clock.now_ms()
        until = now + self._lifetime
        renewed: LeaseRecord | None = replace(lease, expires_at=until)
        with self._store.writing() as unit:
            if not unit.leases.renew(lease, until):
                # A kill raises the epoch and leaves the holder: then it is still ours to watch.
                # Whoever else held it meanwhile has written what we do not know.
                held = unit.leases.find(self._account)
                ours = held is not None and held.holder == self._holder
                renewed = None
                if ours:
                    renewed = unit.leases.acquire(self._account, self._holder, now, until)
            unit.commit()
        self._lease = renewed
        if renewed is None:
            raise RefusedForSafety(
                f"account {self._account} is no longer ours: another session took it",
                mend="see `mettle status`; start again once it is free",
            )

    def release(self) -> None:
        """Let it go."""
        if self._lease is not None:
            with self._store.writing() as unit:
                unit.leases.release(self._lease, self._clock.now_ms())
                unit.commit()
            self._lease = None
