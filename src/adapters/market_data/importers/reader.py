"""The importer: from a path to series, with a report of everything that was mended."""

from __future__ import annotations

import glob
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ....application.data.fees import default_fees
from ....application.data.series import fill_empty, traded_state
from ....application.ports.bar_files import (
    Absent,
    ImportedBars,
    ImportedFunding,
    ImportOptions,
    Mend,
)
from ....application.ports.bar_store import BarSeries
from ....domain.errors import DataError, NotFound
from ....domain.market import BarState, Instrument, Symbol
from .exact import place_on_grid
from .funding import is_funding, read_funding
from .grid import align_opens, infer_timeframe
from .layout import Group, find_groups
from .names import Guess, guess_from_name, parse_symbol
from .rows import clean_rows
from .sources import open_table
from .stamps import read_times, time_column
from .table import RawTable

SUFFIXES = (
    ".parquet", ".feather", ".arrow", ".csv", ".csv.gz", ".csv.zip", ".tsv", ".jsonl", ".jsonl.gz",
    ".ndjson", ".json", ".json.gz",
)  # fmt: skip
_UNIT = Decimal(1)


class FileImporter:
    """Reads Parquet, Feather, CSV and JSON in the shapes that are met in the wild."""

    def expand(self, patterns: Sequence[str]) -> Sequence[Path]:
        """Return the files that paths, folders and globs name, sorted, each once."""
        found: dict[Path, None] = {}
        for pattern in patterns:
            path = Path(pattern).expanduser()
            if path.is_dir():
                files = sorted(p for p in path.iterdir() if p.name.lower().endswith(SUFFIXES))
            elif path.exists():
                files = [path]
            else:
                files = sorted(Path(name) for name in glob.glob(str(path)))  # noqa: PTH207  absolute patterns
            if not files:
                raise NotFound(f"{pattern} names no file of candles", mend="check the path")
            found.update(dict.fromkeys(files))
        return list(found)

    def read(self, path: Path, options: ImportOptions) -> Sequence[ImportedBars | ImportedFunding]:
        """Return the series of a file."""
        table = open_table(path)
        guess = guess_from_name(path.name)
        if is_funding(table):
            symbol = self._symbol(table, Group("", {}, np.empty(0), []), guess, options)
            return [read_funding(table, symbol)]
        groups = find_groups(table, options)
        name, named_close = time_column(table)
        time = read_times(table, name)
        return [self._series(table, group, time, named_close, guess, options) for group in groups]

    def _series(
        self,
        table: RawTable,
        group: Group,
        time: NDArray[np.int64],
        named_close: bool,
        guess: Guess,
        options: ImportOptions,
    ) -> ImportedBars:
        mends = [*table.mends, *group.mends]
        rows = clean_rows(table, group, time, options, mends)
        timeframe = infer_timeframe(table, time, guess.timeframe, options)
        opens, shifted = align_opens(table, rows, timeframe, named_close, options)
        symbol = self._symbol(table, group, guess, options)
        venue = options.venue or guess.venue or "unknown"
        plain = Instrument(symbol, _UNIT, _UNIT, default_fees(venue, symbol), venue=venue)
        ticks, lots, instrument, gridded = place_on_grid(
            rows.values, rows.lines, plain, options.tick, options.lot
        )
        open_, high, low, close = (np.ascontiguousarray(ticks[:, i]) for i in range(4))
        series = BarSeries(
            instrument=instrument,
            timeframe=timeframe,
            open_time=opens,
            open=open_,
            high=high,
            low=low,
            close=close,
            volume=lots,
            state=traded_state(open_, high, low, close, rows.values[:, 4] == 0),
            source=table.path.name,
        )
        mends += [*shifted, *gridded]
        empty = int((series.state == BarState.EMPTY).sum())
        if empty:
            mends.append(Mend("bars without volume at the previous close flagged empty", empty))
        if options.absent is Absent.EMPTY:
            series, filled = fill_empty(series)
            if filled:
                mends.append(Mend("absent rows made empty bars (--absent empty)", filled))
        return ImportedBars(table.path, series, tuple(mends))

    @staticmethod
    def _symbol(table: RawTable, group: Group, guess: Guess, options: ImportOptions) -> Symbol:
        """Return the one symbol that options, columns and name allow.

        Raises:
            DataError: If they name none or several.
        """
        if group.label:
            return _symbol_of_prefix(table, group.label, options)
        if len(options.symbols) == 1:
            return options.symbols[0]
        if options.symbols:
            raise DataError(f"{table.path} holds one asset, --symbol names {len(options.symbols)}")
        told = _column_symbols(table, options)
        named = list(guess.symbols)
        if (
            told
            and named
            and not any((t.base, t.quote) == (n.base, n.quote) for t in told for n in named)
        ):
            raise DataError(
                f"{table.path} is named {named[0]}, but its column says {told[0]}",
                mend="say which with --symbol",
            )
        # A perpetual is seen in the name only; the column names the pair.
        candidates = [
            n for n in named if not told or (n.base, n.quote) == (told[0].base, told[0].quote)
        ]
        candidates = candidates or told
        if len(candidates) != 1:
            seen = " or ".join(map(str, candidates)) or "no symbol"
            raise DataError(
                f"{table.path}: its name and columns say {seen}",
                mend="say which with --symbol, for example --symbol BTC/USDT",
            )
        return candidates[0]


def _symbol_of_prefix(table: RawTable, label: str, options: ImportOptions) -> Symbol:
    for symbol in options.symbols:
        if label.upper() in (symbol.base, str(symbol), f"{symbol.base}{symbol.quote}"):
            return symbol
    told = parse_symbol(label, options.quote)
    if told is None:
        raise DataError(
            f"{table.path}: the columns of {label.upper()} do not say against what",
            mend=f"give --quote USD, or --symbol {label.upper()}/USD for each group of columns",
        )
    return told


def _column_symbols(table: RawTable, options: ImportOptions) -> list[Symbol]:
    name = next((n for n in ("symbol", "pair", "ticker") if n in table.columns), None)
    if name is None:
        return []
    texts = [text for text in table.columns[name].cast(str).unique().to_list() if text]
    if len(texts) > 1:
        raise DataError(
            f"{table.path} holds several symbols in one column: {', '.join(sorted(texts)[:5])}",
            mend="split it into one file for each",
        )
    return [symbol for text in texts if (symbol := parse_symbol(text, options.quote)) is not None]
