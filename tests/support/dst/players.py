"""Who trades in a world: a session of the product, one life at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from mettle.adapters.features.native import NativeFeatures
from mettle.application.journal import RunRecord
from mettle.application.ports.agent import Agent
from mettle.application.ports.clock import Clock
from mettle.application.ports.kill_switch import KillSwitch
from mettle.application.ports.notifier import Notifier
from mettle.application.ports.unit_of_work import Store
from mettle.application.ports.venue import Venue
from mettle.application.reconcile import ReconcilePlan
from mettle.application.session.plan import Gear, SessionPlan
from mettle.application.session.session import TradingSession
from mettle.domain.orders import ExecutionPolicy
from mettle.domain.risk import RiskEngine, RiskProfile
from mettle.domain.signals.catalogue import feature
from mettle.domain.signals.features import FeatureForm, FeatureSet
from mettle.domain.simulation import SimulationSettings
from numpy.typing import NDArray

from .feed import Candles

WARM_UP = 12
"""Bars before the first that is traded."""

_FEATURES = FeatureSet(
    (feature("ema", 5, form=FeatureForm.RAW), feature("close_open", form=FeatureForm.RAW))
)


@dataclass(frozen=True)
class Moody:
    """An agent of no sense that reaches every rule: changes of mind, NaN, values out of range.

    Attributes:
        told: Shown each vector of actions as it was given.
        resting: Whether it holds everything just now.
        calm: Share of bars on which it holds.
    """

    told: Callable[[NDArray[np.float32]], None]
    resting: Callable[[], bool]
    calm: float = 0.6
    bad: float = 0.03

    @property
    def name(self) -> str:
        """Its name."""
        return "moody"

    @property
    def feature_set(self) -> FeatureSet:
        """Two raw features."""
        return _FEATURES

    @property
    def window(self) -> int:
        """Three bars."""
        return 3

    def decide(
        self, features: NDArray[np.float64], portfolio: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Return actions that depend on every input bit and on nothing else."""
        mood = np.sin(features.sum(axis=(0, 2)) * 12.9898) * 43758.5453
        share = mood - np.floor(mood)
        actions = np.where(share < self.calm, 0.0, 2.0 * (share - self.calm) / (1 - self.calm) - 1)
        actions = np.where(share < self.bad, np.nan, actions)
        actions = np.where((share >= self.bad) & (share < 1.5 * self.bad), 7.5, actions)
        given = np.asarray(actions * (not self.resting()), dtype=np.float32)
        self.told(given)
        return given


@dataclass(frozen=True)
class SessionGear:
    """What a life of a session is given.

    Attributes:
        agent: Who decides; :class:`Moody` unless given.
    """

    name: str
    account: str
    candles: Candles
    venue: Venue
    store: Store
    clock: Clock
    kill_switch: KillSwitch
    notifier: Notifier
    profile: RiskProfile
    settings: SimulationSettings
    told: Callable[[NDArray[np.float32]], None]
    resting: Callable[[], bool]
    calm: float = 0.6
    environment: str = "testnet"
    policy: ExecutionPolicy = field(default_factory=ExecutionPolicy)
    agent: Agent | None = None
    reconcile: ReconcilePlan = field(default_factory=ReconcilePlan)


def run_session(gear: SessionGear, should_stop: Callable[[], bool]) -> None:
    """Live one life of a session: found the run if it is new, recover, trade."""
    agent = gear.agent or Moody(gear.told, gear.resting, gear.calm)
    feed = gear.candles.feed(gear.clock)
    with gear.store.writing() as unit:
        if unit.runs.find(gear.account) is None:
            unit.runs.add(_run_record(gear))
            unit.commit()
    plan = SessionPlan(
        gear.account,
        gear.candles.panel.instruments,
        gear.candles.panel.timeframe,
        gear.settings,
        grace_ms=1_000,
        snapshot_every=64,
        account=gear.account,
        environment=gear.environment,
        holder=gear.name,
        policy=gear.policy,
        reconcile=gear.reconcile,
    )
    session = TradingSession(
        plan,
        Gear(
            agent,
            feed,
            gear.venue,
            NativeFeatures(1).stream(gear.candles.panel, agent.feature_set),
            gear.store,
            gear.clock,
            gear.clock,
            RiskEngine(gear.profile),
            gear.kill_switch,
            gear.notifier,
        ),
    )
    session.run(should_stop)


def _run_record(gear: SessionGear) -> RunRecord:
    symbols = tuple(map(str, gear.candles.panel.symbols))
    return RunRecord(
        gear.account,
        "paper",
        "moody",
        gear.candles.panel.timeframe.label,
        symbols,
        gear.venue.name,
        "USDT",
        gear.settings.initial_cash,
        "{}",
        synthetic=True,
        created_at=gear.clock.now_ms(),
    )
