"""The clock port in simulated time: each process has its own, and may be wrong by its own skew."""

from __future__ import annotations

from .scheduler import Scheduler


class SimulatedWorldClock:
    """Implements ``Clock``; sleeping lets the rest of the world run.

    Args:
        skew_ms: What the machine's clock is off by; may be changed at any time.
    """

    def __init__(self, scheduler: Scheduler, skew_ms: int = 0) -> None:
        self._scheduler = scheduler
        self.skew_ms = skew_ms

    def now_ms(self) -> int:
        """Return the machine's Unix milliseconds."""
        return self._scheduler.now + self.skew_ms

    def monotonic(self) -> float:
        """Return seconds since the world began; the skew takes no part."""
        return (self._scheduler.now - self._scheduler.start) / 1000

    def sleep_until(self, time_ms: int) -> None:
        """Return when this machine's clock has reached ``time_ms``."""
        while (left := time_ms - self.now_ms()) > 0:
            self._scheduler.wait_until(self._scheduler.now + left)
