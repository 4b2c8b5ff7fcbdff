"""Chance for the simulated exchange: seeded streams, drawn in blocks for speed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from ....application.ports.randomness import Randomness

_BLOCK = 512
_Item = TypeVar("_Item")


class Dice:
    """Draws from the stream of ``key``.

    Args:
        key: Names the purpose; the same key gives the same draws whatever else is drawn.
    """

    __slots__ = ("_left", "_stream")

    def __init__(self, randomness: Randomness, *key: int | str) -> None:
        self._stream = randomness.stream(*key)
        self._left: list[float] = []

    def share(self) -> float:
        """Return a number of [0, 1)."""
        if not self._left:
            self._left = self._stream.random(_BLOCK).tolist()
        return self._left.pop()

    def hit(self, probability: float) -> bool:
        """Return whether something happens that happens with ``probability``."""
        return self.share() < probability

    def between(self, low: int, high: int) -> int:
        """Return a whole number of ``low`` … ``high``, both included."""
        return low + int(self.share() * (high - low + 1))

    def one_of(self, items: Sequence[_Item]) -> _Item:
        """Return one of ``items``."""
        return items[int(self.share() * len(items))]
