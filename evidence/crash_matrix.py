"""Crash matrix: the process dies at every commit and at every call of the venue, and comes right.

Short: each third place of every scene under each of the three dedup policies (together each place
at least once), and real processes that are killed with SIGKILL. Full: every place under every
policy. The figures are a part of the scoreboard; this is that part alone.
"""

from __future__ import annotations

from tests.support.dst import crash_matrix

from . import Outcome
from ._scoreboard import shown


def run(*, full: bool) -> Outcome:
    """Die everywhere."""
    return shown(crash_matrix, full=full)
