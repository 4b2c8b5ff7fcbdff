"""Files of candles, as a port."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ...domain.errors import InvalidValue
from ...domain.market import Symbol, Timeframe
from .bar_store import BarSeries


class Keep(Enum):
    """Which of two bars for one instant counts when they differ."""

    REFUSE = "refuse"
    FIRST = "first"
    LAST = "last"


class BadRows(Enum):
    """What to do with rows that cannot be a bar."""

    REFUSE = "refuse"
    DROP = "drop"
    """Leave them out: their bars are then missing."""


class Absent(Enum):
    """What an absent row between two bars means."""

    MISSING = "missing"
    """Nobody knows: a gap."""
    EMPTY = "empty"
    """Nobody traded: the source leaves such rows out."""


class Stamps(Enum):
    """Which end of the bar its time names."""

    AUTO = "auto"
    """The open, unless the column's name or every stamp says otherwise."""
    OPEN = "open"
    CLOSE = "close"


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """What the caller knows better than the file.

    Attributes:
        symbols: The symbol of the file; in a wide file one for each group of columns.
        quote: Quote currency of symbols that name only their base.
        columns: Order of four price columns without names, such as ``open,close,high,low``.
        tick, lot: The grid, where the finest step seen is not wanted.
    """

    symbols: tuple[Symbol, ...] = ()
    timeframe: Timeframe | None = None
    venue: str = ""
    quote: str = ""
    keep: Keep = Keep.REFUSE
    bad: BadRows = BadRows.REFUSE
    absent: Absent = Absent.MISSING
    stamps: Stamps = Stamps.AUTO
    columns: tuple[str, ...] = ()
    tick: Decimal | None = None
    lot: Decimal | None = None

    def __post_init__(self) -> None:
        if self.columns and sorted(self.columns) != ["close", "high", "low", "open"]:
            raise InvalidValue(
                f"columns must name open, high, low and close once each, were "
                f"{','.join(self.columns)}",
                mend="for example open,close,high,low",
            )
        for name in ("tick", "lot"):
            step = getattr(self, name)
            if step is not None and step <= 0:
                raise InvalidValue(f"{name} must be above 0, was {step}", mend="for example 0.01")


@dataclass(frozen=True, slots=True)
class Mend:
    """One thing that was put right, or assumed, on the way in.

    Attributes:
        what: In words, what was done.
        count: How many rows it concerned.
        first: The first of them in the file's own numbering, or None where it is the whole file.
    """

    what: str
    count: int
    first: int | None = None


@dataclass(frozen=True, slots=True)
class ImportedBars:
    """A series from a file, and what was mended in it."""

    path: Path
    series: BarSeries
    mends: tuple[Mend, ...]


@dataclass(frozen=True, slots=True)
class ImportedFunding:
    """Settlement times (Unix ms) and rates (1e-8) from a file, and what was mended."""

    path: Path
    symbol: Symbol
    time: NDArray[np.int64]
    rate: NDArray[np.int64]
    mends: tuple[Mend, ...]


class BarFiles(Protocol):
    """Reads candles out of the files that people have. Adapter: importers.

    What is certain is mended and reported; what is not is refused with line and reason.
    """

    def expand(self, patterns: Sequence[str]) -> Sequence[Path]:
        """Return the files that paths, folders and globs name, sorted.

        Raises:
            NotFound: If a pattern names none.
        """

    def read(self, path: Path, options: ImportOptions) -> Sequence[ImportedBars | ImportedFunding]:
        """Return the series of a file; a wide file holds several.

        Raises:
            DataError: If something in it has no certain meaning.
            NotFound: If there is no such file.
        """
