"""Identifiers: random for real runs, counted for reproducible ones."""

from __future__ import annotations

import itertools
import uuid


class RandomIds:
    """UUIDv4; no two processes ever give out the same."""

    def new(self, prefix: str) -> str:
        """Return ``prefix-`` and 32 hexadecimal digits."""
        return f"{prefix}-{uuid.uuid4().hex}"


class SequentialIds:
    """Counts from one; two runs of the same code give out the same."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)

    def new(self, prefix: str) -> str:
        """Return ``prefix-`` and the next number, eight digits wide."""
        return f"{prefix}-{next(self._numbers):08d}"
