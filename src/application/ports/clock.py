"""Time, as a port: nothing inside the application reads the wall clock."""

from __future__ import annotations

from typing import Protocol


class Clock(Protocol):
    """The present, and waiting for the future. Adapters: system, simulated."""

    def now_ms(self) -> int:
        """Return Unix milliseconds, UTC. May step back if the system's clock is set."""

    def monotonic(self) -> float:
        """Return seconds that never step back, from an arbitrary origin."""

    def sleep_until(self, time_ms: int) -> None:
        """Return when ``now_ms() >= time_ms``; a simulated clock jumps there.

        Where the system's clock is set back meanwhile, return once as much time has passed as was
        left at the call: a session must not be left asleep. Whoever needs the instant looks again.
        """
