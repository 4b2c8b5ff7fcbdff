"""Bars as they close, as a port."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from ..market.row import BarRow


class BarFeed(Protocol):
    """Delivers each instant's bars once, after it has closed, in order of time.

    Never waits: it says when it may have something. Not thread-safe. Adapters: replay of recorded
    bars.
    """

    def history(self) -> Iterator[BarRow]:
        """Yield the bars before the first that is traded, oldest first: the indicators' warm-up.

        The same bars at every call, so that a resumed run sees what the first one saw.
        """

    def seek(self, after: int | None) -> None:
        """Go on with the bar after the one that opened at ``after``; None begins with the first.

        Raises:
            DataError: If there is no such bar.
        """

    def next_due(self) -> int | None:
        """Return when the next bar may be had, Unix milliseconds UTC; None if none follows."""

    def take(self) -> BarRow | None:
        """Return the next bar if it is final by now."""
