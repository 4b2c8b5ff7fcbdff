"""How far prices swing: the average true range that stops of a position are set by."""

from __future__ import annotations

from collections.abc import Sequence

from ...domain.risk import AtrStops, RiskProfile
from ...domain.simulation import AssetBar

_BARS = 14
"""Over how many bars Wilder averages."""
_SCALE = 1_000_000


class Ranges:
    """Each asset's average true range, and what it was when its position began.

    A stop that widened whenever the market got wilder would protect nothing, so a position keeps
    the range of the bars before its opening. Whole numbers only: the same bars give the same stops
    after a restart. Missing bars count for nothing. Wilder's average (New Concepts in Technical
    Trading Systems, 1978); over the first bars the plain mean.

    Args:
        assets: How many there are.
    """

    def __init__(self, assets: int) -> None:
        self._assets = assets
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self._seen = [0] * self._assets
        self._average = [0] * self._assets
        self._closes: list[int | None] = [None] * self._assets
        self._held = [0] * self._assets

    def take(self, bars: Sequence[AssetBar], lots: Sequence[int]) -> None:
        """Take one bar of each asset, and the lots that are held at its end."""
        for column, bar in enumerate(bars):
            if not lots[column]:
                self._held[column] = 0
            elif not self._held[column]:
                self._held[column] = self._now(column)
            if not bar.missing:
                self._measure(column, bar)

    def _now(self, column: int) -> int:
        return -(-self._average[column] // _SCALE)

    def _measure(self, column: int, bar: AssetBar) -> None:
        last = self._closes[column]
        before = bar.open if last is None else last
        swing = max(bar.high, before) - min(bar.low, before)
        self._closes[column] = bar.close
        self._seen[column] = over = min(self._seen[column] + 1, _BARS)
        self._average[column] = (self._average[column] * (over - 1) + swing * _SCALE) // over

    def stops(self, column: int) -> AtrStops | None:
        """Return what a position's stops are set by; None where no range is known."""
        atr = self._held[column] or self._now(column)
        return AtrStops(atr) if atr else None


def needs_ranges(profile: RiskProfile) -> bool:
    """Return whether a profile sets stops by the average true range."""
    return profile.atr_stop_low is not None or profile.atr_trail_low is not None
