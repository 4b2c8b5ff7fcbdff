"""Runs over a simulated exchange with a book, from begin to end, on a simulated clock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from decimal import Decimal

import numpy as np
from mettle.adapters.features.native import NativeFeatures
from mettle.adapters.market_data.replay import ReplayFeed
from mettle.adapters.notification import MemoryNotifier
from mettle.adapters.persistence.memory import MemoryStore
from mettle.adapters.system import PhiloxRandomness, SequentialIds, SimulatedClock
from mettle.adapters.system.kill_switch import MemoryKillSwitch
from mettle.adapters.venues.exchange import (
    BarPath,
    ExchangeRules,
    ExchangeVenue,
    SimulatedExchange,
)
from mettle.application.backtest import BacktestRequest, Provenance
from mettle.application.market import MarketPanel
from mettle.application.ports.agent import Agent
from mettle.application.ports.paper_market import PaperWorld
from mettle.application.ports.unit_of_work import Store
from mettle.application.ports.venue import Venue
from mettle.application.session.paper import PaperDesk, PaperOutcome, PaperRequest, start_paper
from mettle.domain.market import CASH_SCALE, Timeframe
from mettle.domain.risk import RiskEngine
from mettle.domain.simulation import SimulationSettings
from tests.support.sessions import RUN, UNLIMITED, Moody, panel

MINUTE = Timeframe.parse("1m")


def minutes(bars: int, *, swing: float = 0.002) -> MarketPanel:
    """Return a market of minutes."""
    found = panel(bars, ("BTC/USDT",), swing=swing)
    times = int(found.open_time[0]) + MINUTE.milliseconds * np.arange(bars, dtype=np.int64)
    return replace(found, timeframe=MINUTE, open_time=times)


@dataclass
class ExchangeRun:
    """One account on one exchange, and a session that may be ended and begun again.

    Attributes:
        wrap: What stands between the session and its connection.
    """

    market: MarketPanel
    rules: ExchangeRules = field(default_factory=ExchangeRules)
    engine: RiskEngine = UNLIMITED
    agent: Agent = field(default_factory=Moody)
    settings: SimulationSettings = field(default_factory=SimulationSettings)
    store: Store = field(default_factory=MemoryStore)
    kill_switch: MemoryKillSwitch = field(default_factory=MemoryKillSwitch)
    wrap: Callable[[ExchangeVenue], Venue] = lambda venue: venue
    exchange: SimulatedExchange = field(init=False)
    clock: SimulatedClock = field(default_factory=SimulatedClock)
    connections: int = 0

    def open(
        self, market: MarketPanel, settings: SimulationSettings, start: int, grace_ms: int
    ) -> PaperWorld:
        """Return the world of a session; the exchange outlives it."""
        luck = PhiloxRandomness(1)
        if not self.connections:
            self.clock.sleep_until(int(market.open_time[start]))
            paths = {one.symbol: BarPath(market, one.symbol, luck) for one in market.instruments}
            self.exchange = SimulatedExchange(
                market.instruments, paths, self.clock, luck, self.rules
            )
            cash = Decimal(settings.initial_cash) / CASH_SCALE
            self.exchange.open_account("main", {"USDT": cash})
        feed = ReplayFeed(market, self.clock, start=start, grace_ms=grace_ms)
        self.connections += 1
        venue = ExchangeVenue(self.exchange, "main", self.clock, luck, connection=self.connections)
        return PaperWorld(feed, self.wrap(venue), self.clock)

    def play(self, should_stop: Callable[[], bool] = lambda: False) -> PaperOutcome:
        """Run the session until its bars end, or it is told to stop."""
        trial = BacktestRequest(
            panel=self.market,
            agent=self.agent,
            settings=self.settings,
            provenance=Provenance("x"),
        )
        desk = PaperDesk(
            NativeFeatures(1), self, self.store, self.clock, SequentialIds(),
            self.engine, self.kill_switch, MemoryNotifier(), "here",
        )  # fmt: skip
        return start_paper(PaperRequest(trial, RUN), desk, should_stop)
