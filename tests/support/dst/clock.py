"""The clock port in simulated time: each process has its own, and may be wrong by its own skew."""

from __future__ import annotations

from .scheduler import Scheduler

_SPIN = 2_000
"""How often a process may go on at one instant without waiting for anything."""


class Spinning(RuntimeError):
    """A process goes round and round, and time stands still for it: on a real machine it is hot."""


class SimulatedWorldClock:
    """Implements ``Clock``; sleeping lets the rest of the world run.

    Args:
        skew_ms: What the machine's clock is off by; may be changed at any time.
        least_ms: How long a sleep takes at least.
    """

    def __init__(self, scheduler: Scheduler, skew_ms: int = 0, least_ms: int = 0) -> None:
        self._scheduler = scheduler
        self.skew_ms = skew_ms
        self._least = least_ms
        self._spins = (0, 0)

    def now_ms(self) -> int:
        """Return the machine's Unix milliseconds."""
        return self._scheduler.now + self.skew_ms

    def monotonic(self) -> float:
        """Return seconds since the world began; the skew takes no part."""
        return (self._scheduler.now - self._scheduler.start) / 1000

    def sleep_until(self, time_ms: int) -> None:
        """Return when this clock has reached ``time_ms``, or as late as that was at first.

        Raises:
            Spinning: If it has, again and again at the same instant.
        """
        if time_ms <= self.now_ms():
            self._spin()
            return
        left = max(time_ms - self.now_ms(), self._least)
        self._scheduler.wait_until(self._scheduler.now + left)

    def _spin(self) -> None:
        at, count = self._spins
        now = self._scheduler.now
        self._spins = (now, count + 1 if at == now else 1)
        if count > _SPIN:
            self._spins = (0, 0)
            raise Spinning(f"{_SPIN} steps without waiting")
