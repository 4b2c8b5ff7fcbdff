"""What the command line writes: data on stdout, everything else on stderr."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from rich.console import Console

PLAIN_INTERVAL_S = 30.0
"""Off a terminal, progress is one plain line in this many seconds."""

Cell = str | int | float | Decimal | None


class Advance(Protocol):
    """What :meth:`Output.progress` hands out."""

    def __call__(self, done: float, text: str = "") -> None:
        """Say that ``done`` of the total is done."""


@dataclasses.dataclass(frozen=True, slots=True)
class Table:
    """Rows for people: aligned and ruled on a terminal, tab-separated elsewhere."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    title: str = ""


class Output:
    """The two streams of one call.

    Args:
        json_wanted: Print one JSON object instead of text.
        quiet: Print no notes on stderr; warnings and errors stay.
        verbose: Print details on stderr.
    """

    def __init__(
        self, *, json_wanted: bool = False, quiet: bool = False, verbose: bool = False
    ) -> None:
        self.json_wanted = json_wanted
        self.quiet = quiet
        self.verbose = verbose

    def emit(self, what: str, data: object, *human: Table | str) -> None:
        """Print the answer of a verb.

        Args:
            what: ``noun.verb``; the schema is ``mettle.noun.verb/1``.
            data: What ``--json`` prints; dataclasses, Decimal, Path, datetime are understood.
            human: Text and tables for people, in order.
        """
        if self.json_wanted:
            document = {"schema": f"mettle.{what}/1", "data": data}
            print(json.dumps(_named(document), default=plain, allow_nan=False), flush=True)  # noqa: T201
            return
        for part in human:
            if isinstance(part, Table):
                self._table(part)
            else:
                print(part, flush=True)  # noqa: T201  the answer of the verb

    def tell(self, text: str) -> None:
        """Say a part of the answer as soon as it is known; with ``--json`` it is only a note."""
        if self.json_wanted:
            self.note(text)
        else:
            print(text, flush=True)  # noqa: T201  the answer of the verb

    def note(self, text: str) -> None:
        """Say something on stderr, unless ``--quiet``."""
        if not self.quiet:
            _err(text)

    def detail(self, text: str) -> None:
        """Say something on stderr, if ``--verbose``."""
        if self.verbose:
            _err(text)

    def warn(self, text: str) -> None:
        """Warn on stderr, always."""
        _err(f"warning: {text}")

    @contextmanager
    def progress(self, label: str, total: float) -> Iterator[Advance]:
        """Show progress on stderr: a bar on a terminal, a plain line each 30 s elsewhere."""
        if self.quiet:
            yield lambda done, text="": None  # noqa: ARG005  nothing is shown
        elif sys.stderr.isatty():
            with _bar(label, total) as advance:
                yield advance
        else:
            yield _plain_progress(label, total)

    def _table(self, table: Table) -> None:
        if not sys.stdout.isatty():
            for row in (table.columns, *table.rows):
                print("\t".join(map(_text, row)), flush=True)  # noqa: T201
            return
        _draw(table)


def _draw(table: Table) -> None:
    from rich import box
    from rich.table import Table as RichTable

    cells = [[_text(cell) for cell in row] for row in table.rows]
    drawn = RichTable(title=table.title or None, title_justify="left", box=box.SIMPLE_HEAD)
    widths = [
        max(len(name), *(len(row[index]) for row in cells), 0)
        for index, name in enumerate(table.columns)
    ]
    for index, name in enumerate(table.columns):
        numeric = all(isinstance(row[index], int | float | Decimal | None) for row in table.rows)
        drawn.add_column(
            name,
            justify="right" if numeric and cells else "left",
            # Only the widest column may be broken over lines.
            no_wrap=index != widths.index(max(widths)),
            overflow="fold",
        )
    for row in cells:
        drawn.add_row(*row)
    screen = console()
    screen.width = max(screen.width, _least(widths))
    screen.print(drawn)


def _least(widths: Sequence[int]) -> int:
    """Return the width below which a table cannot be read: a narrow screen wraps it then."""
    return sum(widths) - max(widths) + min(max(widths), 24) + 3 * len(widths) + 1


def console(*, err: bool = False) -> Console:
    """Return a rich console; ``NO_COLOR`` is honoured by rich itself."""
    from rich.console import Console

    return Console(stderr=err, highlight=False)


def plain(value: object) -> object:
    """Turn a value that JSON does not know into one that it does; money stays text."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {one.name: getattr(value, one.name) for one in dataclasses.fields(value)}
    if isinstance(value, Enum):
        return value.name.lower()
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, set | frozenset | tuple):
        return list(value)
    item = getattr(value, "tolist", None)  # NumPy scalars and arrays
    return item() if callable(item) else str(value)


def _named(value: object) -> object:
    """Give tuples with named fields their names: JSON would make lists of them."""
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return {name: _named(one) for name, one in value._asdict().items()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {one.name: _named(getattr(value, one.name)) for one in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {name: _named(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_named(one) for one in value]
    return value


def utc(time_ms: int) -> str:
    """Return Unix milliseconds as ``2024-01-31 13:00`` (UTC), or the date alone at midnight."""
    moment = datetime.fromtimestamp(time_ms / 1000, UTC)
    return f"{moment:%Y-%m-%d}" if moment.hour == moment.minute == 0 else f"{moment:%Y-%m-%d %H:%M}"


def _text(cell: Cell) -> str:
    if cell is None:
        return "-"
    return f"{cell:.4g}" if isinstance(cell, float) else str(cell)


def _err(text: str) -> None:
    with suppress(OSError):  # nobody listens: no reason to end the work
        print(text, file=sys.stderr, flush=True)  # noqa: T201  notes, warnings and errors


def _plain_progress(label: str, total: float) -> Advance:
    last = time.monotonic()

    def advance(done: float, text: str = "") -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= PLAIN_INTERVAL_S:
            last = now
            share = 100 * done / total if total else 100.0
            _err(f"{label}: {share:.0f} % {text}".rstrip())

    return advance


@contextmanager
def _bar(label: str, total: float) -> Iterator[Advance]:
    from rich.progress import (
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[text]}"),
    )
    with Progress(*columns, console=console(err=True), transient=True) as bar:
        task = bar.add_task(label, total=total, text="")

        def advance(done: float, text: str = "") -> None:
            bar.update(task, completed=done, text=text)

        yield advance


def flush_quietly() -> None:
    """Flush stdout; a reader that has gone is no error, and Python must not complain at exit."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
