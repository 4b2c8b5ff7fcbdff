"""The kill flag that works when the database does not, as a port."""

from __future__ import annotations

from typing import Protocol

EVERY_ACCOUNT = "*"
"""Its flag kills every account, also one that begins to trade later."""

FLATTENING = "kill and flatten"
"""How the reason of a kill begins that closes the positions too: the flag says it without a
database."""


def flattens(reason: str | None) -> bool:
    """Return whether a flag's reason asks for the positions to be closed."""
    return reason is not None and reason.startswith(FLATTENING)


class KillSwitch(Protocol):
    """One flag an account; set by anybody, cleared only by a person's re-arm.

    Reading it is cheap enough to be done before every send. Safe to use from several processes.
    Adapters: file, memory.
    """

    def reason(self, account: str) -> str | None:
        """Return why the account is killed, by its own flag or by that of all; None if it is not.

        A flag that cannot be read counts as set.
        """

    def set(self, account: str, reason: str) -> None:
        """Kill the account; a flag that is set keeps its first reason.

        Raises:
            StorageError: If the flag cannot be written.
        """

    def clear(self, account: str) -> None:
        """Take the flag away; nothing happens if it is not set."""
