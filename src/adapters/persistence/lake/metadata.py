"""A catalogue line as JSON inside a Parquet file, and back."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

from ....application.ports.bar_store import StoredSeries
from ....domain.errors import DataError, InvalidValue
from ....domain.market import FeeSchedule, FeeTier, Instrument, Symbol, Timeframe

_SCHEMA = 1


def to_metadata(line: StoredSeries) -> dict[str, Any]:
    """Return the line as plain JSON values; decimals as text."""
    instrument = line.instrument
    return {
        "schema": _SCHEMA,
        "symbol": str(instrument.symbol),
        "timeframe": line.timeframe.label,
        "tick_size": f"{instrument.tick_size:f}",
        "lot_size": f"{instrument.lot_size:f}",
        "min_notional": f"{instrument.min_notional:f}",
        "venue": instrument.venue,
        "inferred": instrument.inferred,
        "fees": [[f"{t.volume:f}", t.maker_ppm, t.taker_ppm] for t in instrument.fees.tiers],
        "first": line.first,
        "last": line.last,
        "bars": line.bars,
        "gaps": line.gaps,
        "missing": line.missing,
        "content_hash": line.content_hash,
        "source": line.source,
        "synthetic": line.synthetic,
    }


def from_metadata(data: dict[str, Any], path: Path) -> StoredSeries:
    """Return the catalogue line of the file at ``path``.

    Raises:
        DataError: If the metadata is of another schema or incomplete.
    """
    if data.get("schema") != _SCHEMA:
        raise DataError(
            f"{path} has schema {data.get('schema')!r}, this version reads {_SCHEMA}",
            mend="read it with the version of mettle that wrote it, or import the bars again",
        )
    try:
        instrument = Instrument(
            symbol=Symbol.parse(data["symbol"]),
            tick_size=Decimal(data["tick_size"]),
            lot_size=Decimal(data["lot_size"]),
            fees=FeeSchedule(tuple(FeeTier(Decimal(v), m, t) for v, m, t in data["fees"])),
            min_notional=Decimal(data["min_notional"]),
            venue=data["venue"],
            inferred=data["inferred"],
        )
        counts = {name: int(data[name]) for name in ("first", "last", "bars", "gaps", "missing")}
        return StoredSeries(
            instrument=instrument,
            timeframe=Timeframe.parse(data["timeframe"]),
            content_hash=data["content_hash"],
            source=data["source"],
            synthetic=bool(data["synthetic"]),
            **counts,
        )
    except (KeyError, TypeError, ValueError, ArithmeticError, InvalidValue) as error:
        raise DataError(
            f"{path} is damaged: its metadata lack or break {error}",
            mend=f"delete it (rm '{path}') and import or download the bars again",
        ) from error
