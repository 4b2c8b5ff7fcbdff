"""The candle lake, as a port."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ...domain.market import Instrument, Symbol, Timeframe


@dataclass(frozen=True, slots=True)
class BarSeries:
    """Bars of one instrument in rising order of time, without duplicates; gaps are absent rows.

    Attributes:
        open_time: Unix milliseconds UTC, shape (n,), int64.
        open, high, low, close: Ticks, shape (n,), int64.
        volume: Lots, shape (n,), int64.
        state: ``BarState`` TRADED or EMPTY, shape (n,), uint8.
        source: Where the bars came from, in words.
        synthetic: Whether they were generated.
    """

    instrument: Instrument
    timeframe: Timeframe
    open_time: NDArray[np.int64]
    open: NDArray[np.int64]
    high: NDArray[np.int64]
    low: NDArray[np.int64]
    close: NDArray[np.int64]
    volume: NDArray[np.int64]
    state: NDArray[np.uint8]
    source: str
    synthetic: bool = False

    def __len__(self) -> int:
        return len(self.open_time)


@dataclass(frozen=True, slots=True)
class StoredSeries:
    """One line of the lake's catalogue.

    Attributes:
        first, last: Opens of the first and the last bar, Unix milliseconds.
        bars: Number of bars held.
        gaps: Number of runs of missing bars.
        missing: Number of missing bars.
        content_hash: SHA-256 of the bars.
    """

    instrument: Instrument
    timeframe: Timeframe
    first: int
    last: int
    bars: int
    gaps: int
    missing: int
    content_hash: str
    source: str
    synthetic: bool


class BarStore(Protocol):
    """Keeps bars by symbol and timeframe, and funding by symbol.

    Writes are atomic: after a crash or a full disk the previous content is still there. Readers
    never see a half-written series. Adapters: Parquet, memory.
    """

    def catalogue(self) -> Sequence[StoredSeries]:
        """Return every series held, ordered by symbol and timeframe."""

    def read(self, symbol: Symbol, timeframe: Timeframe) -> BarSeries:
        """Return a series.

        Raises:
            NotFound: If it is not held.
            DataError: If its file is damaged.
        """

    def write(self, series: BarSeries, *, replace: bool = False) -> StoredSeries:
        """Merge a series into the held one; where both have a bar the new one wins.

        Different ticks and lots are reconciled on the finest common tick.

        Args:
            series: The bars.
            replace: Put the series in place of the held one instead.

        Raises:
            DataError: If the held series is of another venue, or one is synthetic and the other
                not, or the common tick leaves the range of ticks.
            StorageError: If the disk cannot take it.
        """

    def read_funding(self, symbol: Symbol) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return settlement times (Unix ms) and rates (1e-8), both shape (n,); empty if none."""

    def write_funding(
        self, symbol: Symbol, time: NDArray[np.int64], rate: NDArray[np.int64]
    ) -> None:
        """Merge funding settlements into the held ones."""
