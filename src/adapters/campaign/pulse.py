"""Heartbeats from a thread, so that long steps in native code do not look like death."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from ...application.campaign.life import Life


class ThreadPulse:
    """Sends the heartbeats of an attempt.

    Args:
        interval_s: Between two of them; a fraction of the lease.
        parent: Process without which the work is to stop, 0 is none: a worker must not outlive
            whoever looks after it.
    """

    def __init__(self, interval_s: float, *, parent: int = 0) -> None:
        self._interval_s = interval_s
        self._parent = parent

    @contextmanager
    def __call__(self, life: Life) -> Iterator[None]:
        """Beat for the length of the block."""
        over = threading.Event()

        def run() -> None:
            while not over.wait(self._interval_s):
                life.beat()
                if self._parent and os.getppid() != self._parent:
                    life.stop()

        thread = threading.Thread(target=run, name="heartbeat", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
