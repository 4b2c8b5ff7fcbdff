"""Time that runs faster than the real one, the same in every process of this machine."""

from __future__ import annotations

import time


class FastClock:
    """Implements ``Clock``.

    Args:
        start_ms: What it showed at ``began``.
        began: Reading of the machine's monotonic clock, seconds, common to all processes.
        speed: Simulated seconds a second.
    """

    def __init__(self, start_ms: int, began: float, speed: float) -> None:
        self._start_ms = start_ms
        self._began = began
        self._speed = speed

    def now_ms(self) -> int:
        """Return Unix milliseconds."""
        return self._start_ms + int(self.monotonic() * 1_000)

    def monotonic(self) -> float:
        """Return simulated seconds since ``began``."""
        return (time.monotonic() - self._began) * self._speed

    def sleep_until(self, time_ms: int) -> None:
        """Return when the clock has reached ``time_ms``."""
        while (left := time_ms - self.now_ms()) > 0:
            time.sleep(left / 1_000 / self._speed)

    @property
    def server_time(self) -> int:
        """The exchange's time: its machine's clock is this one."""
        return self.now_ms()
