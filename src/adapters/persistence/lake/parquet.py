"""The lake in Parquet: one file a symbol and timeframe, metadata inside the file.

    ROOT/bars/BTC_USDT/1h.parquet     open_time, open, high, low, close, volume, state
    ROOT/funding/BTC_USDT_USDT.parquet     time, rate

Prices are int64 ticks, volumes int64 lots; tick, lot, fees, source and the content's hash are in
the Parquet metadata, so that one rename replaces all of it.
"""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ....application.data.series import COLUMNS, check_series, describe, merge_series
from ....application.ports.bar_store import BarSeries, StoredSeries
from ....domain.errors import DataError, MettleError, NotFound
from ....domain.market import Symbol, Timeframe
from ..folders import locked
from .atomic import LAKE_OPTION, write_atomic
from .funding import Funding, merge_funding
from .metadata import from_metadata, to_metadata

_KEY = "mettle"


class ParquetBarStore:
    """A BarStore of Parquet files, compressed with zstd.

    Readers need no lock: a file is replaced by a rename. Writers of one symbol wait for each
    other, in any number of processes.

    Args:
        root: Folder of the lake; made at the first write.
    """

    def __init__(self, root: Path) -> None:
        self.root = Path(root)

    def catalogue(self) -> Sequence[StoredSeries]:
        """Return every series held, ordered by symbol and timeframe; reads metadata only."""
        files = sorted(self.root.glob("bars/*/*.parquet"))
        lines = [from_metadata(_metadata(path), path) for path in files]
        return sorted(lines, key=lambda line: (line.instrument.symbol, line.timeframe))

    def read(self, symbol: Symbol, timeframe: Timeframe) -> BarSeries:
        """Return a series, its content verified against its hash."""
        path = self._path(symbol, timeframe)
        if not path.exists():
            raise NotFound(
                f"no {timeframe} bars of {symbol} are held in {self.root}",
                mend=f"`mettle data get {symbol} -t {timeframe}`, `mettle data import FILE`, "
                "or see `mettle data list`",
            )
        line = from_metadata(_metadata(path), path)
        columns = _columns(path, {**dict.fromkeys(COLUMNS, np.int64), "state": np.uint8})
        series = BarSeries(
            instrument=line.instrument,
            timeframe=line.timeframe,
            source=line.source,
            synthetic=line.synthetic,
            **columns,
        )
        try:
            check_series(series)
        except DataError as error:
            raise _damaged(path, error) from error
        if describe(series).content_hash != line.content_hash:
            raise _damaged(path, "its bars do not match their hash")
        return series

    def write(self, series: BarSeries, *, replace: bool = False) -> StoredSeries:
        """Merge a series into the held one, or replace it."""
        check_series(series)
        path = self._path(series.instrument.symbol, series.timeframe)
        with locked(path.parent, LAKE_OPTION):
            if path.exists() and not replace:
                held = self.read(series.instrument.symbol, series.timeframe)
                series = merge_series(held, series)
            line = describe(series)
            columns = {name: getattr(series, name) for name in (*COLUMNS, "state")}
            write_atomic(path, _encode(columns, to_metadata(line)))
        return line

    def read_funding(self, symbol: Symbol) -> Funding:
        """Return settlement times and rates."""
        path = self._funding_path(symbol)
        if not path.exists():
            empty = np.empty(0, dtype=np.int64)
            return empty, empty
        columns = _columns(path, {"time": np.int64, "rate": np.int64})
        return columns["time"], columns["rate"]

    def write_funding(
        self, symbol: Symbol, time: NDArray[np.int64], rate: NDArray[np.int64]
    ) -> None:
        """Merge funding settlements into the held ones."""
        path = self._funding_path(symbol)
        with locked(path.parent, LAKE_OPTION):
            merged = merge_funding(self.read_funding(symbol), (time, rate))
            columns = dict(zip(("time", "rate"), merged, strict=True))
            write_atomic(path, _encode(columns, {"symbol": str(symbol)}))

    def _path(self, symbol: Symbol, timeframe: Timeframe) -> Path:
        return self.root / "bars" / symbol.file_stem / f"{timeframe}.parquet"

    def _funding_path(self, symbol: Symbol) -> Path:
        return self.root / "funding" / f"{symbol.file_stem}.parquet"


def _encode(columns: dict[str, NDArray[Any]], metadata: dict[str, Any]) -> bytes:
    # Encoded in memory first: a full disk then meets one plain write, not a half-closed encoder.
    buffer = io.BytesIO()
    text = json.dumps(metadata, sort_keys=True)
    pl.DataFrame(columns).write_parquet(buffer, compression="zstd", metadata={_KEY: text})
    return buffer.getvalue()


def _metadata(path: Path) -> dict[str, Any]:
    try:
        found = pl.read_parquet_metadata(path).get(_KEY)
        metadata = None if found is None else json.loads(found)
    except (OSError, ValueError, pl.exceptions.PolarsError) as error:
        raise _damaged(path, error) from error
    if not isinstance(metadata, dict):
        raise _damaged(path, "it was not written by mettle")
    return metadata


def _columns(path: Path, dtypes: dict[str, type]) -> dict[str, NDArray[Any]]:
    try:
        frame = pl.read_parquet(path, columns=list(dtypes))
        arrays = {name: np.ascontiguousarray(frame[name].to_numpy()) for name in dtypes}
    except (OSError, ValueError, pl.exceptions.PolarsError) as error:
        raise _damaged(path, error) from error
    for name, dtype in dtypes.items():
        if arrays[name].dtype != dtype:
            raise _damaged(path, f"column {name} is {arrays[name].dtype}")
    return arrays


def _damaged(path: Path, reason: object) -> DataError:
    words = reason.message if isinstance(reason, MettleError) else str(reason)
    return DataError(
        f"{path} is damaged: {words.splitlines()[0] if words else 'unreadable'}",
        mend=f"delete it (rm '{path}') and import or download the bars again",
    )
