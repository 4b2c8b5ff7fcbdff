"""Frames of polars and pandas: which library's they are, and the candles in them."""

from __future__ import annotations

import importlib
import tempfile
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Literal

from ..application.ports.bar_files import ImportedBars, ImportOptions
from ..application.ports.bar_store import BarSeries
from ..domain.errors import DataError, InvalidValue, NotFound
from ..domain.market import Symbol, Timeframe

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl


def frame_kind(frame: object) -> Literal["polars", "pandas"]:
    """Return which library a frame belongs to.

    Raises:
        InvalidValue: If it belongs to neither.
    """
    package = type(frame).__module__.split(".", 1)[0]
    if package == "polars":
        return "polars"
    if package == "pandas":
        return "pandas"
    raise InvalidValue(
        f"candles must be a polars or pandas frame, was {type(frame).__name__}",
        mend="pass a frame with timestamp, open, high, low, close, volume",
    )


def series_of(
    frame: pl.DataFrame | pd.DataFrame, timeframe: Timeframe | None, symbol: Symbol | None
) -> list[BarSeries]:
    """Return the series of a frame, one a symbol, mended as an imported file would be.

    Args:
        frame: A polars or pandas frame; a column ``symbol`` separates several assets.
        timeframe: The grid; inferred if None.
        symbol: The asset, where no column names it.

    Raises:
        DataError: If something in it has no certain meaning.
    """
    table = _as_polars(frame)
    if symbol is None and "symbol" not in table.columns:
        raise DataError("the frame names no symbol", mend="add a column symbol, or pass symbol=")
    parts = _parts(table) if "symbol" in table.columns else {str(symbol): table}
    found = []
    for name, part in parts.items():
        found += _imported(part, ImportOptions((Symbol.parse(name),), timeframe))
    return found


def load_pandas() -> ModuleType:
    """Return pandas, which is not a dependency.

    Raises:
        NotFound: If it is not installed.
    """
    try:
        return importlib.import_module("pandas")
    except ImportError as error:
        raise NotFound(
            "pandas is not installed", mend="pip install pandas, or use to_polars()"
        ) from error


def _as_polars(frame: Any) -> pl.DataFrame:  # noqa: ANN401  either library's frame
    import polars as pl

    if frame_kind(frame) == "polars":
        table: pl.DataFrame = frame
        return table
    named = frame.index.name or ("timestamp" if frame.index.dtype.kind == "M" else None)
    flat = frame.rename_axis(named).reset_index() if named else frame
    return pl.DataFrame([_as_series(str(name), flat[name]) for name in flat.columns])


def _as_series(name: str, column: pd.Series[Any]) -> pl.Series:
    """Convert a column of pandas by way of numpy: polars' own way would ask for pyarrow."""
    import polars as pl

    if column.dtype.kind == "M":
        aware = column.dt.tz is not None
        naive = column.dt.tz_convert("UTC").dt.tz_localize(None) if aware else column
        series = pl.Series(name, naive.to_numpy(dtype="datetime64[us]"))
        return series.dt.replace_time_zone("UTC") if aware else series
    if column.dtype.kind in "biuf" and not column.hasnans:
        return pl.Series(name, column.to_numpy())
    return pl.Series(name, column.astype(object).where(column.notna(), None).tolist())


def _parts(frame: pl.DataFrame) -> dict[str, pl.DataFrame]:
    split = frame.partition_by("symbol", as_dict=True, include_key=False, maintain_order=True)
    return {str(key[0]): part for key, part in split.items()}


def _imported(frame: pl.DataFrame, options: ImportOptions) -> list[BarSeries]:
    from ..adapters.market_data.importers import FileImporter

    with tempfile.TemporaryDirectory() as folder:
        # Through a file, so that a frame is judged by exactly the rules of an imported file.
        path = Path(folder) / "frame.parquet"
        frame.write_parquet(path)
        found = FileImporter().read(path, options)
    return [replace(one.series, source="frame") for one in found if isinstance(one, ImportedBars)]
