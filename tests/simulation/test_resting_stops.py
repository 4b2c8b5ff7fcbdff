"""Protective stops that rest at the exchange: whole sessions, one simulated clock, no faults."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
from mettle.adapters.system import SequentialIds
from mettle.adapters.venues.exchange import ExchangeRules, FaultPlan
from mettle.adapters.venues.exchange.records import Order
from mettle.application.control import ControlGear, KillGear, KillOrder, kill, rearm
from mettle.application.control.cancelling import OrderCanceller, Reach
from mettle.application.journal import IntentStatus, OrderRecord
from mettle.application.ports.venue import VenueOrderStatus
from mettle.domain.orders import Canceled, ExecutionPolicy, Filled, Leg, Open, PlanKind, Purpose
from mettle.domain.risk import RiskProfile
from mettle.domain.signals.features import FeatureSet
from numpy.typing import NDArray
from tests.support.dst.kinds import KINDS
from tests.support.dst.plan import plan_for
from tests.support.dst.players import Moody
from tests.support.dst.world import World
from tests.support.incident_verdict import violations
from tests.support.incidents import (
    ACCOUNT,
    BEGIN,
    MARGIN,
    MINUTE,
    PERPETUAL,
    SECOND,
    SPOT,
    Incident,
)

WIDE = RiskProfile("wide", leverage=None, stop_loss=300_000)
NEAR = RiskProfile("near", leverage=None, stop_loss=1_000)
TRAILING = RiskProfile("trailing", leverage=None, trailing_stop=100_000)
ATR = RiskProfile("atr", leverage=None, atr_stop_low=9_000_000, atr_stop_high=9_000_000)
FALLING = 8
"""A seed whose market falls soon after the position is taken."""
STEADY = replace(MARGIN, rebalance_band=500)
SUDDEN = RiskProfile("sudden", leverage=None, stop_loss=3_000, trailing_stop=2_000)


@dataclass
class Lines:
    """An agent with a script.

    Attributes:
        script: From that minute on → the share of equity that it wants of each asset.
    """

    script: Mapping[int, tuple[float, ...]]
    now: Callable[[], int] = field(default=lambda: BEGIN)
    name: str = "lines"
    window: int = 3

    @property
    def feature_set(self) -> FeatureSet:
        """Those of another agent; it looks at none."""
        return Moody(lambda _: None, bool).feature_set

    def decide(
        self, features: NDArray[np.float64], portfolio: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Say the line of this minute."""
        minute = (self.now() - BEGIN) // MINUTE
        said = [line for since, line in self.script.items() if since <= minute]
        return np.asarray(said[-1] if said else (0.0,), dtype=np.float32)


@pytest.fixture
def build(tmp_path: Path) -> Iterator[Callable[..., Incident]]:
    """Return a maker of worlds of one symbol, closed at the end."""
    made: list[Incident] = []

    def make(
        script: Mapping[int, tuple[float, ...]],
        profile: RiskProfile = WIDE,
        name: str = SPOT,
        rules: ExchangeRules | None = None,
        *,
        falling: bool = False,
        policy: ExecutionPolicy | None = None,
    ) -> Incident:
        agent = Lines(script)
        world = Incident(
            FaultPlan(),
            names=(name,),
            profile=profile,
            agent=agent,
            rules=rules or ExchangeRules(),
            settings=STEADY,
            policy=policy or ExecutionPolicy(),
            swing=0.002 if falling else 0.0005,
            seed=FALLING if falling else 5,
        )
        agent.now = world.clock.now_ms
        made.append(world)
        return world

    yield make
    for world in made:
        world.close()


def stops(world: Incident) -> list[Order]:
    """Return the stops that are open at the exchange."""
    world.exchange.sync()
    working = world.exchange.floor.account(ACCOUNT).working.values()
    return [one for one in working if one.new.trigger is not None]


def held(world: Incident) -> int:
    """Return the whole lots that the exchange has for us."""
    symbol = world.panel.symbols[0]
    if symbol.is_perpetual:
        return world.truth.positions().get(symbol, 0)
    lot = world.panel.instruments[0].lot_size
    return int(world.truth.balances().get(symbol.base, 0) / lot)


def journalled(world: Incident) -> list[OrderRecord]:
    """Return every stop in the journal, oldest first."""
    with world.store.reading() as unit:
        return [one for one in unit.orders.since(ACCOUNT, 0) if one.leg is Leg.STOP]


def until(world: Incident, reached: Callable[[], bool], minutes: int = 20) -> None:
    """Live on, second by second, until something is so."""
    for _ in range(minutes * 60):
        if reached():
            return
        world.live(world.now + SECOND)
    pytest.fail("it never came to that")


@pytest.mark.parametrize("name", [SPOT, PERPETUAL])
def test_a_position_has_one_stop_and_it_is_written_ahead(
    build: Callable[..., Incident], name: str
) -> None:
    """Behind the level of its profile, for all that is held, reduce-only, with an id of ours."""
    world = build({1: (0.3,)}, name=name)
    until(world, lambda: bool(stops(world)))
    (stop,) = stops(world)
    (order,) = journalled(world)
    assert (stop.new.lots, stop.new.side, stop.new.reduce_only) == (held(world), -1, True)
    entry = next(iter(world.truth.fills())).ticks
    assert stop.new.trigger == pytest.approx(entry * 0.7, rel=0.01)
    assert stop.new.limit == pytest.approx(entry * 0.7 * 0.98, rel=0.01)
    assert (order.client_order_id, order.state) == (stop.new.client_id, Open())
    assert order.terms is not None
    assert order.terms.trigger == stop.new.trigger
    with world.store.reading() as unit:
        (intent,) = unit.intents.working(ACCOUNT)
    assert (intent.plan, intent.status) == (PlanKind.RESTING.value, IntentStatus.WORKING)
    assert intent.intent.purpose is Purpose.STOP
    world.live(world.now + 5 * MINUTE)
    assert [one.new.client_id for one in stops(world)] == [stop.new.client_id]
    assert world.broken == []


def test_it_takes_the_position_off_while_nobody_lives(build: Callable[..., Incident]) -> None:
    """The process is dead when the price comes; the next life books what happened."""
    world = build({1: (0.3,)}, NEAR, falling=True)
    until(world, lambda: bool(stops(world)))
    world.die(pause=0)
    for _ in range(40 * 60):
        world.clock.advance(SECOND)
        if not stops(world):
            break
    assert not held(world), "the stop did not do its work"
    (order,) = journalled(world)
    world.live(world.now + 20 * SECOND)
    with world.store.reading() as unit:
        found = unit.orders.find(order.client_order_id)
        fills = unit.fills.of_order(ACCOUNT, order.client_order_id)
        assert not unit.discrepancies.open(ACCOUNT)
    assert found is not None
    assert isinstance(found.state, Filled)
    assert sum(one.lots for one in fills) == order.intent.lots
    assert world.broken == []


def test_what_is_sold_is_unlocked_first(build: Callable[..., Incident]) -> None:
    """On spot a stop locks the coins: it ends by evidence, then the sale goes out, then none is."""
    world = build({1: (0.3,), 6: (0.0,)})
    until(world, lambda: bool(stops(world)))
    seen: list[bool] = []
    world.exchange.watch(
        lambda kind, _, record: (
            seen.append(bool(stops(world)))
            if kind == "create" and getattr(record, "trigger", None) is None
            else None
        )
    )
    until(world, lambda: not held(world))
    assert seen
    assert not any(seen), "a sale was sent while a stop locked the coins"
    world.live(world.now + MINUTE)
    assert not stops(world)
    assert [type(one.state).__name__ for one in journalled(world)] == ["Canceled"]
    assert violations(world) == []


def test_a_contract_is_reduced_beside_its_stop(build: Callable[..., Incident]) -> None:
    """Reduce-only orders never turn a position: nothing waits, and the stop goes with it."""
    world = build({1: (0.3,), 6: (0.0,)}, name=PERPETUAL)
    until(world, lambda: bool(stops(world)))
    first = stops(world)[0].new.client_id
    until(world, lambda: held(world) <= 0 and not stops(world))
    assert journalled(world)[0].client_order_id == first
    assert not isinstance(journalled(world)[0].state, Filled)


def test_it_grows_with_the_position(build: Callable[..., Incident]) -> None:
    """More is held: another stop for all of it, and never two at once."""
    world = build({1: (0.2,), 5: (0.6,)})
    until(world, lambda: bool(stops(world)))
    first, most = stops(world)[0].new, 0
    for _ in range(10 * 60):
        world.live(world.now + SECOND)
        most = max(most, len(stops(world)))
    (last,) = stops(world)
    assert last.new.lots > first.lots
    assert (last.new.lots, most) == (held(world), 1)
    assert last.new.client_id != first.client_id


def test_a_trailing_stop_follows_the_price_up(build: Callable[..., Incident]) -> None:
    """Each stop of a long position lies higher than the one before."""
    world = build({1: (0.3,)}, TRAILING)
    world.live(BEGIN + 18 * MINUTE)
    triggers = [one.terms.trigger for one in journalled(world) if one.terms is not None]
    assert len(triggers) > 1
    assert all(a is not None and b is not None and a < b for a, b in itertools.pairwise(triggers))
    assert {one.intent.purpose for one in journalled(world)} == {Purpose.TRAILING_STOP}


def test_a_stop_may_lie_by_the_average_true_range(build: Callable[..., Incident]) -> None:
    """Its level is that of the range before the opening, and a restart finds the same."""
    world = build({8: (0.3,)}, ATR)
    until(world, lambda: bool(stops(world)))
    (first,) = stops(world)
    entry = next(iter(world.truth.fills())).ticks
    assert 0 < entry - (first.new.trigger or 0) < entry // 50
    world.die(pause=0)
    world.live(world.now + 3 * MINUTE)
    assert [one.new.client_id for one in stops(world)] == [first.new.client_id]


def test_without_stops_at_the_venue_the_session_watches(build: Callable[..., Incident]) -> None:
    """The same position is closed by an exit of the session's own."""
    world = build({1: (0.3,)}, NEAR, rules=ExchangeRules(stops=False), falling=True)
    until(world, lambda: bool(held(world)))
    until(world, lambda: not held(world), minutes=30)
    assert journalled(world) == []
    with world.store.reading() as unit:
        exits = [one for one in unit.orders.since(ACCOUNT, 0) if one.intent.purpose is Purpose.STOP]
    assert exits
    assert {one.leg for one in exits} == {Leg.TAKER}


def test_a_stop_that_is_not_filled_is_no_protection(build: Callable[..., Incident]) -> None:
    """It was touched and its limit is out of reach: the session takes it away and sells."""
    world = build({1: (0.3,)}, NEAR, falling=True, policy=ExecutionPolicy(stop_cap=0))
    world.live(BEGIN + 40 * MINUTE)
    with world.store.reading() as unit:
        every = unit.orders.since(ACCOUNT, 0)
    orders = [one for one in every if one.intent.purpose is Purpose.STOP]
    pairs = [
        (rested, taken)
        for rested, taken in itertools.pairwise(orders)
        if isinstance(rested.state, Canceled) and taken.leg is Leg.TAKER
    ]
    assert pairs, "no stop was left behind by the price"
    for rested, taken in pairs:
        assert isinstance(taken.state, Filled)
        assert taken.recorded_at >= rested.updated_at, "it was sold while the stop was live"
    assert world.broken == []


@pytest.mark.parametrize("flatten", [False, True])
def test_a_kill_leaves_it_unless_it_flattens(
    build: Callable[..., Incident], *, flatten: bool
) -> None:
    """A killed session keeps its stop; with flatten the stop goes just before the position."""
    world = build({1: (0.3,), 4: (0.6,)})
    until(world, lambda: bool(stops(world)) and world.now > BEGIN + 4 * MINUTE + 20 * SECOND)
    order, ids = KillOrder(ACCOUNT, "ada", "drill", flatten=flatten), SequentialIds()
    kill(order, KillGear(world.switch, world.clock, ids, lambda: world.store), 0)
    world.live(world.now + 3 * MINUTE)
    working = world.exchange.floor.account(ACCOUNT).working.values()
    assert [one for one in working if one.new.trigger is None] == []
    if flatten:
        assert (held(world), stops(world)) == (0, [])
        return
    assert held(world)
    assert len(stops(world)) == 1
    rearm(ACCOUNT, "ada", ControlGear(world.store, world.clock, ids), world.switch, 0)
    until(world, lambda: [one.new.lots for one in stops(world)] == [held(world)])


def test_a_flag_alone_flattens(build: Callable[..., Incident]) -> None:
    """No database could be written when the kill came: what it asked for stands in the flag."""
    world = build({1: (0.3,)})
    until(world, lambda: bool(stops(world)))
    world.switch.set(ACCOUNT, KillOrder(ACCOUNT, "ada", flatten=True).text)
    world.live(world.now + MINUTE)
    assert (held(world), stops(world)) == (0, [])
    world.switch.clear(ACCOUNT)
    with world.store.reading() as unit:
        causes = {one.cause for one in unit.modes.all(ACCOUNT)}
    assert {"kill", "flatten"} <= causes, "a flag that is removed by hand re-arms nothing"


def test_the_kills_own_cancellations_leave_it(build: Callable[..., Incident]) -> None:
    """The trader hangs: the kill ends everything of ours at the venue but the stop."""
    world = build({1: (0.3,)})
    until(world, lambda: bool(stops(world)))
    line = world.line
    assert line is not None
    cancel = OrderCanceller({ACCOUNT: Reach("testnet", lambda: line)}, world.clock)
    assert cancel(KillOrder(ACCOUNT, "ada")) == 0
    (stop,) = stops(world)
    assert stop.status is VenueOrderStatus.OPEN


@pytest.mark.parametrize(("kind", "seed"), [("sending", 1), ("cancelling", 2), ("at-home", 2)])
def test_a_world_of_trouble_loses_no_stop(kind: str, seed: int) -> None:
    """Everything that goes wrong elsewhere, with stops near enough to be touched every minute."""
    world = World(replace(KINDS[kind](plan_for(seed)), profile=SUDDEN))
    report = world.run(2_500)
    assert report.broken == []
    placed = [one for one in world.oracle.view.orders.values() if one.leg is Leg.STOP]
    assert len(placed) > 10


def test_an_exit_that_waited_for_a_purchase_does_not_wait_for_its_stop() -> None:
    """The stop of the smaller position ends, the exit is sent, and the rest is protected again."""
    world = World(KINDS["protected"](plan_for(3)))
    assert world.run(9_000).broken == []
