"""Trace hashes of many worlds: ``python -m tests.support.dst.traces FIRST COUNT EVENTS``."""

from __future__ import annotations

import json
import sys

from .campaign import Trial
from .kinds import KINDS
from .play import play


def trial(seed: int, events: int) -> Trial:
    """Return the world of a seed: every kind in turn."""
    kinds = sorted(KINDS)
    return Trial(seed, events, kind=kinds[seed % len(kinds)], calm=False)


def main() -> int:
    """Play the worlds and print seed → hash, and how many events there were."""
    first, count, events = map(int, sys.argv[1:4])
    traces: dict[int, str] = {}
    played = 0
    for seed in range(first, first + count):
        report = play(trial(seed, events))
        traces.update(report.traces)
        played += report.events
    sys.stdout.write(json.dumps({"traces": traces, "events": played}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
