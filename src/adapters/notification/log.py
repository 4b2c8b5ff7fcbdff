"""Messages as lines of a log."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TextIO

from ...application.ports.notifier import Notice, Severity
from .background import BackgroundNotifier

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LEVELS = {Severity.INFO: "info", Severity.WARNING: "warning", Severity.CRITICAL: "critical"}


class LogNotifier(BackgroundNotifier):
    """Writes one line of JSON a message.

    Args:
        stream: Where to; None is standard error as it is when the first message comes.
        capacity: How many messages wait for a stream that is slow.
    """

    def __init__(self, stream: TextIO | None = None, *, capacity: int = 1_000) -> None:
        self._stream = stream
        self._write: Callable[[Notice], None] | None = None
        super().__init__(self._line, capacity=capacity)

    def _line(self, notice: Notice) -> None:
        if self._write is None:
            self._write = _writer(self._stream or sys.stderr)
        self._write(notice)


def _writer(stream: TextIO) -> Callable[[Notice], None]:
    # Imported by the first message: most commands have none.
    import structlog  # noqa: PLC0415

    log = structlog.wrap_logger(
        structlog.PrintLogger(stream),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.BoundLogger,
    )

    def write(notice: Notice) -> None:
        at = _EPOCH + timedelta(milliseconds=notice.occurred_at)
        line = getattr(log, _LEVELS[notice.severity])
        line(notice.text, topic=notice.topic, at=at.isoformat(timespec="milliseconds"))

    return write
