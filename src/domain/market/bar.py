"""One interval of trading."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from ..errors import DataError
from .symbol import Symbol
from .timeframe import Timeframe


class BarState(IntEnum):
    """What is known of an interval; the numbers are stored."""

    MISSING = 0
    """The venue gave no answer: a gap, never filled silently."""
    TRADED = 1
    EMPTY = 2
    """The venue answered and nobody traded: volume 0 at the previous close."""


@dataclass(frozen=True, slots=True)
class Bar:
    """Open, high, low and close in ticks, volume in lots, stamped at the open.

    Attributes:
        open_time: Unix milliseconds, UTC.
    """

    symbol: Symbol
    timeframe: Timeframe
    open_time: int
    open: int
    high: int
    low: int
    close: int
    volume: int
    state: BarState = BarState.TRADED

    def __post_init__(self) -> None:
        if self.open_time % self.timeframe.milliseconds:
            raise DataError(
                f"{self.symbol} {self.timeframe}: {self.open_time} is not on the bar grid"
            )
        body = (self.open, self.close)
        if not 0 < self.low <= min(body) <= max(body) <= self.high or self.volume < 0:
            raise DataError(
                f"{self.symbol} bar at {self.open_time}: needs 0 < low ≤ open, close ≤ high and "
                f"volume ≥ 0, was open {self.open} high {self.high} low {self.low} "
                f"close {self.close} volume {self.volume}"
            )

    @property
    def close_time(self) -> int:
        """The instant at which the bar is complete, Unix milliseconds."""
        return self.open_time + self.timeframe.milliseconds
