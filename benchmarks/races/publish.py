"""``python -m benchmarks.races.publish FILE …``: the tables of docs/measured from JSON files.

A table replaces what stands between ``<!-- table -->`` and ``<!-- end -->`` in the page of its
benchmark, ``speed`` or ``scaling``, with the line that says when, where and under which load.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ._worker import ROOT

_PAGES = ROOT / "docs" / "measured"
_BETWEEN = re.compile(r"(?<=<!-- table -->\n).*?(?=<!-- end -->)", re.DOTALL)
_HEAD = ("", "ours", "beside", "ratio (quartiles)", "by processor time", "goal", "")


def main() -> int:
    """Rewrite the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.races.publish", description=__doc__)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    for file in parser.parse_args().files:
        document = json.loads(file.read_text(encoding="utf-8"))
        for name in dict.fromkeys(row["benchmark"] for row in document["rows"]):
            page = _PAGES / f"{name}.md"
            text = page.read_text(encoding="utf-8")
            page.write_text(rewritten(text, document, name), encoding="utf-8")
            print(page)
    return 0


def rewritten(text: str, document: Mapping[str, Any], name: str) -> str:
    """Return a page with its table replaced.

    Raises:
        ValueError: If it has no place for one.
    """
    rows = [row for row in document["rows"] if row["benchmark"] == name]
    made = f"\n{_when(document, rows)}\n\n{markdown(rows)}\n\n"
    text, places = _BETWEEN.subn(lambda _: made, text)
    if places != 1:
        raise ValueError(f"a page needs one table, this has {places}")
    return text


def markdown(rows: list[dict[str, Any]]) -> str:
    """Return rows as a table, a part of it for each ``row`` of the speed table."""
    lines = ["| " + " | ".join(_HEAD) + " |", "|---|---:|---|---:|---:|---|---|"]
    part = None
    for row in rows:
        if row.get("row") != part:
            part = row["row"]
            lines.append(f"| **{part}** | | | | | | |")
        lines.append("| " + " | ".join(_cells(row)) + " |")
    return "\n".join(lines)


def _cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    value = f"{number(row['value'])} {row['unit']}".strip() if "value" in row else ""
    ratio = "" if "ratio" not in row else number(row["ratio"])
    if ratio and "quartiles" in row:
        ratio += f" ({' … '.join(number(one) for one in row['quartiles'])})"
    elif "quartiles" in row:
        value += f" ({' … '.join(number(one) for one in row['quartiles'])})"
    processor = number(row["cpu_ratio"]) if "cpu_ratio" in row else ""
    verdict = row.get("verdict", "")
    if "why" in row:
        verdict += f": {row['why']}"
    return row["name"], value, row.get("peer", ""), ratio, processor, row.get("goal", ""), verdict


def number(value: float) -> str:
    """Return three digits of a number, and all of a larger one."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _when(document: Mapping[str, Any], rows: list[dict[str, Any]]) -> str:
    machine, versions = document["machine"], document["versions"]
    loads = [row["load"] for row in rows if "load" in row] or [machine["load"]]
    goals = [row for row in rows if row.get("goal") and not row.get("beyond_reach")]
    reached = sum(row["verdict"] == "reached" for row in goals)
    load = f"{min(loads):g} … {max(loads):g}"
    return (
        f"{document['date'][:16].replace('T', ' ')} UTC, {machine['cores']} cores, "
        f"{machine['cpu']}, {machine['system']}, Python {versions['python']}; load {load}. "
        f"{reached} of {len(goals)} goals reached."
    )


if __name__ == "__main__":
    sys.exit(main())
