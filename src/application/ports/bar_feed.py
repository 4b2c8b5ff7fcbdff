"""Bars as they close, as a port."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from ..market.row import BarRow


class BarFeed(Protocol):
    """Delivers each instant's bars once, after it has closed, in order of time.

    Not thread-safe. Adapters: replay of recorded bars.
    """

    def history(self) -> Iterator[BarRow]:
        """Yield the bars before the first that is traded, oldest first: the indicators' warm-up.

        The same bars at every call, so that a resumed run sees what the first one saw.
        """

    def rows(self, after: int | None) -> Iterator[BarRow]:
        """Yield bars as they close, waiting on the clock for each, until there are no more.

        Args:
            after: Open of the last bar already seen; None begins with the first.
        """
