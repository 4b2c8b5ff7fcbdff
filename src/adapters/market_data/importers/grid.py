"""The bars' timeframe, and their opens on its grid."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ....application.ports.bar_files import ImportOptions, Mend, Stamps
from ....domain.errors import DataError
from ....domain.market import Timeframe
from .rows import Rows
from .table import RawTable

Int64Array = NDArray[np.int64]


def infer_timeframe(
    table: RawTable, time: Int64Array, named: Timeframe | None, options: ImportOptions
) -> Timeframe:
    """Return the timeframe that options, name and content agree on.

    Raises:
        DataError: If they contradict each other or leave it open.
    """
    times = np.unique(time)
    steps = np.diff(times)
    known = options.timeframe or named
    mend = "say which with --timeframe"
    if not len(steps):
        if known is None:
            raise DataError(f"{table.path} holds one bar and names no timeframe", mend=mend)
        return known
    common = int(np.gcd.reduce(steps))
    if known is not None:
        if common % known.milliseconds:
            row = int((steps % known.milliseconds != 0).argmax()) + 1
            at = int((time == times[row]).argmax())
            raise table.refuse(
                at,
                f"this bar is {steps[row - 1] / 1000:g} s after the one before, "
                f"not a multiple of {known}",
                "name the timeframe of the file, and make others with `mettle data prepare`"
                if options.timeframe
                else mend,
            )
        if common != known.milliseconds and options.timeframe is None:
            raise DataError(
                f"{table.path} is named {known}, but its bars are never closer than "
                f"{common / 60_000:g} min",
                mend=mend,
            )
        return known
    lengths, counts = np.unique(steps, return_counts=True)
    usual = int(lengths[counts.argmax()])
    if usual not in Timeframe.LABELS.values() or common != usual:
        raise DataError(
            f"{table.path}: its timeframe is not certain: steps are mostly {usual / 60_000:g} min, "
            f"all multiples of {common / 60_000:g} min; known are {', '.join(Timeframe.LABELS)}",
            mend=mend,
        )
    return Timeframe(usual)


def align_opens(
    table: RawTable, rows: Rows, timeframe: Timeframe, named_close: bool, options: ImportOptions
) -> tuple[Int64Array, list[Mend]]:
    """Return the opens of the bars, on the grid.

    Raises:
        DataError: If a stamp is off the grid.
    """
    step = timeframe.milliseconds
    # A close may be written as the last millisecond (or microsecond, floored) of the bar.
    late = (rows.time + 1) % step == 0
    on_grid = rows.time % step == 0
    close = options.stamps is Stamps.CLOSE or (
        options.stamps is Stamps.AUTO and (named_close or bool(late.all()))
    )
    time = np.where(late & close, rows.time + 1, rows.time)
    wrong = ~(on_grid | (late & close))
    if wrong.any():
        row = int(wrong.argmax())
        off = int(rows.time[row] % step)
        raise DataError(
            f"{table.path}: {table.word} {int(rows.lines[row])}: the bar is {off / 1000:g} s off "
            f"the grid of {timeframe} ({int(wrong.sum())} such {table.word}s)",
            mend="bars open at whole multiples of their timeframe, UTC; check the time zone, or "
            "give --stamps close if the times name the close",
        )
    if not close:
        return time, []
    why = "as told" if options.stamps is Stamps.CLOSE else "the file names the close"
    return time - step, [Mend(f"close times turned into opens ({why})", len(time))]
