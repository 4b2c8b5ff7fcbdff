"""The last messages, kept in this process."""

from __future__ import annotations

import threading
from collections import deque

from ...application.ports.notifier import Notice


class MemoryNotifier:
    """Keeps the newest messages; implements ``Notifier``.

    Args:
        keep: How many; older ones are dropped and counted.
    """

    def __init__(self, keep: int = 1_000) -> None:
        self._kept: deque[Notice] = deque(maxlen=keep)
        self._dropped = 0
        self._lock = threading.Lock()

    def send(self, notice: Notice) -> None:
        """Keep a message."""
        with self._lock:
            self._dropped += len(self._kept) == self._kept.maxlen
            self._kept.append(notice)

    @property
    def dropped(self) -> int:
        """How many messages were lost."""
        return self._dropped

    @property
    def notices(self) -> tuple[Notice, ...]:
        """What is kept, oldest first."""
        with self._lock:
            return tuple(self._kept)
