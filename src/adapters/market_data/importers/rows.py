"""Rows that can be bars: judging each, ordering them, settling duplicates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ....application.ports.bar_files import BadRows, ImportOptions, Keep, Mend
from ....domain.errors import DataError
from .layout import FIELDS, Group
from .table import RawTable

Float64Array = NDArray[np.float64]
Int64Array = NDArray[np.int64]


@dataclass(slots=True)
class Rows:
    """Rows of one asset.

    Attributes:
        time: Unix milliseconds, shape (n,).
        values: Open, high, low, close, volume, shape (n, 5).
        lines: Where each stands in the file, shape (n,).
    """

    time: Int64Array
    values: Float64Array
    lines: Int64Array

    def pick(self, keep: Any) -> Rows:
        """Return the rows of a mask or an index, shape (n,)."""
        return Rows(self.time[keep], self.values[keep], self.lines[keep])


def clean_rows(
    table: RawTable, group: Group, time: Int64Array, options: ImportOptions, mends: list[Mend]
) -> Rows:
    """Return rows with sane prices, by rising time, one an instant.

    Raises:
        DataError: If a row is no bar, or two rows of one instant differ, and the options refuse it.
    """
    values = np.column_stack([group.prices[name] for name in FIELDS] + [group.volume])
    rows = Rows(time, values, table.lines)
    rows = _without_blank(rows, table, mends)
    rows = _without_bad(rows, table, options, mends)
    rows = _by_time(rows, mends)
    return _one_each(rows, table, options, mends)


def _without_blank(rows: Rows, table: RawTable, mends: list[Mend]) -> Rows:
    """Leave out rows without any price: before the first, after the last, and inside."""
    blank = np.isnan(rows.values[:, :4]).all(axis=1)
    if blank.all():
        raise DataError(f"{table.path} holds no prices")
    if not blank.any():
        return rows
    first, last = rows.time[~blank].min(), rows.time[~blank].max()
    parts: tuple[tuple[str, NDArray[np.bool_]], ...] = (
        ("rows without prices before the first bar left out", rows.time < first),
        ("rows without prices after the last bar left out", rows.time > last),
        (
            "rows without prices left out: their bars are missing",
            (rows.time >= first) & (rows.time <= last),
        ),
    )
    for words, where in parts:
        found = blank & where
        if found.any():
            mends.append(Mend(words, int(found.sum()), int(rows.lines[found].min())))
    return rows.pick(~blank)


def _without_bad(rows: Rows, table: RawTable, options: ImportOptions, mends: list[Mend]) -> Rows:
    open_, high, low, close, volume = rows.values.T
    numbers = np.isfinite(rows.values).all(axis=1)
    with np.errstate(invalid="ignore"):
        checks = (
            (~numbers, "a price or the volume is empty or infinite"),
            (numbers & (rows.values[:, :4] <= 0).any(axis=1), "prices must be positive"),
            (
                numbers & ((high < open_) | (high < close) | (high < low)),
                "the high is not the highest",
            ),
            (numbers & ((low > open_) | (low > close)), "the low is not the lowest"),
            (numbers & (volume < 0), "the volume is negative"),
        )
    bad = np.zeros(len(rows.time), dtype=bool)
    for wrong, reason in checks:
        fresh = wrong & ~bad
        if not fresh.any():
            continue
        line, count = int(rows.lines[fresh].min()), int(fresh.sum())
        if options.bad is BadRows.REFUSE:
            row = int(np.flatnonzero(fresh)[rows.lines[fresh].argmin()])
            shown = " ".join(
                f"{name} {value:g}"
                for name, value in zip((*FIELDS, "volume"), rows.values[row], strict=True)
            )
            more = f" ({count} such {table.word}s)" if count > 1 else ""
            raise DataError(
                f"{table.path}: {table.word} {line}: {reason}: {shown}{more}",
                mend="mend the source, or leave such bars out with --bad drop",
            )
        mends.append(Mend(f"rows dropped: {reason}", count, line))
        bad |= wrong
    if bad.all():
        raise DataError(f"{table.path} holds no usable bar")
    return rows.pick(~bad)


def _by_time(rows: Rows, mends: list[Mend]) -> Rows:
    steps = np.diff(rows.time)
    if np.all(steps >= 0):
        return rows
    back = steps < 0
    if back.sum() > (steps > 0).sum():
        mends.append(Mend("newest first: turned round", len(rows.time)))
        back = steps > 0
    if back.any():
        mends.append(
            Mend("rows out of order: sorted", int(back.sum()), int(rows.lines[1:][back][0]))
        )
    return rows.pick(np.lexsort((rows.lines, rows.time)))


def _one_each(rows: Rows, table: RawTable, options: ImportOptions, mends: list[Mend]) -> Rows:
    same = np.concatenate(([False], rows.time[1:] == rows.time[:-1]))
    if not same.any():
        return rows
    starts = np.flatnonzero(~same)
    owner = np.cumsum(~same) - 1
    differs = (rows.values != rows.values[starts[owner]]).any(axis=1)
    twins = same & ~differs
    if twins.any():
        mends.append(
            Mend("identical duplicates dropped", int(twins.sum()), int(rows.lines[twins].min()))
        )
    if not differs.any():
        return rows.pick(~same)
    row = int(np.flatnonzero(differs)[0])
    pair = f"{int(rows.lines[starts[owner[row]]])} and {int(rows.lines[row])}"
    groups = len(np.unique(owner[differs]))
    if options.keep is Keep.REFUSE:
        raise DataError(
            f"{table.path}: {table.word}s {pair} give different bars for one instant "
            f"({groups} such instants)",
            mend="choose with --keep last or --keep first",
        )
    mends.append(
        Mend(f"conflicting duplicates: the {options.keep.value} kept", groups, int(rows.lines[row]))
    )
    ends = np.append(starts[1:], len(same)) - 1
    return rows.pick(ends if options.keep is Keep.LAST else starts)
