"""What fixes a session's course, and what it works with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from ...domain.market import Instrument, Timeframe
from ...domain.orders import ExecutionPolicy
from ...domain.risk import RiskEngine
from ...domain.simulation import Account, SimulationSettings
from ..execution.gear import BookKeeper, DeskGear, DeskPlan, Ruling
from ..journal import LeaseRecord
from ..market.row import BarRow
from ..ports.agent import Agent
from ..ports.bar_feed import BarFeed
from ..ports.clock import Clock
from ..ports.feature_builder import FeatureStream
from ..ports.kill_switch import KillSwitch
from ..ports.notifier import Notifier
from ..ports.unit_of_work import Store
from ..ports.venue import Venue
from ..reconcile import ReconcilePlan

Reinstate = Callable[[Account, BarRow, int], None]
"""Gives a simulated venue the account back: account, last bar, trades of that bar."""


@dataclass(frozen=True, slots=True)
class SessionPlan:
    """What fixes the course of a session.

    Attributes:
        account: Whose orders, fills and ledger these are; empty is the run's own.
        environment: ``paper``, ``testnet`` or ``live``.
        grace_ms: How long after its close a bar may take to be final.
        commit_every: Bars a transaction; more than 1 only for recorded bars, where a crash loses
            nothing that the next run does not find again.
        snapshot_every: Bars between snapshots of the indicators.
        holder: Names the process in the lease; empty takes no lease.
    """

    run_id: str
    instruments: tuple[Instrument, ...]
    timeframe: Timeframe
    settings: SimulationSettings
    grace_ms: int = 3_000
    commit_every: int = 1
    snapshot_every: int = 512
    account: str = ""
    environment: str = "paper"
    holder: str = ""
    policy: ExecutionPolicy = field(default_factory=ExecutionPolicy)
    reconcile: ReconcilePlan = field(default_factory=ReconcilePlan)

    @property
    def symbols(self) -> tuple[str, ...]:
        """The assets' names, in column order."""
        return tuple(str(one.symbol) for one in self.instruments)

    def for_desk(self) -> DeskPlan:
        """Return what fixes the order desk's course."""
        instruments = {one.symbol: one for one in self.instruments}
        policy = self.policy.within(self.timeframe.milliseconds)
        return DeskPlan(self.owner, self.run_id, instruments, policy, self.environment)

    @property
    def owner(self) -> str:
        """The account."""
        return self.account or self.run_id


@dataclass(frozen=True, slots=True)
class Gear:
    """What a session works with.

    Attributes:
        clock: The session's time; simulated where the bars are recorded.
        wall: The real world's time, which leases and commands go by.
        reinstate: How to give a simulated venue its account back after a restart.
    """

    agent: Agent
    feed: BarFeed
    venue: Venue
    stream: FeatureStream
    store: Store
    clock: Clock
    wall: Clock
    engine: RiskEngine
    kill_switch: KillSwitch
    notifier: Notifier
    reinstate: Reinstate | None = None

    def for_desk(
        self, books: BookKeeper, ruling: Ruling, lease: Callable[[], LeaseRecord | None]
    ) -> DeskGear:
        """Return what the order desk works with."""
        return DeskGear(
            self.venue,
            self.store,
            self.clock,
            self.kill_switch,
            self.notifier,
            books,
            ruling,
            lease,
        )
