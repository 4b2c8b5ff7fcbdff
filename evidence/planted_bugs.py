"""Bugs planted into the order path one at a time: what sees each, after how many events.

The figures are a part of the scoreboard; this is that part alone.
"""

from __future__ import annotations

from tests.support.dst import planted_bugs

from . import Outcome
from ._scoreboard import shown


def run(full: bool) -> Outcome:
    """Measure the short form, or the one of every push."""
    return shown(planted_bugs, full=full)
