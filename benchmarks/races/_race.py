"""How a race is run and told: everyone in turns, so that what drifts in the machine hits all."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ._worker import Absent, Reading


@dataclass(frozen=True)
class Pace:
    """How long a race takes.

    Attributes:
        rounds: Measurements of each side.
        seconds: Of one measurement, about.
    """

    rounds: int
    seconds: float


BRISK = Pace(5, 0.1)
NORMAL = Pace(5, 0.4)
LONG = Pace(9, 1.0)


def race(
    sides: Mapping[str, Callable[[], Reading]], rounds: int
) -> tuple[dict[str, list[Reading]], dict[str, str]]:
    """Measure every side ``rounds`` times, in turns, every other round backwards.

    Returns:
        The rates of those that could be measured, and why the others could not.
    """
    rates: dict[str, list[Reading]] = {name: [] for name in sides}
    absent: dict[str, str] = {}
    for turn in range(rounds):
        for name in list(sides) if turn % 2 == 0 else reversed(list(sides)):
            if name in absent:
                continue
            try:
                rates[name].append(sides[name]())
            except Absent as reason:
                absent[name] = str(reason)
                print(f"  {name}: not measured: {reason}", file=sys.stderr, flush=True)
    return {name: found for name, found in rates.items() if name not in absent}, absent


def rate(call: Callable[[], object], seconds: float, work: float = 1.0) -> Callable[[], Reading]:
    """Return a call that measures work a second of as many calls as fit, at least one."""
    warm = False

    def measure() -> Reading:
        nonlocal warm
        if not warm:
            call()
            warm = True
        done, processor, begun = 0, time.process_time(), time.perf_counter()
        while True:
            call()
            done += 1
            if (elapsed := time.perf_counter() - begun) >= seconds:
                spent = max(time.process_time() - processor, 1e-9)
                return Reading(done * work / elapsed, done * work / spent)

    return measure
