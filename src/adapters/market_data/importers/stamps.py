"""Times of every shape, as Unix milliseconds UTC."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ....application.ports.bar_files import Mend
from ....domain.errors import DataError
from .table import RawTable

Int64Array = NDArray[np.int64]

OPEN_NAMES = (
    "open_time", "opentime", "timestamp", "datetime", "date", "time", "unix", "ts",
    "start", "start_time", "t", "",
)  # fmt: skip
CLOSE_NAMES = ("close_time", "closetime", "end_time", "end")

_ISO = (
    r"^(\d{4})[-/](\d{1,2})[-/](\d{1,2})"
    r"(?:[T ]+(\d{1,2})(?::(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?)?)?"
    r"(?:[- ]?([AaPp][Mm]))?\s*(Z|z|UTC|GMT|[+-]\d{2}:?\d{2})?$"
)
_EPOCH = r"^\d{9,19}(?:\.\d*)?$"
_EXAMPLES = "2024-01-31 23:00, 2024-01-31T23:00:00+01:00, 2024-01-31 11-PM or 1706742000"


def time_column(table: RawTable) -> tuple[str, bool]:
    """Return the name of the column that says when, and whether it names the close.

    Raises:
        DataError: If there is none.
    """
    for name in OPEN_NAMES:
        if name in table.columns:
            return name, False
    for name in CLOSE_NAMES:
        if name in table.columns:
            return name, True
    raise DataError(
        f"{table.path} has no column that says when: {', '.join(table.columns)}",
        mend="name it timestamp",
    )


def read_times(table: RawTable, name: str) -> Int64Array:
    """Return a column as Unix milliseconds; what was assumed is added to the table's mends.

    Raises:
        DataError: If a stamp has no certain meaning.
    """
    column = table.columns[name]
    if column.null_count():
        raise table.refuse(int(column.is_null().arg_max() or 0), f"{name or 'the time'} is empty")
    if isinstance(column.dtype, pl.Datetime):
        if column.dtype.time_zone is None:
            table.mends.append(Mend("times without a zone read as UTC", len(table)))
        nanoseconds = column.dt.epoch("ns").to_numpy()
        return _milliseconds(table, nanoseconds)
    if column.dtype == pl.Date:
        return column.cast(pl.Datetime("ms")).dt.epoch("ms").to_numpy()
    if column.dtype.is_numeric():
        return _epoch(table, column.cast(pl.Float64).to_numpy(), column)
    if column.dtype == pl.String:
        text = column.str.strip_chars()
        if text.str.contains(_EPOCH).all():
            return _epoch(table, text.cast(pl.Float64).to_numpy(), text)
        return _written(table, text)
    raise DataError(f"{table.path}: column {name} holds {column.dtype}, not times")


def _milliseconds(table: RawTable, nanoseconds: Int64Array) -> Int64Array:
    fraction = nanoseconds % 1_000_000 != 0
    # A close stamp such as 23:59:59.999999 means the instant after it.
    if fraction.any() and not np.all(nanoseconds[fraction] % 1_000_000 >= 999_000):
        raise table.refuse(int(fraction.argmax()), "the time has a fraction of a millisecond")
    return np.asarray(nanoseconds // 1_000_000, dtype=np.int64)


def _epoch(table: RawTable, values: NDArray[np.float64], column: pl.Series) -> Int64Array:
    """Tell seconds, ms, µs and ns apart by size: each unit covers 1973 … 5138 alone."""
    if not np.all(np.isfinite(values)):
        raise table.refuse(int((~np.isfinite(values)).argmax()), "the time is not a number")
    size = np.abs(values)
    unit = np.select([size < 1e11, size < 1e14, size < 1e17], [0, 1, 2], default=3)
    if np.any(size < 1e8):
        row = int((size < 1e8).argmax())
        raise table.refuse(row, f"{column[row]} is no Unix time", mend=f"write {_EXAMPLES}")
    exact = column.cast(pl.Int64, strict=False).fill_null(0).to_numpy()
    whole = np.where(exact != 0, exact, np.rint(values).astype(np.int64))
    names = ("seconds", "milliseconds", "microseconds", "nanoseconds")
    counts = np.bincount(unit, minlength=4)
    if (counts > 0).sum() > 1:
        rare = int(np.argmin(np.where(counts > 0, counts, counts.max() + 1)))
        table.mends.append(
            Mend(
                "Unix times of mixed units told apart by size: "
                + ", ".join(f"{counts[i]} in {names[i]}" for i in range(4) if counts[i]),
                int(counts[rare]),
                int(table.lines[(unit == rare).argmax()]),
            )
        )
    fine = np.select([unit == 2, unit == 3], [whole % 1000, whole % 1_000_000], default=0)
    if fine.any():
        late = np.where(unit == 2, fine >= 999, fine >= 999_000)
        wrong = (fine != 0) & ~late
        if wrong.any():
            raise table.refuse(int(wrong.argmax()), "the time has a fraction of a millisecond")
    seconds = np.rint(np.where(unit == 0, values, 0.0) * 1000).astype(np.int64)
    choices = [seconds, whole, whole // 1000]
    times = np.select([unit == 0, unit == 1, unit == 2], choices, whole // 1_000_000)
    return np.asarray(times, dtype=np.int64)


def _written(table: RawTable, text: pl.Series) -> Int64Array:
    parts = text.str.extract_groups(_ISO).struct.unnest()
    parts.columns = ["y", "m", "d", "h", "min", "s", "frac", "ampm", "zone"]
    day = (
        pl.concat_str(
            pl.col("y"), pl.col("m").str.zfill(2), pl.col("d").str.zfill(2), separator="-"
        )
        .str.to_date("%Y-%m-%d", strict=False)
        .cast(pl.Int64)
    )
    number = pl.col("h", "min", "s").cast(pl.Int64).fill_null(0)
    frame = parts.with_columns(day.alias("day"), number, _fraction_ms().alias("ms"), _zone_ms())
    wrong = frame["day"].is_null() | (frame["min"] > 59) | (frame["s"] > 59)
    ampm = frame["ampm"].str.to_lowercase()
    twelve = ampm.is_not_null()
    wrong |= (twelve & ((frame["h"] > 12) | (frame["h"] < 1))) | (frame["h"] > 23)
    if wrong.any():
        row = int(wrong.arg_max() or 0)
        raise table.refuse(row, f"the time {text[row]!r} is not understood", f"write {_EXAMPLES}")
    hour = frame["h"].to_numpy().copy()
    clock = twelve.to_numpy()
    if clock.any():
        afternoon = (ampm == "pm").fill_null(value=False).to_numpy()
        hour = np.where(clock, hour % 12 + np.where(afternoon, 12, 0), hour)
        table.mends.append(
            Mend("12-hour AM/PM times read", int(clock.sum()), int(table.lines[clock.argmax()]))
        )
    _report_zones(table, frame["zone"])
    ms = frame["day"].to_numpy() * 86_400_000 + hour * 3_600_000
    ms = ms + frame["min"].to_numpy() * 60_000 + frame["s"].to_numpy() * 1000
    return np.asarray(ms + frame["ms"].to_numpy() - frame["offset"].to_numpy(), dtype=np.int64)


def _fraction_ms() -> pl.Expr:
    return (pl.col("frac").fill_null("0").str.pad_end(3, "0").str.head(3)).cast(pl.Int64)


def _zone_ms() -> pl.Expr:
    zone = pl.col("zone").str.replace(":", "")
    minutes = zone.str.slice(1, 2).cast(pl.Int64, strict=False) * 60 + zone.str.slice(3, 2).cast(
        pl.Int64, strict=False
    )
    sign = pl.when(zone.str.starts_with("-")).then(-1).otherwise(1)
    return (sign * minutes * 60_000).fill_null(0).alias("offset")


def _report_zones(table: RawTable, zone: pl.Series) -> None:
    bare = zone.is_null()
    if bare.any() and not bare.all():
        row = int(bare.arg_max() or 0)
        raise table.refuse(
            row,
            "the time names no zone while others do",
            mend="give all of them an offset, or none",
        )
    if bare.all():
        table.mends.append(Mend("times without a zone read as UTC", len(table)))
        return
    offsets = [
        one
        for one in zone.unique().to_list()
        if one not in ("Z", "z", "UTC", "GMT", "+00:00", "+0000")
    ]
    if offsets:
        changed = int((zone != zone[0]).sum())
        words = ", ".join(sorted(offsets))
        extra = f", {changed} rows after a change of the clocks" if changed else ""
        table.mends.append(
            Mend(f"offsets {words} converted to UTC{extra}", len(table), int(table.lines[0]))
        )
