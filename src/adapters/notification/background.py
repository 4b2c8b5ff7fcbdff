"""Delivery by a thread of its own, so that a sink that hangs stops nobody."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable

from ...application.ports.notifier import Notice

Sink = Callable[[Notice], None]


class BackgroundNotifier:
    """Hands messages to a sink, one after the other; implements ``Notifier``.

    Args:
        sink: May block, fail or hang for ever; what it refuses is counted as lost.
        capacity: How many messages wait; beyond that the oldest is dropped and counted.
    """

    def __init__(self, sink: Sink, *, capacity: int = 1_000) -> None:
        self._sink = sink
        self._capacity = max(capacity, 1)
        self._waiting: deque[Notice] = deque()
        # Held for a few appends at most, never while the sink works.
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._busy = False
        self._closed = False
        self._dropped = 0

    def send(self, notice: Notice) -> None:
        """Queue a message."""
        with self._changed:
            if self._closed or not self._running():
                self._dropped += 1
                return
            if len(self._waiting) == self._capacity:
                self._waiting.popleft()
                self._dropped += 1
            self._waiting.append(notice)
            self._changed.notify_all()

    @property
    def dropped(self) -> int:
        """How many messages were lost."""
        return self._dropped

    def flush(self, timeout_s: float) -> bool:
        """Wait until everything was handed over; return whether it was, in time."""
        with self._changed:
            return self._changed.wait_for(lambda: not (self._waiting or self._busy), timeout_s)

    def close(self, timeout_s: float = 1.0) -> None:
        """Take no more messages, and give the last ones some time; a sink that hangs is left."""
        self.flush(timeout_s)
        with self._changed:
            self._closed = True
            self._dropped += len(self._waiting)
            self._waiting.clear()
            self._changed.notify_all()
            thread = self._thread if not self._busy else None
        if thread is not None:
            thread.join(timeout_s)

    def _running(self) -> bool:
        """Start the thread with the first message; a process that has no room for it goes on."""
        if self._thread is None:
            # A daemon: the end of the process does not wait for a sink either.
            thread = threading.Thread(target=self._deliver, name="notifier", daemon=True)
            try:
                thread.start()
            except RuntimeError:
                return False
            self._thread = thread
        return True

    def _deliver(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closed)
                if not self._waiting:
                    return
                notice = self._waiting.popleft()
                self._busy = True
            try:
                self._sink(notice)
                lost = 0
            except Exception:  # noqa: BLE001 - whatever a sink raises, trading goes on
                lost = 1
            with self._changed:
                self._busy = False
                self._dropped += lost
                self._changed.notify_all()
