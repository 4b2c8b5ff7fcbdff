"""The same seeds under four habits found in the wild: what they double and lose, beside ours.

The figures are a part of the scoreboard; this is that part alone.
"""

from __future__ import annotations

from tests.support.dst import baselines

from . import Outcome
from ._scoreboard import shown


def run(full: bool) -> Outcome:
    """Measure the short form, or the one of every push."""
    return shown(baselines, full=full)
