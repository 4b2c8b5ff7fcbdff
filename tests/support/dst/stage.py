"""A stage: a world whose course is written down, so that a process can die at each of its places.

A scene says what the agent wants at which bar, what the venue does wrong and what people do when.
Played once it shows every commit and every call of the session; played again, the session dies at
one of them, is started again, and has to come right.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import partial

import numpy as np
from mettle.adapters.system import PhiloxRandomness
from mettle.adapters.venues.exchange import (
    ExchangeVenue,
    Fault,
    FaultPlan,
    Latency,
    NewOrder,
    Strike,
)
from mettle.application.journal import IntentStatus
from mettle.application.ports.venue import OrderRequest, RepeatedId, VenueOrderStatus
from mettle.application.reconcile import ReconcilePlan
from mettle.domain.errors import MettleError
from mettle.domain.orders import ExecutionPolicy
from mettle.domain.risk import RiskProfile
from mettle.domain.signals.features import FeatureSet
from mettle.domain.simulation import SimulationSettings
from numpy.typing import NDArray

from .markets import START
from .plan import MINUTE, WorldPlan
from .players import WARM_UP, Moody, SessionGear, run_session
from .scheduler import Actor, Crash
from .storage import ProcessStore
from .wire import ProcessVenue
from .world import ACCOUNT, World

SECOND = 1_000
BEGIN = START + WARM_UP * MINUTE
"""When the curtain rises: the open of the first bar that is traded."""
PATIENCE = 9 * MINUTE
"""How long everything may take to come right once the play is over."""
_LATE = 20 * SECOND
"""How long a request is on its way whose sender died meanwhile."""
_KEEPER = 75 * SECOND
"""After which somebody starts a session that was told to stop, and nobody was to start again."""
_ENTRANCE = 50 * SECOND
"""When the session starts: shortly before the first bar closes."""
_NAMES = ("BTC/USDT", "ETH/USDT:USDT")

Act = Callable[["Stage"], None]


@dataclass(frozen=True)
class Scene:
    """What is played.

    Attributes:
        wants: Minute → the agent's actions as that bar closes, one an asset; else it holds.
        acts: What happens besides, by milliseconds from the beginning.
        strikes, rates: What the venue does wrong, at times from the beginning and by chance.
        timeout: After how long a request without an answer is given up, milliseconds.
        length: When the play is over, milliseconds from the beginning.
        ends_flat: Whether nothing may be held at the very end, dust aside.
        commands: Whether an operator gives any: his process may die as well.
        seed: Of what is left to chance.
    """

    name: str
    wants: Mapping[int, tuple[float, ...]]
    acts: tuple[tuple[int, Act], ...] = ()
    strikes: tuple[Strike, ...] = ()
    length: int = 2 * MINUTE
    names: tuple[str, ...] = _NAMES
    policy: ExecutionPolicy = field(default_factory=lambda: ExecutionPolicy(maker_wait=12_000))
    profile: RiskProfile = field(default_factory=lambda: RiskProfile("open", leverage=None))
    swing: float = 0.0005
    fee_mode: str = "quote"
    funding_minutes: int = 480
    reconcile: ReconcilePlan = field(default_factory=ReconcilePlan)
    ends_flat: bool = False
    commands: bool = False
    rates: Mapping[Fault, float] = field(default_factory=dict)
    timeout: int = 10 * SECOND
    seed: int = 1


@dataclass(frozen=True)
class Scripted:
    """An agent that knows its lines; what the world's clock shows says which is next."""

    scene: Scene
    bar: Callable[[], int]
    told: Callable[[NDArray[np.float32]], None]

    @property
    def name(self) -> str:
        """Its name."""
        return "scripted"

    @property
    def feature_set(self) -> FeatureSet:
        """Those of the moody one; it looks at none of them."""
        return Moody(self.told, bool).feature_set

    @property
    def window(self) -> int:
        """Three bars."""
        return 3

    def decide(
        self, features: NDArray[np.float64], portfolio: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Say the line of this bar."""
        line = self.scene.wants.get(self.bar(), (0.0,) * len(self.scene.names))
        given = np.asarray(line, dtype=np.float32)
        self.told(given)
        return given


def plan_of(scene: Scene, policy: RepeatedId) -> WorldPlan:
    """Return the world of a scene at a venue that repeats ids in a given way."""
    return WorldPlan(
        scene.seed,
        names=scene.names,
        bars=WARM_UP + 40,
        policy=policy,
        lookup_by_id=policy is not RepeatedId.RETURNS_ORIGINAL,
        stamped=policy is RepeatedId.UNIQUE_AMONG_OPEN,
        fee_mode=scene.fee_mode,
        trouble=0.0,
        funding_minutes=scene.funding_minutes,
        freezes=False,
        operator=False,
        swing=scene.swing,
        profile=scene.profile,
        settings=SimulationSettings(
            initial_cash=100_000 * 10**8,
            leverage=2,
            allow_short=True,
            gross_limit=10_000,
            ruin_level=0,
        ),
    )


class StageVenue(ProcessVenue):
    """Lets a process die while its request is on the way as well: it arrives all the same, late."""

    def __init__(self, stage: Stage, actor: Actor, store: ProcessStore) -> None:
        inner = stage.connection(actor)
        super().__init__(inner, stage.wire, stage.hooks, actor, store)
        self._stage, self._actor_here = stage, actor

    def _create(self, request: OrderRequest) -> object:  # type: ignore[override]  # passed on
        try:
            self._stage.hooks.point(self._actor_here, "inside create")
        except Crash:
            self._stage.wire.oracle.sends(self._actor_here.name, request)
            self._stage.arrive_late(request)
            raise
        return super()._create(request)


class Stage(World):
    """A scene in its world.

    Attributes:
        late: When the last request arrives whose sender died.
    """

    def __init__(self, scene: Scene, policy: RepeatedId, *, memory: bool = True) -> None:
        self.scene = scene
        super().__init__(plan_of(scene, policy), memory=memory)
        self.late = 0
        self.pauses = (1_000,)

    def faults_of(self, plan: WorldPlan) -> FaultPlan:
        """Return the scene's faults."""
        strikes = (
            replace(one, at=BEGIN + one.at, until=one.until and BEGIN + one.until)
            for one in self.scene.strikes
        )
        return FaultPlan(self.scene.rates, tuple(strikes))

    def bar(self) -> int:
        """Return the number of the bar that has closed last."""
        return (self.scheduler.now - BEGIN) // self.panel.timeframe.milliseconds - 1

    def _session(self, name: str) -> None:
        actor, clock = self.processes[name], self.clocks[name]
        store = ProcessStore(self.disk, self.hooks, actor)
        told = self.oracle.data.told
        gear = SessionGear(
            name,
            ACCOUNT,
            self.candles,
            StageVenue(self, actor, store),
            store,
            clock,
            self.kill_switch,
            self.notifier,
            self.plan.profile,
            self.plan.settings,
            told,
            lambda: self.resting,
            policy=self.scene.policy,
            agent=Scripted(self.scene, self.bar, told),
            reconcile=self.scene.reconcile,
        )
        run_session(gear, lambda: self.stopping)

    def connection(self, actor: Actor) -> ExchangeVenue:
        """Return a fresh connection of a process."""
        self._connections += 1
        return ExchangeVenue(
            self.exchange,
            ACCOUNT,
            self.clocks[actor.name],
            PhiloxRandomness(self.plan.seed),
            connection=self._connections,
            latency=Latency(timeout=self.scene.timeout),
        )

    def arrive_late(self, request: OrderRequest) -> None:
        """Let a request arrive after its sender's death."""
        self.late = max(self.late, self.scheduler.now + _LATE)
        new = NewOrder.of(request.client_order_id, request.terms)
        place = self.exchange.reception.place
        self.scheduler.at(
            self.scheduler.now + _LATE, "late arrival", lambda: self._arrive(place, new)
        )

    def start(self, name: str = "session") -> None:
        """Start a process again that has ended."""
        self.scheduler.start_actor(self.processes[name])

    def play(self) -> None:
        """Play the scene to its end, and on until everything has come right or time is up."""
        gc.disable()
        try:
            self._play()
        finally:
            gc.enable()
        self._judge()

    def _play(self) -> None:
        self.scheduler.start_actor(self.processes["session"], BEGIN + _ENTRANCE)
        for after, act in self.scene.acts:
            self.scheduler.at(BEGIN + after, "act", partial(act, self))
        self.scheduler.run(until=BEGIN + self.scene.length)
        self.exchange.mischief.calm()
        self._settle()

    def _settle(self) -> None:
        end = max(self.scheduler.now, self.late) + PATIENCE
        self.scheduler.run(until=self.late)
        while self.scheduler.now < end and not self.oracle.violations:
            if self.scheduler.now >= self.late and self.is_right():
                return
            if self.scheduler.now > BEGIN + self.scene.length + _KEEPER:
                self.start()
            # Time passes also where nobody has anything to do.
            self.scheduler.at(self.scheduler.now + 5 * SECOND, "settle", _nothing)
            self.scheduler.run(until=self.scheduler.now + 5 * SECOND)

    def is_right(self) -> bool:
        """Return whether nothing is under way and our books are the venue's."""
        view = self.oracle.view
        working = any(one.status is not IntentStatus.DONE for one in view.intents.values())
        if view.possibly_live or working or not self.processes["session"].alive:
            return False
        if any(self._is_open(one.client_order_id) for one in self.truth.placed()):
            return False
        if self.scene.ends_flat and self._holds():
            return False
        return not self.oracle.end.differences() and self._cash_agrees()

    def _holds(self) -> bool:
        """Return whether more is held than the venue's least order."""
        balances, positions = self.truth.balances(), self.truth.positions()
        for one in self.truth.instruments:
            held = balances.get(one.symbol.base, Decimal(0)) / one.lot_size
            lots = Decimal(positions.get(one.symbol, 0)) if one.symbol.is_perpetual else held
            price = self.exchange.quote(one.symbol).bid * one.tick_size * one.lot_size
            if abs(lots) * price >= one.min_notional:
                return True
        return False

    def _cash_agrees(self) -> bool:
        """Return whether the quote currency is the venue's to the last unit, deposits included."""
        ours = self.oracle.view.balances.get(("wallet", "USDT"), Decimal(0))
        return ours == self.truth.balances()["USDT"]

    def _is_open(self, client_order_id: str) -> bool:
        return any(
            one.status is VenueOrderStatus.OPEN for one in self.truth.orders(client_order_id)
        )

    def _judge(self) -> None:
        self.oracle.end.database(self.store)
        self.oracle.end.settled(self.scheduler.now)
        self.oracle.end.converged()
        self.oracle.found.need(self.is_right(), "crash", "it never came right")
        try:
            self.exchange.audit()
        except MettleError as error:
            self.oracle.found.broken("exchange", str(error))


def _nothing() -> None:
    """Do nothing."""
