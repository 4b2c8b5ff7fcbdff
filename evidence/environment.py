"""Speed of the native market: steps a second from Python, and what PPO loses by its being real.

The figures are those of ``python -m benchmarks env train``; the first is the case of 4 assets × 14
features over 50,000 bars on two threads, the second the ratio of frames a second to an environment
that does nothing.
"""

from __future__ import annotations

from typing import Any

from benchmarks import env, train

from . import Outcome

_STEPS = 10.0
_RATIO = 0.9


def run(*, full: bool) -> Outcome:
    """Measure both; ``full`` repeats more often and adds the long cases."""
    rows = env.run(full=full) + train.run(full=full)
    for row in rows:
        print(f"{row['name']}: {row['value']:,.4g} {row['unit']}, spread {row['spread']:.0%}")
    steps = _value(rows, "4 × 14, flat, 50k bars, 2 threads")
    ratio = _value(rows, "market to null, pairwise")
    return Outcome(
        f"{steps:.1f} M steps/s, {ratio:.2f} of the null environment's frames/s",
        f"≥ {_STEPS:g} M steps/s and ≥ {_RATIO:g}",
        steps >= _STEPS and ratio >= _RATIO,
    )


def _value(rows: list[dict[str, Any]], name: str) -> float:
    return float(next(row["value"] for row in rows if row["name"] == name))
