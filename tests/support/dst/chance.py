"""Seeded chance, one stream a purpose, so that turning one fault off leaves the others' draws."""

from __future__ import annotations

import hashlib
import random


class Chance:
    """Streams of random numbers by name.

    Args:
        seed: Of the whole world.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._streams: dict[str, random.Random] = {}

    def stream(self, name: str) -> random.Random:
        """Return the one stream of ``name``; it goes on where it stopped."""
        found = self._streams.get(name)
        if found is None:
            digest = hashlib.sha256(f"{self._seed}|{name}".encode()).digest()
            found = random.Random(int.from_bytes(digest[:16], "big"))  # noqa: S311  not for secrets
            self._streams[name] = found
        return found

    def hit(self, name: str, share: float) -> bool:
        """Return whether something happens that happens in ``share`` of the cases."""
        return self.stream(name).random() < share
