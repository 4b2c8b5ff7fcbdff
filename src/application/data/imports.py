"""Import: files of candles into the lake, with a report of everything that was mended."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...domain.errors import DataError
from ...domain.market import Symbol
from ..ports.bar_files import BarFiles, ImportedBars, ImportedFunding, ImportOptions, Mend
from ..ports.bar_store import BarStore, StoredSeries


@dataclass(frozen=True, slots=True)
class ImportLine:
    """What one series of a file became.

    Attributes:
        rows: Bars or settlements read from the file.
        stored: The lake's series after it; None for funding.
    """

    path: Path
    symbol: Symbol
    rows: int
    mends: tuple[Mend, ...]
    stored: StoredSeries | None


@dataclass(frozen=True, slots=True)
class Refusal:
    """A file that was not imported, and why."""

    path: Path
    error: DataError


@dataclass(frozen=True, slots=True)
class ImportReport:
    """Everything that an import did."""

    lines: tuple[ImportLine, ...]
    refusals: tuple[Refusal, ...]


@dataclass(frozen=True, slots=True)
class ImportBars:
    """The use case; a file is read whole before anything of it is kept."""

    store: BarStore
    files: BarFiles

    def __call__(
        self,
        patterns: Sequence[str],
        options: ImportOptions,
        *,
        replace: bool = False,
        on_file: Callable[[int, int, Path], None] | None = None,
    ) -> ImportReport:
        """Import files, folders and globs; a refused file does not stop the others.

        Args:
            patterns: What to import.
            options: What the caller knows better than the files.
            replace: Put each series in place of the held one instead of merging.
            on_file: Told position, number of files and path before each.

        Raises:
            NotFound: If a pattern names no file.
            DataError: If there is one file only and it is refused.
            StorageError: If the disk cannot take it; what was imported before stays.
        """
        paths = self.files.expand(patterns)
        lines: list[ImportLine] = []
        refusals: list[Refusal] = []
        replaced: set[tuple[Symbol, int]] = set()
        for position, path in enumerate(paths):
            if on_file is not None:
                on_file(position, len(paths), path)
            try:
                parts = self.files.read(path, options)
                lines += [self._keep(part, replaced if replace else None) for part in parts]
            except DataError as error:
                if len(paths) == 1:
                    raise
                refusals.append(Refusal(path, error))
        return ImportReport(tuple(lines), tuple(refusals))

    def _keep(
        self, part: ImportedBars | ImportedFunding, replaced: set[tuple[Symbol, int]] | None
    ) -> ImportLine:
        if isinstance(part, ImportedFunding):
            self.store.write_funding(part.symbol, part.time, part.rate)
            return ImportLine(part.path, part.symbol, len(part.time), part.mends, None)
        series = part.series
        key = (series.instrument.symbol, series.timeframe.milliseconds)
        # Several files of one series replace the held one once, then merge with each other.
        first = replaced is not None and key not in replaced
        stored = self.store.write(series, replace=first)
        if replaced is not None:
            replaced.add(key)
        return ImportLine(part.path, key[0], len(series), part.mends, stored)
