"""The two clocks: the machine's, and one that a caller moves."""

from __future__ import annotations

import time

from ...domain.errors import InvalidValue

_LONGEST_NAP_S = 60.0
"""Sleeps are taken in pieces, so that a clock that is set does not leave a session asleep."""


class SystemClock:
    """The machine's wall clock, UTC."""

    def now_ms(self) -> int:
        """Return Unix milliseconds."""
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        """Return seconds that never step back."""
        return time.monotonic()

    def sleep_until(self, time_ms: int) -> None:
        """Return when the wall clock has reached ``time_ms``, or as late as that was at first."""
        latest = self.monotonic() + (time_ms - self.now_ms()) / 1000
        while (left := min((time_ms - self.now_ms()) / 1000, latest - self.monotonic())) > 0:
            time.sleep(min(left, _LONGEST_NAP_S))


class SimulatedClock:
    """A clock that stands still until it is told to move; sleeping is a jump.

    Args:
        start_ms: The first instant, Unix milliseconds.
    """

    def __init__(self, start_ms: int = 0) -> None:
        self._start_ms = start_ms
        self._now_ms = start_ms

    def now_ms(self) -> int:
        """Return the simulated Unix milliseconds."""
        return self._now_ms

    def monotonic(self) -> float:
        """Return simulated seconds since the clock was made."""
        return (self._now_ms - self._start_ms) / 1000

    def sleep_until(self, time_ms: int) -> None:
        """Jump to ``time_ms``; a past instant changes nothing."""
        self._now_ms = max(self._now_ms, time_ms)

    def advance(self, milliseconds: int) -> None:
        """Move forward by ``milliseconds``.

        Raises:
            InvalidValue: If that would move back.
        """
        if milliseconds < 0:
            raise InvalidValue(f"a simulated clock only moves forward, was {milliseconds} ms")
        self._now_ms += milliseconds
