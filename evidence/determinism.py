"""One seed, one course: the same worlds twice under other hash seeds, traces compared.

The figures are a part of the scoreboard; this is that part alone.
"""

from __future__ import annotations

from tests.support.dst import determinism

from . import Outcome
from ._scoreboard import shown


def run(full: bool) -> Outcome:
    """Measure the short form, or the one of every push."""
    return shown(determinism, full=full)
