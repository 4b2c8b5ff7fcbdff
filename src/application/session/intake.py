"""Taking bars from a feed: each only once the venue has said a time past its close."""

from __future__ import annotations

from collections.abc import Callable

from ..market.row import BarRow
from ..ports.bar_feed import BarFeed
from ..ports.clock import Clock
from .warden import LOOK


class Intake:
    """The feed, as a session takes it.

    A feed may speak too soon, and the venue's clock may have been set back since it was heard last:
    a bar that it has not called closed waits here, and none is lost by that.

    Args:
        hears: Whether the venue's word on a time can be had; None where bars are recorded.
    """

    def __init__(self, feed: BarFeed, clock: Clock, hears: Callable[[int], bool] | None) -> None:
        self._feed = feed
        self._clock = clock
        self._hears = hears
        self._waiting: BarRow | None = None

    def next_due(self) -> int | None:
        """Return when :meth:`take` may have a bar; None when they have ended."""
        if self._waiting is not None:
            return self._clock.now_ms() + LOOK
        return self._feed.next_due()

    def take(self) -> BarRow | None:
        """Return the next bar, if there is one to be acted on."""
        row = self._waiting or self._feed.take()
        heard = row is None or self._hears is None or self._hears(row.close_time)
        self._waiting = None if heard else row
        return row if heard else None
