"""Small markets, agents and sessions for the tests of the trading session."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
from mettle.adapters.features.native import NativeFeatures
from mettle.adapters.market_data.replay import ReplayFeed
from mettle.adapters.notification import MemoryNotifier
from mettle.adapters.persistence.memory import MemoryStore
from mettle.adapters.system import SequentialIds, SimulatedClock
from mettle.adapters.system.kill_switch import MemoryKillSwitch
from mettle.adapters.venues.simulated import ReplayMarket, SimulatedVenue
from mettle.application.journal import RunRecord
from mettle.application.market import MarketPanel
from mettle.application.ports.agent import Agent
from mettle.application.ports.unit_of_work import Store
from mettle.application.session.paper import PaperDesk
from mettle.application.session.plan import Gear, SessionPlan
from mettle.application.session.session import TradingSession
from mettle.domain.market import FeeSchedule, Instrument, Symbol, Timeframe
from mettle.domain.risk import RiskEngine, RiskProfile
from mettle.domain.signals.catalogue import feature
from mettle.domain.signals.features import FeatureForm, FeatureSet
from mettle.domain.simulation import SimulationSettings
from numpy.typing import NDArray

HOUR = Timeframe.parse("1h")
RUN = "run-1"
UNLIMITED = RiskEngine(RiskProfile("none", leverage=None))
"""Paper reproduces a backtest, which has no limits."""


def instrument(name: str = "BTC/USDT", *, min_notional: str = "5") -> Instrument:
    """Return an instrument with a cent's tick."""
    fees = FeeSchedule.flat(200, 700)
    return Instrument(
        Symbol.parse(name), Decimal("0.01"), Decimal("0.0001"), fees, Decimal(min_notional)
    )


def panel(
    bars: int,
    names: tuple[str, ...] = ("BTC/USDT", "ETH/USDT"),
    *,
    seed: int = 7,
    gaps: float = 0.0,
    swing: float = 0.02,
) -> MarketPanel:
    """Return a wild random market; ``gaps`` is the share of missing bars."""
    rng = np.random.default_rng(seed)
    shape = (bars, len(names))
    closes = 10_000.0 * np.exp(np.cumsum(rng.normal(0, swing, shape), axis=0))
    opens = np.vstack([np.full((1, len(names)), 10_000.0), closes[:-1]])
    opens = opens * np.exp(rng.normal(0, swing / 4, shape))
    highs = np.maximum(opens, closes) * np.exp(np.abs(rng.normal(0, swing / 2, shape)))
    lows = np.minimum(opens, closes) * np.exp(-np.abs(rng.normal(0, swing / 2, shape)))
    prices = {
        "open": np.maximum(1, opens.round()).astype(np.int64),
        "close": np.maximum(1, closes.round()).astype(np.int64),
    }
    prices["high"] = np.maximum.reduce([highs.round().astype(np.int64), *prices.values()])
    prices["low"] = np.minimum.reduce([lows.round().astype(np.int64), prices["open"]])
    prices["low"] = np.maximum(1, np.minimum(prices["low"], prices["close"]))
    volume = rng.integers(0, 50_000, shape, dtype=np.int64)
    state = np.ones(shape, dtype=np.uint8)
    missing = rng.random(shape) < gaps
    missing[:50] = False
    for bar, column in zip(*np.nonzero(missing), strict=True):
        for values in prices.values():
            values[bar, column] = prices["close"][bar - 1, column]
        volume[bar, column] = 0
        state[bar, column] = 0
    perpetual = np.array([":" in name for name in names])
    due = (np.arange(bars) % 8 == 0)[:, None] & perpetual & ~missing
    within = (np.arange(bars) % 8 == 4)[:, None] & perpetual & ~missing
    rates = rng.integers(-80_000, 120_000, shape, dtype=np.int64)
    return MarketPanel(
        HOUR,
        tuple(instrument(name) for name in names),
        1_600_000_000_000 // 3_600_000 * 3_600_000 + 3_600_000 * np.arange(bars, dtype=np.int64),
        volume=volume,
        state=state,
        funding_open=np.where(due, rates, 0),
        funding_inside=np.where(within, rates, 0),
        synthetic=True,
        **prices,
    )


@dataclass(frozen=True)
class Moody:
    """An agent of no sense that reaches every rule: extremes, NaN and values out of range."""

    window: int = 3

    @property
    def name(self) -> str:
        """Its name."""
        return "moody"

    @property
    def feature_set(self) -> FeatureSet:
        """Two raw features."""
        return FeatureSet(
            (feature("ema", 5, form=FeatureForm.RAW), feature("close_open", form=FeatureForm.RAW))
        )

    def decide(
        self, features: NDArray[np.float64], portfolio: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Return actions that depend on every input bit."""
        mood = np.sin(features.sum(axis=(0, 2)) * 12.9898 + float(portfolio.sum()) * 78.233)
        mood = (mood * 43758.5453) % 2.4 - 1.2
        mood[np.abs(mood) < 0.03] = np.nan
        return np.asarray(mood, dtype=np.float32)


def start_of(market: MarketPanel, agent: Agent) -> int:
    """Return the first bar that an agent may decide at."""
    return NativeFeatures(1).warmup(agent.feature_set) + agent.window + 5


def session(
    market: MarketPanel,
    agent: Agent,
    settings: SimulationSettings,
    store: Store,
    *,
    start: int,
    commit_every: int = 1,
    on_close: Callable[[int], None] = lambda _: None,
) -> TradingSession:
    """Return a session over a panel, with the run written down if it is new."""
    clock = SimulatedClock(int(market.open_time[0]))
    venue = SimulatedVenue(market.instruments, settings)

    def closed(row: object) -> None:
        venue.advance(row)  # type: ignore[arg-type]  # rows of the feed
        on_close(row.open_time)  # type: ignore[attr-defined]  # the same

    feed = ReplayFeed(market, clock, start=start, on_close=closed, maker_wait=settings.maker_wait)
    stream = NativeFeatures(1).stream(market, agent.feature_set)
    plan = SessionPlan(
        RUN, market.instruments, HOUR, settings, commit_every=commit_every, snapshot_every=50
    )
    with store.writing() as unit:
        if unit.runs.find(RUN) is None:
            unit.runs.add(record(market, agent, settings))
            unit.commit()
    gear = Gear(
        agent,
        feed,
        venue,
        stream,
        store,
        clock,
        clock,
        UNLIMITED,
        MemoryKillSwitch(),
        MemoryNotifier(),
        venue.restore,
    )
    return TradingSession(plan, gear)


def paper_desk(
    store: Store | None = None, kill_switch: MemoryKillSwitch | None = None
) -> PaperDesk:
    """Return what a paper run needs, in memory."""
    return PaperDesk(
        NativeFeatures(1),
        ReplayMarket(),
        store or MemoryStore(),
        SimulatedClock(1_700_000_000_000),
        SequentialIds(),
        UNLIMITED,
        kill_switch or MemoryKillSwitch(),
        MemoryNotifier(),
        "test",
    )


def record(market: MarketPanel, agent: Agent, settings: SimulationSettings) -> RunRecord:
    """Return the record of the run."""
    symbols = tuple(map(str, market.symbols))
    return RunRecord(
        RUN, "paper", agent.name, "1h", symbols, "simulated", "USDT", settings.initial_cash,
        "{}", synthetic=True, created_at=1,
    )  # fmt: skip
