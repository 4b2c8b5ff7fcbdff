"""Keeping a venue's dead man's switch armed while the session lives."""

from __future__ import annotations

from contextlib import suppress
from typing import cast

from ...domain.errors import VenueError
from ..ports.venue import DeadMansSwitch, Venue


class SwitchKeeper:
    """Arms "cancel all after" and renews it, so that a process that dies leaves no order behind.

    Does nothing where the venue has no such switch. What rests there as a stop stays, whoever dies.
    """

    def __init__(self, venue: Venue) -> None:
        self._lifetime = venue.capabilities.dead_man_ms
        self._venue = cast("DeadMansSwitch", venue)
        self._renewed: int | None = None

    def renew(self, now: int) -> None:
        """Arm it again once a third of its time has passed; a failure is tried again next time."""
        if self._lifetime is None:
            return
        if self._renewed is not None and 0 <= now - self._renewed < self._lifetime // 3:
            return
        with suppress(VenueError):
            self._venue.cancel_all_after(self._lifetime)
            self._renewed = now

    def disarm(self, *, left: bool) -> None:
        """Take it back at the end; armed it stays where orders are left, which then end there."""
        if left or self._lifetime is None or self._renewed is None:
            return
        with suppress(VenueError):
            self._venue.cancel_all_after(None)
        self._renewed = None
