"""Bars shorter than a maker's patience: what the maker left is still taken in time."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import numpy as np
from mettle.adapters.features.native import NativeFeatures
from mettle.adapters.market_data.replay import ReplayFeed
from mettle.adapters.notification import MemoryNotifier
from mettle.adapters.persistence.memory import MemoryStore
from mettle.adapters.system import PhiloxRandomness, SequentialIds, SimulatedClock
from mettle.adapters.system.kill_switch import MemoryKillSwitch
from mettle.adapters.venues.exchange import BarPath, ExchangeVenue, SimulatedExchange
from mettle.application.backtest import BacktestRequest, Provenance
from mettle.application.market import MarketPanel
from mettle.application.ports.paper_market import PaperWorld
from mettle.application.session.paper import PaperDesk, PaperRequest, start_paper
from mettle.domain.market import CASH_SCALE, Timeframe
from mettle.domain.orders import Filled, Leg
from mettle.domain.simulation import SimulationSettings
from tests.support.sessions import RUN, UNLIMITED, Moody, panel

MINUTE = Timeframe.parse("1m")


def minutes(bars: int) -> MarketPanel:
    """Return a market of minutes."""
    found = panel(bars, ("BTC/USDT",), swing=0.002)
    times = int(found.open_time[0]) + MINUTE.milliseconds * np.arange(bars, dtype=np.int64)
    return replace(found, timeframe=MINUTE, open_time=times)


class Exchanges:
    """Opens worlds in which orders are sent to an exchange with a book."""

    def open(
        self, market: MarketPanel, settings: SimulationSettings, start: int, grace_ms: int
    ) -> PaperWorld:
        """Return a fresh world."""
        clock, luck = SimulatedClock(int(market.open_time[start])), PhiloxRandomness(1)
        paths = {one.symbol: BarPath(market, one.symbol, luck) for one in market.instruments}
        exchange = SimulatedExchange(market.instruments, paths, clock, luck)
        exchange.open_account("main", {"USDT": Decimal(settings.initial_cash) / CASH_SCALE})
        feed = ReplayFeed(market, clock, start=start, grace_ms=grace_ms)
        return PaperWorld(feed, ExchangeVenue(exchange, "main", clock, luck), clock)


def test_the_taker_leg_is_reached() -> None:
    """With a wait of 120 s a minute's signal would be too old before anything could be taken."""
    trial = BacktestRequest(
        panel=minutes(90),
        agent=Moody(),
        settings=SimulationSettings(maker_wait=120),
        provenance=Provenance("x"),
    )
    store = MemoryStore()
    desk = PaperDesk(
        NativeFeatures(1), Exchanges(), store, SimulatedClock(), SequentialIds(), UNLIMITED,
        MemoryKillSwitch(), MemoryNotifier(),
    )  # fmt: skip
    start_paper(PaperRequest(trial, RUN), desk)
    with store.reading() as unit:
        orders = list(unit.orders.since(RUN, 0))
        outcomes = [one.outcome for one in unit.intents.latest(RUN, 1_000)]
    takers = [one for one in orders if one.leg is Leg.TAKER]
    assert any(isinstance(one.state, Filled) for one in takers)
    too_old = outcomes.count("the signal is too old for another attempt")
    assert len(takers) > 10 * too_old
    for one in orders:
        assert one.terms is not None
        if one.leg is Leg.MAKER and one.terms.expires_at is not None:
            assert one.terms.expires_at - one.intent.decided_at < MINUTE.milliseconds
