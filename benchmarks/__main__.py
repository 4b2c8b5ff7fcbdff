"""``python -m benchmarks NAME … --json FILE``: a table, and a JSON file."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

_RACED = ("quartiles", "cpu_ratio", "goal", "verdict", "why")
"""Columns of the rows that have them."""

_PACKAGES = ("mettle-trader", "numpy", "torch", "stable-baselines3", "gymnasium", "polars")


def names() -> list[str]:
    """Return the benchmarks that there are."""
    here = Path(__file__).parent
    return sorted(path.stem for path in here.glob("*.py") if not path.stem.startswith("_"))


def machine() -> dict[str, Any]:
    """Return what the figures depend on."""
    model = ""
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = info.read_text(encoding="utf-8").splitlines()
        model = next((one.split(":", 1)[1].strip() for one in lines if "model name" in one), "")
    return {
        "cpu": model or platform.processor(),
        "cores": len(os.sched_getaffinity(0)),
        "system": f"{platform.system()} {platform.release()}",
        "load": round(os.getloadavg()[0], 2),
    }


def versions() -> dict[str, str]:
    """Return the versions of what takes part."""
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def table(rows: list[dict[str, Any]]) -> str:
    """Return the rows as aligned text."""
    columns = ["benchmark", "name", "value", "unit", "spread", "peer", "ratio"]
    columns += [one for one in _RACED if any(one in row for row in rows)]
    cells = [tuple(columns), *(tuple(_cell(row.get(one)) for one in columns) for row in rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(columns))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    )


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, list):
        return " … ".join(_cell(one) for one in value)
    return f"{value:,.4g}" if isinstance(value, float) else str(value)


def main() -> int:
    """Run the benchmarks named, one after the other."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "names", nargs="+", choices=names(), metavar="NAME", help=", ".join(names())
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    parser.add_argument("--full", action="store_true", help="longer runs and every peer")
    chosen = parser.parse_args()
    rows: list[dict[str, Any]] = []
    for name in chosen.names:
        print(f"{name} …", file=sys.stderr, flush=True)
        found = importlib.import_module(f"benchmarks.{name}").run(full=chosen.full)
        rows += [{"benchmark": name, **row} for row in found]
    print(table(rows))
    if chosen.json:
        document = {
            "schema": "mettle.benchmarks/1",
            "date": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": machine(),
            "versions": versions(),
            "full": chosen.full,
            "rows": rows,
        }
        chosen.json.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
