"""The whole scoreboard of the order path: every part in its short form, or in that of every push.

Events, determinism, crash points, kills, the soak, planted bugs and baselines, each held against
its target.
"""

from __future__ import annotations

import os

from tests.support.dst.parts import Scale
from tests.support.dst.scoreboard import PARTS, measure

from . import Outcome


def run(full: bool) -> Outcome:
    """Measure the parts one after the other."""
    scale, processes = (Scale.CI if full else Scale.SHORT), len(os.sched_getaffinity(0))
    short = []
    names = PARTS if full else _QUICK
    for name in names:
        part = measure(name, scale, processes)
        verdict = "holds" if part.holds else "falls short"
        print(f"{part.name}: {part.summary} (target {part.target}) {verdict}", flush=True)
        for one in part.commands:
            print(f"  again: {one}")
        if not part.holds:
            short.append(part.name)
    return Outcome(
        f"{len(names) - len(short)} of {len(names)} parts hold"
        + (f", short: {', '.join(short)}" if short else ""),
        "all of them",
        not short,
    )


_QUICK = ("events", "determinism", "planted_bugs", "baselines")
"""The others have claims of their own, and a minute is short."""
