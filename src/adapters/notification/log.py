"""Messages as lines of a log."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TextIO

from ...application.ports.notifier import Notice, Severity
from .background import BackgroundNotifier

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HIDDEN = "*****"
_LEVELS = {Severity.INFO: "info", Severity.WARNING: "warning", Severity.CRITICAL: "critical"}


class LogNotifier(BackgroundNotifier):
    """Writes one line of JSON a message.

    Args:
        stream: Where to; None is standard error as it is when the first message comes.
        capacity: How many messages wait for a stream that is slow.
        least: What is less urgent is not written.
        secrets: Texts that no line may hold, whatever a message was made of.
    """

    def __init__(
        self,
        stream: TextIO | None = None,
        *,
        capacity: int = 1_000,
        least: Severity = Severity.INFO,
        secrets: Sequence[str] = (),
    ) -> None:
        self._stream = stream
        self._least = least
        self._secrets = tuple(one for one in secrets if one)
        self._write: Callable[[Notice], None] | None = None
        super().__init__(self._line, capacity=capacity)

    def send(self, notice: Notice) -> None:
        """Queue a message, if it is urgent enough."""
        if notice.severity >= self._least:
            super().send(notice)

    def _line(self, notice: Notice) -> None:
        if self._write is None:
            self._write = _writer(self._stream or sys.stderr)
        text = notice.text
        for secret in self._secrets:
            text = text.replace(secret, _HIDDEN)
        self._write(notice if text == notice.text else replace(notice, text=text))


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
        more = {"account": notice.account} if notice.account else {}
        line(notice.text, topic=notice.topic, at=at.isoformat(timespec="milliseconds"), **more)

    return write
