"""What the verbs of `mettle data` print: one JSON value, and the same for people."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...application.data.check import SeriesCheck
from ...application.data.download import Downloaded
from ...application.data.imports import ImportReport
from ...application.data.prepare import Prepared
from ...application.ports.bar_store import StoredSeries
from .output import Table, utc

_GAPS_SHOWN = 10

View = tuple[Any, ...]
"""The JSON value, then text and tables."""


def _plain(line: StoredSeries) -> dict[str, Any]:
    instrument = line.instrument
    return {
        "symbol": str(instrument.symbol),
        "timeframe": line.timeframe.label,
        "venue": instrument.venue,
        "first": line.first,
        "last": line.last,
        "bars": line.bars,
        "gaps": line.gaps,
        "missing": line.missing,
        "tick_size": f"{instrument.tick_size:f}",
        "lot_size": f"{instrument.lot_size:f}",
        "inferred": instrument.inferred,
        "synthetic": line.synthetic,
        "source": line.source,
        "content_hash": line.content_hash,
    }


_HEADER = ("symbol", "bars of", "venue", "first", "last", "bars", "missing", "gaps", "tick", "lot")


def _row(line: StoredSeries) -> tuple[str | int, ...]:
    one = line.instrument
    venue = "SYNTHETIC" if line.synthetic else one.venue
    guess = "~" if one.inferred else ""
    return (
        str(one.symbol),
        line.timeframe.label,
        venue,
        utc(line.first),
        utc(line.last),
        line.bars,
        line.missing,
        line.gaps,
        f"{guess}{one.tick_size:f}",
        f"{guess}{one.lot_size:f}",
    )


def catalogue(lines: Sequence[StoredSeries], root: Path) -> View:
    """Show what the lake holds."""
    data = {"lake": root, "series": [_plain(line) for line in lines]}
    if not lines:
        return (
            data,
            f"{root} holds no candles yet; `mettle data get`, `import` or `synth` adds some",
        )
    note = "~ inferred from the finest step seen"
    more = [note] if any(line.instrument.inferred for line in lines) else []
    return data, Table(_HEADER, [_row(line) for line in lines]), *more


def downloaded(results: Sequence[Downloaded]) -> View:
    """Show what a download did."""
    data = [
        {
            **_plain(one.stored),
            "new_bars": one.new_bars,
            "revised": one.revised,
            "pages": one.pages,
        }
        for one in results
    ]
    rows = [(*_row(one.stored), one.new_bars, one.revised) for one in results]
    return data, Table((*_HEADER, "new", "revised"), rows)


def imported(report: ImportReport) -> View:
    """Show what an import did, with every mend."""
    data = {
        "imported": [
            {
                "file": line.path,
                "symbol": str(line.symbol),
                "rows": line.rows,
                "mends": line.mends,
                "stored": None if line.stored is None else _plain(line.stored),
            }
            for line in report.lines
        ],
        "refused": [
            {"file": one.path, "reason": one.error.message, "mend": one.error.mend}
            for one in report.refusals
        ],
    }
    stored = {
        (line.symbol, line.stored.timeframe): line.stored for line in report.lines if line.stored
    }
    parts: list[Table | str] = []
    if stored:
        parts.append(Table(_HEADER, [_row(one) for one in stored.values()]))
    for line in report.lines:
        what = "funding settlements" if line.stored is None else f"{line.stored.timeframe} bars"
        parts.append(f"{line.path.name}: {line.rows} {what} of {line.symbol}")
        for mend in line.mends:
            where = "" if mend.first is None else f", first at {mend.first}"
            parts.append(f"  {mend.count} × {mend.what}{where}")
    return data, *parts


def checked(results: Sequence[SeriesCheck]) -> View:
    """Show what speaks against the series."""
    data = [
        {
            "symbol": str(one.symbol),
            "timeframe": one.timeframe.label,
            "clean": one.clean,
            "problems": one.problems,
            "first": one.first,
            "last": one.last,
            "bars": one.bars,
            "missing": one.missing,
            "gaps": one.gaps,
            "duplicates": 0,
            "empty": one.empty,
            "zero_volume": one.zero_volume,
            "longest_still": one.longest_still,
            "jumps": one.jumps,
            "jumps_per_day": one.jumps_per_day,
            "spikes": one.spikes,
        }
        for one in results
    ]
    header = ("symbol", "bars of", "bars", "missing", "gaps", "empty", "no volume", "longest still",
              "jumps/day", "spikes", "verdict")  # fmt: skip
    rows = [
        (
            str(one.symbol), one.timeframe.label, one.bars, one.missing, len(one.gaps), one.empty,
            one.zero_volume, one.longest_still, f"{one.jumps_per_day:.2f}", len(one.spikes),
            "clean" if one.clean else "; ".join(one.problems),
        )
        for one in results
    ]  # fmt: skip
    parts: list[Table | str] = [Table(header, rows)]
    for one in results:
        parts.extend(_details(one))
    return data, *parts


def _details(one: SeriesCheck) -> list[Table | str]:
    parts: list[Table | str] = []
    if one.gaps:
        longest = sorted(one.gaps, key=lambda gap: -gap.bars)[:_GAPS_SHOWN]
        shown = sorted(longest, key=lambda gap: gap.first)
        hidden = len(one.gaps) - len(shown)
        more = f" (the {len(shown)} longest of {len(one.gaps)}; all with --json)" if hidden else ""
        rows = [(utc(gap.first), utc(gap.last), gap.bars) for gap in shown]
        title = f"{one.symbol} {one.timeframe}: gaps{more}"
        parts += [title, Table(("first missing", "last missing", "bars"), rows)]
    if one.spikes:
        spikes = [
            (utc(spike.time), f"{spike.change:+.2%}", f"{spike.volatilities:.0f}")
            for spike in one.spikes[:_GAPS_SHOWN]
        ]
        parts += [
            f"{one.symbol} {one.timeframe}: moves that the next bar takes back",
            Table(("bar", "change", "volatilities"), spikes),
        ]
    return parts


def prepared(found: Prepared) -> View:
    """Show a prepared set."""
    data = {
        "data_hash": found.data_hash,
        "first": found.first,
        "last": found.last,
        "series": [{"how": line.how, **_plain(line.stored)} for line in found.lines],
    }
    rows = [(*_row(line.stored), line.how) for line in found.lines]
    text = (
        f"common period {utc(found.first)} to {utc(found.last)}; data hash {found.data_hash[:16]}"
    )
    kept = sum(line.how == "kept" for line in found.lines)
    more = [f"{kept} imported or downloaded series kept; --replace overwrites them"] if kept else []
    return data, Table((*_HEADER, "how"), rows), text, *more


def synthesised(lines: Sequence[StoredSeries]) -> View:
    """Show what was generated."""
    data = [_plain(line) for line in lines]
    note = "synthetic candles: good for trying things out, evidence of nothing"
    return data, Table(_HEADER, [_row(line) for line in lines]), note
