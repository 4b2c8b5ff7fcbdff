"""Every row of the speed table: ours, the peer, the ratio with its quartiles, and the goal.

``make bench-peers`` builds the peers' environments and runs this. A peer that is not there is a row
that says why.
"""

from __future__ import annotations

import sys
import time
from typing import Any

from .races import backtest, decision, environment, features, sweep, training
from .races._race import LONG, NORMAL, Pace

RACES = {
    "environment": environment.run,
    "training": training.run,
    "backtest": backtest.run,
    "sweep": sweep.run,
    "features": features.run,
    "decision": decision.run,
}


def run(full: bool) -> list[dict[str, Any]]:
    """Run every race.

    Args:
        full: More rounds, and longer ones.
    """
    return at(LONG if full else NORMAL)


def at(pace: Pace, races: tuple[str, ...] = tuple(RACES)) -> list[dict[str, Any]]:
    """Run the races named, at a pace."""
    rows = []
    for name in races:
        begun = time.monotonic()
        rows += [{"row": name, **row} for row in RACES[name](pace)]
        print(f"  {name}: {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)
    return rows
