"""Soak: thirty days of a session on five-minute bars, and nothing grows that should not.

Four symbols, faults of all kinds, deaths and restarts, a SQLite file; the figures are a part of the
scoreboard. Short: three days, with the same checks. Full: all thirty.
"""

from __future__ import annotations

from tests.support.dst import soak

from . import Outcome
from ._scoreboard import shown


def run(*, full: bool) -> Outcome:
    """Live three days, or thirty."""
    return shown(soak, full=full)
