"""Every row of the speed table: ours, the peer, the ratio with its quartiles, and the goal.

``make bench-peers`` builds the peers' environments and runs this. A peer that is not there is a row
that says why.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from .races import backtest, decision, environment, features, sweep, training
from .races._race import BRISK, LONG, NORMAL, Pace
from .races._rows import Row

RACES: dict[str, Callable[[Pace], list[Row]]] = {
    "environment": environment.run,
    "training": training.run,
    "backtest": backtest.run,
    "sweep": sweep.run,
    "features": features.run,
    "decision": decision.run,
}
SHORT: dict[str, Callable[[Pace], list[Row]]] = {
    "environment": environment.run,
    "backtest": partial(backtest.run, bars=100_000),
    "sweep": partial(sweep.run, bars=20_000),
    "features": partial(features.run, bars=200_000),
    "decision": decision.run,
}
"""Without the learners, which take a minute alone, and with fewer bars."""


def run(full: bool) -> list[dict[str, Any]]:
    """Run every race.

    Args:
        full: More rounds, and longer ones.
    """
    return at(LONG if full else NORMAL, RACES)


def short() -> list[dict[str, Any]]:
    """Run what takes seconds, briskly."""
    return at(BRISK, SHORT)


def at(pace: Pace, races: Mapping[str, Callable[[Pace], list[Row]]]) -> list[Row]:
    """Run races at a pace."""
    rows = []
    for name, one in races.items():
        begun = time.monotonic()
        rows += [{"row": name, **row} for row in one(pace)]
        print(f"  {name}: {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)
    return rows
