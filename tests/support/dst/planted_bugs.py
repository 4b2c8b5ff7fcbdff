"""S5: bugs planted into the product one at a time, and what sees them after how many events."""

from __future__ import annotations

import time
from collections import Counter

from .bugs import BUGS
from .hunt import MOST, Catch, hunt_all
from .parts import Part, Scale

LEAST = 40
INVARIANTS = tuple(f"I{number}" for number in range(1, 21))
RULES = (
    "T1", "T2", "deadline", "drift", "age", "cap", "maker", "remainder", "mode", "persist",
    "unknown", "foreign", "invention", "stop",
)  # fmt: skip
"""Rules of the contract beside the invariants, as the oracle names them."""
_SAMPLE = 11
"""Every so manieth bug makes the short form."""


def measure(scale: Scale, processes: int) -> Part:
    """Hunt for each bug, or for a sample in the short form."""
    began = time.perf_counter()
    keys = list(BUGS)[::_SAMPLE] if scale is Scale.SHORT else list(BUGS)
    return judged(list(hunt_all(keys, processes)), scale, time.perf_counter() - began)


def judged(catches: list[Catch], scale: Scale, seconds: float) -> Part:
    """Hold the catches against what was promised."""
    found = [one for one in catches if one.by and one.innocent and one.events <= MOST]
    missed = [one for one in catches if one not in found]
    broken = Counter(name for one in found for name in one.by)
    whole = scale is not Scale.SHORT
    uncovered = [one for one in (*INVARIANTS, *RULES) if one not in broken] if whole else []
    enough = len(found) >= LEAST or not whole
    most = max((one.events for one in found), default=0)
    return Part(
        "planted bugs",
        {
            "planted": len(catches),
            "caught": len(found),
            "missed": [one.bug for one in missed],
            "not_innocent": [one.bug for one in catches if not one.innocent],
            "rules_without_a_catch": uncovered,
            "events_at_most": most,
            "events": sum(one.events for one in catches),
            "wall_seconds": round(seconds, 1),
            "catches": [
                {"bug": one.bug, "rule": one.rule, "by": list(one.by), "events": one.events}
                for one in catches
            ],
        },
        f"all caught within {MOST:,} events, at least {LEAST}, each invariant and rule covered",
        not missed and not uncovered and enough,
        f"{len(found)} of {len(catches)} caught, the last after {most:,} events; "
        f"{len(uncovered)} invariants or rules without a catch",
        [*_table(catches), *(f"- nothing broke {one}" for one in uncovered)],
        [one.command for one in missed if one.command],
    )


def _table(catches: list[Catch]) -> list[str]:
    lines = ["| planted bug | breaks | seen by | after events |", "|---|---|---|--:|"]
    for one in catches:
        seen = ", ".join(one.by[:4]) or "nothing"
        seen += "" if one.innocent else " (without the bug too)"
        lines.append(f"| {one.bug} | {one.rule} | {seen} | {one.events:,} |")
    return lines
