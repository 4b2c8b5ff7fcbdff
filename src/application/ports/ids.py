"""Identifiers, as a port."""

from __future__ import annotations

from typing import Protocol


class Ids(Protocol):
    """Fresh identifiers. Adapters: random (UUIDv4), sequential."""

    def new(self, prefix: str) -> str:
        """Return ``prefix-`` and a part never given out before."""
