"""Funding rates out of a file."""

from __future__ import annotations

import numpy as np

from ....application.ports.bar_files import ImportedFunding, Mend
from ....domain.errors import DataError
from ....domain.market import Symbol
from .stamps import read_times, time_column
from .table import RawTable

_NAMES = ("funding_rate", "fundingrate", "funding")
_TIMES = ("funding_time", "fundingtime", "calc_time")
_LARGEST = 0.05
RATE_SCALE = 100_000_000


def is_funding(table: RawTable) -> bool:
    """Whether the table holds funding rates rather than bars."""
    return any(name in table.columns for name in _NAMES) and "close" not in table.columns


def read_funding(table: RawTable, symbol: Symbol) -> ImportedFunding:
    """Return settlement times and rates.

    Raises:
        DataError: If the symbol is no perpetual, or a rate is empty or beyond ±5 %.
    """
    if not symbol.is_perpetual:
        raise DataError(
            f"{table.path}: funding belongs to a perpetual, {symbol} is spot",
            mend=f"--symbol {symbol}:{symbol.quote}",
        )
    name = next(name for name in _NAMES if name in table.columns)
    when = next((name for name in _TIMES if name in table.columns), "") or time_column(table)[0]
    # Settlements are stamped a few milliseconds late by some venues; they fall on whole seconds.
    time = (read_times(table, when) + 500) // 1000 * 1000
    rate = table.numbers(name)
    bad = ~np.isfinite(rate) | (np.abs(rate) > _LARGEST)
    if bad.any():
        row = int(bad.argmax())
        raise table.refuse(row, f"{name} is {rate[row]:g}, not a rate within ±{_LARGEST:.0%}")
    units = np.rint(rate * RATE_SCALE).astype(np.int64)
    order = np.argsort(time, kind="stable")
    time, units = time[order], units[order]
    same = np.concatenate(([False], np.diff(time) == 0))
    mends = list(table.mends)
    if same.any():
        if np.any(units[same] != units[np.flatnonzero(same) - 1]):
            row = int(order[same.argmax()])
            raise table.refuse(row, "two different rates for one settlement")
        mends.append(Mend("identical duplicates dropped", int(same.sum())))
    return ImportedFunding(table.path, symbol, time[~same], units[~same], tuple(mends))
