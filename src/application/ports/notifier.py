"""Messages to people, as a port."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol


class Severity(IntEnum):
    """How urgent a message is."""

    INFO = 0
    WARNING = 1
    CRITICAL = 2


@dataclass(frozen=True, slots=True)
class Notice:
    """One message.

    Attributes:
        topic: What it is about, stable: ``fill``, ``breaker``, ``unknown order``, ``kill`` …
        account: Whom it concerns; empty where it is everybody.
    """

    severity: Severity
    topic: str
    text: str
    occurred_at: int
    account: str = ""


class Notifier(Protocol):
    """Delivers messages some time; never blocks the caller and never raises.

    What cannot be queued is dropped and counted. Safe to use from several threads. Adapters: log,
    memory.
    """

    def send(self, notice: Notice) -> None:
        """Queue a message."""

    @property
    def dropped(self) -> int:
        """How many messages were lost."""
