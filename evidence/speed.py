"""The speed table: every goal of it, measured in one run beside the peers it names.

The full form is ``python -m benchmarks speed``; the short one leaves the learners out and plays
fewer bars. Peers need ``make bench-peers``; a goal whose peer is not there is not reached.
"""

from __future__ import annotations

from benchmarks import speed
from benchmarks.__main__ import table

from . import Outcome


def run(*, full: bool) -> Outcome:
    """Run the races and count goals; what this machine has no hardware for is not counted."""
    rows = speed.run(full=False) if full else speed.short()
    print(table([{"benchmark": row["row"], **row} for row in rows]))
    judged = [row for row in rows if row.get("goal") and not row.get("beyond_reach")]
    reached = [row for row in judged if row["verdict"] == "reached"]
    absent = [row for row in judged if row["verdict"] == "not measured"]
    for row in judged:
        if row["verdict"] == "short":
            print(f"short: {row['name']}, {row.get('peer', '')}: {row.get('share', 0):.0%} of goal")
    figure = f"{len(reached)} of {len(judged)} goals reached"
    if absent:
        figure += f", {len(absent)} not measured"
    return Outcome(figure, "all", len(reached) == len(judged) > 0)
