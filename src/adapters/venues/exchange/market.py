"""The world of a session on the simulated exchange: candles, a simulated clock, a book."""

from __future__ import annotations

from decimal import Decimal

from ....application.market import MarketPanel
from ....application.ports.paper_market import PaperWorld
from ....application.ports.randomness import Randomness
from ....domain.market import CASH_SCALE
from ....domain.simulation import SimulationSettings
from ...market_data.replay import ReplayFeed
from ...system import SimulatedClock
from ..dry_run import DryRunVenue
from .exchange import SimulatedExchange
from .path import BarPath
from .rules import ExchangeRules
from .venue import ExchangeVenue

_ACCOUNT = "main"


class DryRunMarket:
    """Makes worlds in which a session sees a venue with a book and sends nothing to it.

    Implements ``PaperMarket``. The exchange has no faults here; its account keeps the starting
    cash, so a run that goes on later finds it as it was.

    Args:
        randomness: Draws the ticks inside the bars, and how long messages take.
    """

    def __init__(self, randomness: Randomness) -> None:
        self._randomness = randomness

    def open(
        self, panel: MarketPanel, settings: SimulationSettings, start: int, grace_ms: int
    ) -> PaperWorld:
        """Return a fresh world whose first traded bar is panel row ``start``."""
        clock = SimulatedClock(int(panel.open_time[start]))
        paths = {
            one.symbol: BarPath(panel, one.symbol, self._randomness) for one in panel.instruments
        }
        rules = ExchangeRules(
            leverage=max(1, settings.leverage),
            maintenance_ppm=settings.maintenance_margin,
            tells_terms=True,
        )
        exchange = SimulatedExchange(panel.instruments, paths, clock, self._randomness, rules)
        quote = panel.instruments[0].symbol.quote
        exchange.open_account(_ACCOUNT, {quote: Decimal(settings.initial_cash) / CASH_SCALE})
        venue = ExchangeVenue(exchange, _ACCOUNT, clock, self._randomness)
        feed = ReplayFeed(
            panel, clock, start=start, grace_ms=grace_ms, maker_wait=settings.maker_wait
        )
        return PaperWorld(feed, DryRunVenue(venue), clock)
