"""MarketPanel: what every engine reads."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...domain.errors import DataError, NotFound
from ...domain.market import Bar, BarState, Instrument, Symbol, Timeframe

Int64Array = NDArray[np.int64]

_PRICES = ("open", "high", "low", "close")


class Block(NamedTuple):
    """A run of bars ``[start, stop)`` without a gap in any asset."""

    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class MarketPanel:
    """Bars of A assets on one grid of T instants; all arrays are C-contiguous and read-only.

    A missing bar holds the previous close in its four prices and volume 0, so that a position can
    be marked; ``state`` says that it is missing, and nothing trades in it. Before an asset's first
    bar all its prices are its first open.

    Attributes:
        instruments: The assets, in column order.
        open_time: Bar opens, Unix milliseconds UTC, shape (T,), rising by one timeframe each.
        open, high, low, close: Ticks, shape (T, A), int64.
        volume: Lots, shape (T, A), int64.
        state: ``BarState`` values, shape (T, A), uint8.
        funding_open: Rate due at the instant the bar opens, 1e-8, shape (T, A), int64.
        funding_inside: Sum of the rates due strictly inside the bar, 1e-8, shape (T, A), int64.
        synthetic: Whether the bars were generated; every face says so.
    """

    timeframe: Timeframe
    instruments: tuple[Instrument, ...]
    open_time: Int64Array
    open: Int64Array
    high: Int64Array
    low: Int64Array
    close: Int64Array
    volume: Int64Array
    state: NDArray[np.uint8]
    funding_open: Int64Array
    funding_inside: Int64Array
    synthetic: bool = False
    data_hash: str = field(init=False, default="")

    def __post_init__(self) -> None:
        shape = (len(self.open_time), len(self.instruments))
        for name in (*_PRICES, "volume", "funding_open", "funding_inside"):
            self._check(name, np.dtype(np.int64), shape)
        self._check("state", np.dtype(np.uint8), shape)
        self._check("open_time", np.dtype(np.int64), shape[:1])
        step = self.timeframe.milliseconds
        if shape[0] == 0 or shape[1] == 0:
            raise DataError(f"a panel needs at least one bar and one asset, had {shape}")
        if np.any(np.diff(self.open_time) != step) or self.open_time[0] % step:
            raise DataError(f"open times must rise by {self.timeframe} on its grid")
        body_high = np.maximum(self.open, self.close)
        body_low = np.minimum(self.open, self.close)
        if np.any((self.low < 1) | (self.low > body_low) | (self.high < body_high)):
            raise DataError("prices must keep 1 ≤ low ≤ open, close ≤ high in ticks")
        object.__setattr__(self, "data_hash", self._hash())

    def _check(self, name: str, dtype: np.dtype[np.generic], shape: tuple[int, ...]) -> None:
        array = getattr(self, name)
        if array.dtype != dtype or array.shape != shape:
            raise DataError(
                f"{name} must be {dtype} of shape {shape}, was {array.dtype} {array.shape}"
            )
        contiguous = np.ascontiguousarray(array)
        if contiguous.flags.writeable:
            contiguous = contiguous.view()
            contiguous.flags.writeable = False
        object.__setattr__(self, name, contiguous)

    def _hash(self) -> str:
        digest = hashlib.sha256()
        digest.update(self.timeframe.label.encode())
        for instrument in self.instruments:
            digest.update(
                f"{instrument.symbol}|{instrument.tick_size}|{instrument.lot_size}".encode()
            )
        for name in ("open_time", *_PRICES, "volume", "state", "funding_open", "funding_inside"):
            digest.update(getattr(self, name).tobytes())
        return digest.hexdigest()

    def __len__(self) -> int:
        return len(self.open_time)

    @property
    def symbols(self) -> tuple[Symbol, ...]:
        """The assets' symbols, in column order."""
        return tuple(instrument.symbol for instrument in self.instruments)

    @property
    def unit_values(self) -> Int64Array:
        """Value of one lot at one tick of each asset, 1e-8 quote, shape (A,)."""
        return np.array([one.unit_value for one in self.instruments], dtype=np.int64)

    @property
    def missing(self) -> NDArray[np.bool_]:
        """Which bars are gaps, shape (T, A)."""
        return np.equal(self.state, np.uint8(BarState.MISSING))

    def blocks(self) -> tuple[Block, ...]:
        """Return the longest runs of bars that no asset lacks, in order of time."""
        whole = ~self.missing.any(axis=1)
        edges = np.flatnonzero(np.diff(np.concatenate(([False], whole, [False])).astype(np.int8)))
        return tuple(Block(int(a), int(b)) for a, b in edges.reshape(-1, 2))

    def column(self, symbol: Symbol) -> int:
        """Return the column of ``symbol``.

        Raises:
            NotFound: If the panel does not hold it.
        """
        try:
            return self.symbols.index(symbol)
        except ValueError:
            held = ", ".join(map(str, self.symbols))
            raise NotFound(f"{symbol} is not among {held}") from None

    def bar(self, index: int, column: int) -> Bar | None:
        """Return one bar, or None where it is missing."""
        if self.state[index, column] == BarState.MISSING:
            return None
        prices = {name: int(getattr(self, name)[index, column]) for name in _PRICES}
        return Bar(
            self.instruments[column].symbol,
            self.timeframe,
            int(self.open_time[index]),
            volume=int(self.volume[index, column]),
            state=BarState(int(self.state[index, column])),
            **prices,
        )

    def slice(self, start: int, stop: int) -> MarketPanel:
        """Return the bars ``[start, stop)`` by position, without copying."""
        rows: dict[str, Any] = {
            name: getattr(self, name)[start:stop]
            for name in ("open_time", *_PRICES, "volume", "state", "funding_open", "funding_inside")
        }
        return replace(self, **rows)

    def between(self, start_ms: int | None, stop_ms: int | None) -> MarketPanel:
        """Return the bars that open in ``[start_ms, stop_ms)``, Unix milliseconds.

        Raises:
            NotFound: If there are none.
        """
        first = 0 if start_ms is None else int(np.searchsorted(self.open_time, start_ms))
        last = len(self) if stop_ms is None else int(np.searchsorted(self.open_time, stop_ms))
        if first >= last:
            raise NotFound("no bars in the period asked for", mend="see `mettle data list`")
        return self.slice(first, last)

    def select(self, symbols: Sequence[Symbol]) -> MarketPanel:
        """Return the columns of ``symbols``, in that order."""
        columns = [self.column(symbol) for symbol in symbols]
        rows: dict[str, Any] = {
            name: np.ascontiguousarray(getattr(self, name)[:, columns])
            for name in (*_PRICES, "volume", "state", "funding_open", "funding_inside")
        }
        return replace(self, instruments=tuple(self.instruments[c] for c in columns), **rows)
