"""The world of a paper session: recorded bars, a simulated clock, the simulated venue."""

from __future__ import annotations

from ....application.market import MarketPanel
from ....application.ports.paper_market import PaperWorld
from ....domain.simulation import SimulationSettings
from ...market_data.replay import ReplayFeed
from ...system import SimulatedClock
from .venue import SimulatedVenue


class ReplayMarket:
    """Makes worlds in which time runs as fast as it is asked to; implements ``PaperMarket``."""

    def open(
        self, panel: MarketPanel, settings: SimulationSettings, start: int, grace_ms: int
    ) -> PaperWorld:
        """Return a fresh world whose first traded bar is panel row ``start``."""
        clock = SimulatedClock(int(panel.open_time[start]))
        venue = SimulatedVenue(panel.instruments, settings)
        feed = ReplayFeed(
            panel,
            clock,
            start=start,
            grace_ms=grace_ms,
            on_close=venue.advance,
            maker_wait=settings.maker_wait,
        )
        return PaperWorld(feed, venue, clock, venue.restore)
