"""Small CSV files to import."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from mettle.adapters.market_data.importers import FileImporter
from mettle.application.ports.bar_files import ImportedBars, ImportOptions
from tests.support.candles import START

HEADER = "timestamp,open,high,low,close,volume\n"
NAME = "binance_BTCUSDT_1h.csv"
OHLCV = "1.5,2.5,1.25,2.0,10"
PLAIN = ImportOptions()


def stamp(hour: int, text: str = "%Y-%m-%d %H:%M:%S") -> str:
    """Return the stamp of an hour counted from 2020-01-01."""
    return datetime.fromtimestamp(START / 1000 + 3600 * hour, UTC).strftime(text)


def rows(*hours: int, values: str = OHLCV) -> str:
    """Return CSV rows of equal bars."""
    return "".join(f"{stamp(hour)},{values}\n" for hour in hours)


def load(
    folder: Path, text: str | bytes, options: ImportOptions = PLAIN, name: str = NAME
) -> ImportedBars:
    """Write a file and import it."""
    path = folder / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    (found,) = FileImporter().read(path, options)
    assert isinstance(found, ImportedBars)
    return found


def said(one: ImportedBars) -> str:
    """Return everything that the report says."""
    return "; ".join(f"{mend.count} {mend.what} @{mend.first}" for mend in one.mends)
