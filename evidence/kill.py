"""Kill: nothing is sent after it, and what rests ends, though everything around it is broken.

Sessions are killed at moments of all kinds, with the database read-only and the notifier hanging,
while three cancellations in ten fail; and a real process is killed that SIGSTOP holds. The figures
are a part of the scoreboard; this is that part alone.
"""

from __future__ import annotations

from tests.support.dst import kill

from . import Outcome
from ._scoreboard import shown


def run(*, full: bool) -> Outcome:
    """Measure the short form, or the one of every push."""
    return shown(kill, full=full)
