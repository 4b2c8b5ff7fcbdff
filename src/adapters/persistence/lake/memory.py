"""The lake in memory: first class, for tests and for runs that keep nothing."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ....application.data.series import check_series, describe, merge_series
from ....application.ports.bar_store import BarSeries, StoredSeries
from ....domain.errors import NotFound
from ....domain.market import Symbol, Timeframe
from .funding import merge_funding


class MemoryBarStore:
    """A BarStore in a dictionary; safe to share between threads."""

    def __init__(self) -> None:
        self._bars: dict[tuple[Symbol, Timeframe], BarSeries] = {}
        self._funding: dict[Symbol, tuple[NDArray[np.int64], NDArray[np.int64]]] = {}
        self._lock = threading.Lock()

    def catalogue(self) -> Sequence[StoredSeries]:
        """Return every series held, ordered by symbol and timeframe."""
        with self._lock:
            return [describe(self._bars[key]) for key in sorted(self._bars)]

    def read(self, symbol: Symbol, timeframe: Timeframe) -> BarSeries:
        """Return a series."""
        try:
            return self._bars[symbol, timeframe]
        except KeyError:
            raise NotFound(
                f"no {timeframe} bars of {symbol} are held", mend="see `mettle data list`"
            ) from None

    def write(self, series: BarSeries, *, replace: bool = False) -> StoredSeries:
        """Merge a series into the held one, or replace it."""
        check_series(series)
        key = (series.instrument.symbol, series.timeframe)
        with self._lock:
            held = self._bars.get(key)
            merged = series if held is None or replace else merge_series(held, series)
            self._bars[key] = merged
        return describe(merged)

    def read_funding(self, symbol: Symbol) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return settlement times and rates."""
        empty = np.empty(0, dtype=np.int64)
        return self._funding.get(symbol, (empty, empty))

    def write_funding(
        self, symbol: Symbol, time: NDArray[np.int64], rate: NDArray[np.int64]
    ) -> None:
        """Merge funding settlements into the held ones."""
        with self._lock:
            self._funding[symbol] = merge_funding(self.read_funding(symbol), (time, rate))
