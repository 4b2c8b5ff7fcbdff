"""A world of recorded bars to trade in, as a port."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from ...domain.simulation import Account, SimulationSettings
from ..market import MarketPanel
from ..market.row import BarRow
from .bar_feed import BarFeed
from .clock import Clock
from .venue import Venue


@dataclass(frozen=True, slots=True)
class PaperWorld:
    """A feed and a venue that live on the same bars and the same clock.

    Attributes:
        reinstate: Gives the venue back an account that was traded there before: account, last bar,
            trades of that bar; None where the venue keeps its account itself.
    """

    feed: BarFeed
    venue: Venue
    clock: Clock
    reinstate: Callable[[Account, BarRow, int], None] | None = None


class PaperMarket(Protocol):
    """Makes such worlds. Adapters, on a simulated clock: bars alone, an exchange for dry runs."""

    def open(
        self, panel: MarketPanel, settings: SimulationSettings, start: int, grace_ms: int
    ) -> PaperWorld:
        """Return a fresh world whose first traded bar is panel row ``start``."""
