"""Parts of the scoreboard as claims."""

from __future__ import annotations

import os
from types import ModuleType

from tests.support.dst.parts import Part, Scale

from . import Outcome


def shown(module: ModuleType, *, full: bool) -> Outcome:
    """Measure one part and print what it found."""
    processes = len(os.sched_getaffinity(0))
    part: Part = module.measure(Scale.CI if full else Scale.SHORT, processes)
    for line in (*part.lines, *(f"again: {one}" for one in part.commands)):
        print(line)
    return Outcome(part.summary, part.target, part.holds)
