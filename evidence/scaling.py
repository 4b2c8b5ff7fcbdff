"""Scaling: results do not depend on threads, cost grows no faster than linearly, memory is bound.

The axes, the comparison and the memory are those of ``python -m benchmarks scaling``.
"""

from __future__ import annotations

from benchmarks import scaling
from benchmarks.__main__ import table

from . import Outcome


def run(*, full: bool) -> Outcome:
    """Measure; ``full`` takes longer and holds ten assets of 500,000 bars in memory."""
    rows = scaling.run(full=full)
    print(table([{"benchmark": "scaling", **row} for row in rows]))
    judged = [row for row in rows if "goal" in row]
    reached = [row for row in judged if row["verdict"] == "reached"]
    differ = next(row for row in judged if row["name"].startswith("results that differ"))
    memory = next(row for row in judged if row["name"].startswith("peak memory"))
    exponents = [row["value"] for row in judged if "exponent" in row["name"]]
    held = f"{memory['ratio']:.2f} ×" if "ratio" in memory else "not measured"
    figure = (
        f"{differ['value']:.0f} results differ by threads, largest exponent of cost "
        f"{max(exponents):.2f}, memory {held}"
    )
    target = f"0, ≤ 1.1, ≤ {scaling.LIMIT} ×"
    return Outcome(figure, target, len(reached) == len(judged))
