"""CSV with whatever stands above its header, or without one."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import polars as pl

from ....application.ports.bar_files import Mend
from ....domain.errors import DataError
from .table import RawTable

_SEPARATORS = (",", ";", "\t", "|")
_HEADER_SEARCH = 20
_BINANCE = (
    "open_time", "open", "high", "low", "close", "volume", "close_time", "quote_volume",
    "trades", "taker_buy_base_volume", "taker_buy_quote_volume", "ignore",
)  # fmt: skip
"""Columns of Binance's public archive, which has no header before 2025."""
_PLAIN = ("time", "price1", "price2", "price3", "price4", "volume")


def read_csv(path: Path, text: str) -> RawTable:
    """Return the columns of a CSV as text.

    Raises:
        DataError: If no header is found, or a line has another number of fields.
    """
    rows = [(n, line) for n, line in enumerate(text.splitlines(), 1) if line.strip()]
    separator = max(_SEPARATORS, key=lambda sign: sum(line.count(sign) for _, line in rows[:50]))
    names, header = _header(path, rows, separator)
    above = rows[:header]
    body = [(n, line) for n, line in rows[header:] if not line.lstrip().startswith("#")]
    if above and header > 0 and _is_header(above[-1][1], separator):
        above = above[:-1]
    if not body:
        raise DataError(f"{path} has a header but no rows")
    _check_widths(path, body, separator, len(names))
    frame = pl.read_csv(
        io.StringIO("\n".join(line for _, line in body)),
        separator=separator,
        has_header=False,
        new_columns=names,
        infer_schema=False,
    )
    if frame.height != len(body):
        raise DataError(f"{path}: quoted line breaks are not supported", mend="remove them")
    table = RawTable(
        path,
        {name: frame[name] for name in names},
        np.array([n for n, _ in body], dtype=np.int64),
        ordered_prices=tuple(names[1:5]) if tuple(names[:6]) == _PLAIN else (),
    )
    if above:
        table.mends.append(Mend("comment lines above the header skipped", len(above), above[0][0]))
    inside = len(rows) - header - len(body)
    if inside:
        table.mends.append(Mend("comment lines skipped", inside))
    return table


def _header(path: Path, rows: list[tuple[int, str]], separator: str) -> tuple[list[str], int]:
    """Return the column names, and how many rows come before the data."""
    for index, (_, line) in enumerate(rows[:_HEADER_SEARCH]):
        if _is_header(line, separator):
            return _unique(_fields(line, separator)), index + 1
    fields = _fields(rows[0][1], separator)
    if all(_is_number(field) for field in fields[1:6]) and len(fields) >= 6:
        known = _BINANCE if len(fields) == len(_BINANCE) else _PLAIN
        extra = [f"column{i}" for i in range(len(known), len(fields))]
        return [*known, *extra], 0
    raise DataError(
        f"{path}: no header with open, high, low and close in the first {_HEADER_SEARCH} lines",
        mend="add a header line: timestamp,open,high,low,close,volume",
    )


def _is_header(line: str, separator: str) -> bool:
    fields = _fields(line, separator)
    if "funding_rate" in fields or "fundingrate" in fields:
        return True
    return all(
        any(field.endswith(word) for field in fields) for word in ("open", "high", "low", "close")
    )


def _fields(line: str, separator: str) -> list[str]:
    return [field.strip().strip('"').strip().lower() for field in line.split(separator)]


def _unique(names: list[str]) -> list[str]:
    seen: dict[str, int] = {}
    out = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        out.append(name if seen[name] == 1 else f"{name}.{seen[name]}")
    return out


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _check_widths(path: Path, body: list[tuple[int, str]], separator: str, width: int) -> None:
    for number, line in body:
        if line.count(separator) != width - 1 and '"' not in line:
            raise DataError(
                f"{path}: line {number} has {line.count(separator) + 1} fields, the header {width}",
                mend="the file may be cut off: fetch it again, or remove the line",
            )
