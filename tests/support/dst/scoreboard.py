"""The scoreboard: every part measured, as JSON and as Markdown.

``python -m tests.support.dst.scoreboard --scale ci`` writes ``build/scoreboard.json`` and
``build/scoreboard.md``, and exits with 1 if a part falls short.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import sys
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from .parts import Part, Scale

_ORDER = ("events", "determinism", "crash_matrix", "kill", "soak", "planted_bugs", "baselines")
_HERE = Path(__file__).parent
PARTS = tuple(name for name in _ORDER if (_HERE / f"{name}.py").exists())
"""The modules, in the order of the table."""


def measure(name: str, scale: Scale, processes: int, **more: int | None) -> Part:
    """Measure one part; how long it took is among its figures.

    Args:
        more: What else the part takes.
    """
    began, cpu = time.perf_counter(), os.times()
    module = importlib.import_module(f"{__package__}.{name}")
    part: Part = module.measure(scale, processes, **more)
    after = os.times()
    spent = sum(after[:4]) - sum(cpu[:4])
    part.figures["seconds"] = round(time.perf_counter() - began, 1)
    part.figures["cpu_seconds"] = round(spent, 1)
    return part


def document(parts: Iterable[Part], scale: Scale, processes: int) -> dict[str, Any]:
    """Return everything as plain data."""
    return {
        "schema": "mettle.scoreboard/1",
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "scale": scale.value,
        "machine": {
            "processor": _processor(),
            "cores": len(os.sched_getaffinity(0)),
            "processes": processes,
            "load": [round(one, 2) for one in os.getloadavg()],
            "python": platform.python_version(),
        },
        "parts": {
            one.name: {
                "target": one.target,
                "found": one.summary,
                "holds": one.holds,
                "figures": one.figures,
                "commands": one.commands,
            }
            for one in parts
        },
    }


def page(found: dict[str, Any], parts: Iterable[Part]) -> str:
    """Return the Markdown page."""
    machine, known = found["machine"], list(parts)
    lines = [
        "# Scoreboard of the order path",
        "",
        (
            f"`make scoreboard SCALE={found['scale']}` on {found['date']}: "
            f"{machine['processor']}, {machine['cores']} cores, {machine['processes']} processes, "
            f"load {machine['load'][0]} at the end, Python {machine['python']}."
        ),
        "",
        "| part | found | target | | wall | CPU |",
        "|---|---|---|---|--:|--:|",
        *(
            f"| {one.name} | {one.summary} | {one.target} | "
            f"{'holds' if one.holds else 'falls short'} | {one.figures.get('seconds', 0)} s | "
            f"{one.figures.get('cpu_seconds', 0)} s |"
            for one in known
        ),
    ]
    for one in known:
        if one.lines or one.commands:
            lines += ["", f"## {one.name[:1].upper()}{one.name[1:]}", "", *one.lines]
        if one.commands:
            lines += ["", "What shows it again:", "", *(f"- `{text}`" for text in one.commands)]
    return "\n".join(lines) + "\n"


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def main() -> int:
    """Measure, write both files, and say how it stands."""
    parser = argparse.ArgumentParser(prog="python -m tests.support.dst.scoreboard")
    parser.add_argument("--scale", type=Scale, default=Scale.CI, help="short, ci, nightly, release")
    parser.add_argument("--processes", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--only", default=",".join(PARTS), help="parts, by comma")
    parser.add_argument("--first", type=int, default=0, help="the events' first seed")
    parser.add_argument("--events", type=int, help="how many events, if not the scale's")
    parser.add_argument("--out", type=Path, default=Path("build"))
    chosen = parser.parse_args()
    parts = []
    for name in chosen.only.split(","):
        more: dict[str, int | None] = (
            {"first": chosen.first, "events": chosen.events} if name == "events" else {}
        )
        part = measure(name, chosen.scale, chosen.processes, **more)
        parts.append(part)
        verdict = "holds" if part.holds else "falls short"
        sys.stdout.write(f"{part.name}: {part.summary} (target {part.target}) {verdict}\n")
        sys.stdout.writelines(f"  again: {one}\n" for one in part.commands)
        sys.stdout.flush()
    found = document(parts, chosen.scale, chosen.processes)
    chosen.out.mkdir(parents=True, exist_ok=True)
    (chosen.out / "scoreboard.json").write_text(json.dumps(found, indent=2) + "\n", "utf-8")
    (chosen.out / "scoreboard.md").write_text(page(found, parts), "utf-8")
    return 0 if all(one.holds for one in parts) else 1


if __name__ == "__main__":
    sys.exit(main())
