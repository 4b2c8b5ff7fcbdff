"""Crash matrix: the process dies at every commit and at every call of the venue, and comes right.

Short: each third place of every scene under each of the three dedup policies (together each place
at least once), and real processes that are killed with SIGKILL. Full: every place under every
policy, on SQLite files too, and a second death soon after the first.
"""

from __future__ import annotations

import os

from tests.support.dst.crash_matrix import measure
from tests.support.dst.parts import Scale

from . import Outcome


def run(*, full: bool) -> Outcome:
    """Die everywhere."""
    part = measure(Scale.NIGHTLY if full else Scale.SHORT, min(4, os.cpu_count() or 1))
    print("\n".join(part.lines))
    return Outcome(part.summary, part.target, part.holds)
