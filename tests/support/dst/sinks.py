"""Where texts leave, and the flag that stops everything: both outlive a process."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from mettle.application.ports.notifier import Notice
from mettle.domain.errors import StorageError


@dataclass
class WorldNotifier:
    """Implements ``Notifier``: counts, shows texts to the oracle, and may hang.

    Attributes:
        hung: While it hangs, nothing is delivered: messages are dropped and counted.
    """

    said: Callable[[str, str], None]
    hung: bool = False
    lost: int = 0
    topics: Counter[str] = field(default_factory=Counter)

    def send(self, notice: Notice) -> None:
        """Take a message."""
        self.said("a notice", notice.text)
        if self.hung:
            self.lost += 1
        else:
            self.topics[notice.topic] += 1

    @property
    def dropped(self) -> int:
        """How many messages were lost."""
        return self.lost


@dataclass
class WorldKillSwitch:
    """Implements ``KillSwitch`` on a file system that may refuse to write."""

    changed: Callable[[str | None], None]
    read_only: bool = False
    flags: dict[str, str] = field(default_factory=dict)

    def reason(self, account: str) -> str | None:
        """Return why the account is killed."""
        return self.flags.get(account)

    def set(self, account: str, reason: str) -> None:
        """Kill the account."""
        if self.read_only:
            raise StorageError("simulated flag: read-only file system")
        self.flags.setdefault(account, reason)
        self.changed(self.flags[account])

    def clear(self, account: str) -> None:
        """Take the flag away."""
        self.flags.pop(account, None)
        self.changed(None)
