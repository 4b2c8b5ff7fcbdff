"""Waiting by a clock that people and networks set."""

from __future__ import annotations


def is_over(since: int, wait: int, now: int) -> bool:
    """Return whether a wait is over; one that begins in the future is.

    The clock was set back then, by who knows how much, and whoever waited on would wait that much
    longer.

    Args:
        since: When it began, Unix milliseconds UTC.
        wait: Milliseconds.
    """
    return not since <= now < since + wait
