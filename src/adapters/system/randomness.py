"""Seeded random numbers."""

from __future__ import annotations

import hashlib

import numpy as np

from ...domain.errors import InvalidValue


class PhiloxRandomness:
    """Streams of NumPy's counter-based Philox generator, one a key.

    A stream depends on the seed and its key alone, never on the order in which streams are asked
    for, so that adding one consumer leaves every other's numbers unchanged.

    Args:
        seed: Any non-negative integer below 2⁶⁴.
    """

    def __init__(self, seed: int) -> None:
        if not 0 <= seed < 2**64:
            raise InvalidValue(f"seed must lie in 0 … 2⁶⁴ − 1, was {seed}")
        self._seed = seed

    def stream(self, *key: int | str) -> np.random.Generator:
        """Return the generator that belongs to ``key``; it starts afresh at each call."""
        text = repr((self._seed, *((type(part).__name__, part) for part in key)))
        digest = hashlib.sha256(text.encode()).digest()
        words = np.frombuffer(digest[:16], dtype=np.uint64)
        return np.random.Generator(np.random.Philox(key=words))
