"""How soon an exit that came to nothing is tried again."""

from __future__ import annotations

from dataclasses import dataclass

from ...domain.market import Symbol
from ...domain.waits import is_over

_SHORTEST, _LONGEST = 2_000, 15_000
"""Milliseconds: at first as often as a touch is read, at last as an unknown order is."""
_FORGOTTEN = 4 * _LONGEST


@dataclass(frozen=True, slots=True)
class _Try:
    lots: int
    at: int
    pause: int


class ExitBackoff:
    """Doubles the pause after each exit of a symbol that left its position as it was.

    A venue that refuses one for good, because somebody closed the position by hand, would be asked
    thirty times a minute for as long as people take, and its limits hold for all other exits too.
    An exit is never given up, and one that filled a single lot begins anew.
    """

    def __init__(self) -> None:
        self._last: dict[Symbol, _Try] = {}

    def allows(self, symbol: Symbol, lots: int, now: int) -> bool:
        """Return whether to try now; if so it counts as tried.

        Args:
            lots: Of the position.
        """
        last = self._last.get(symbol)
        if last is None or last.lots != lots or is_over(last.at, _FORGOTTEN, now):
            self._last[symbol] = _Try(lots, now, _SHORTEST)
            return True
        if not is_over(last.at, last.pause, now):
            return False
        self._last[symbol] = _Try(lots, now, min(2 * last.pause, _LONGEST))
        return True
