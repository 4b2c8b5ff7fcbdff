"""Randomness, as a port."""

from __future__ import annotations

from typing import Protocol

import numpy as np


class Randomness(Protocol):
    """Seeded streams of random numbers. Adapter: NumPy's Philox."""

    def stream(self, *key: int | str) -> np.random.Generator:
        """Return the generator that belongs to ``key``: the same key gives the same numbers."""
