"""A file as named columns with the numbers of their lines."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ....application.ports.bar_files import Mend
from ....domain.errors import DataError


@dataclass(slots=True)
class RawTable:
    """Columns as they stand in the file, before anything is understood.

    Attributes:
        columns: Lower-case names to values: text, numbers or times.
        lines: The line (text) or row (binary) of each row, counted from 1, shape (n,).
        word: What ``lines`` counts.
        ordered_prices: Four price columns whose order is not named, if so.
    """

    path: Path
    columns: dict[str, pl.Series]
    lines: NDArray[np.int64]
    word: str = "line"
    ordered_prices: tuple[str, ...] = ()
    mends: list[Mend] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.lines)

    def refuse(self, row: int, reason: str, mend: str = "") -> DataError:
        """Return the error for one row."""
        return DataError(f"{self.path}: {self.word} {int(self.lines[row])}: {reason}", mend=mend)

    def numbers(self, name: str) -> NDArray[np.float64]:
        """Return a column as float64; empty cells are NaN.

        Raises:
            DataError: If a cell is not a number.
        """
        column = self.columns[name]
        if column.dtype == pl.String:
            text = column.str.strip_chars()
            blank = text.is_null() | text.str.to_lowercase().is_in(_BLANKS)
            values = text.cast(pl.Float64, strict=False)
            wrong = values.is_null() & ~blank
            if wrong.any():
                row = int(wrong.arg_max() or 0)
                raise self.refuse(row, f"{name} is {column[row]!r}, not a number")
            column = values
        elif not column.dtype.is_numeric():
            raise DataError(f"{self.path}: column {name} holds {column.dtype}, not numbers")
        return column.cast(pl.Float64).fill_null(float("nan")).to_numpy().copy()


_BLANKS = ["", "nan", "null", "none", "na", "n/a", "-"]
