"""Incidents on our own side: database, process, people, model.

Long because it is a list: each incident is a few lines of its own.
"""

from __future__ import annotations

import itertools
import json
import math
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from mettle.adapters.notification.background import BackgroundNotifier
from mettle.adapters.system.ids import RandomIds
from mettle.adapters.venues.exchange import ExchangeRules, Fault, FaultPlan, Strike
from mettle.application.control.kill import KillGear, KillOrder, kill
from mettle.application.ports.notifier import Notice
from mettle.application.ports.venue import RepeatedId
from mettle.application.session.session import TradingSession
from mettle.domain.errors import RefusedForSafety, StorageError
from mettle.domain.risk import RiskProfile
from mettle.domain.risk.rules import BreakerRule
from mettle.domain.signals.features import FeatureSet
from numpy.typing import NDArray
from tests.support.dst.players import Moody
from tests.support.incident_disk import Saboteur
from tests.support.incident_verdict import (
    finish,
    open_orders,
    unsettled,
    violations,
)
from tests.support.incidents import (
    ACCOUNT,
    BEGIN,
    CALM,
    END,
    LEASE_ERRORS,
    MINUTE,
    SECOND,
    SETTLED,
    Crash,
    Incident,
    fast_folder,
)

NOTHING = FaultPlan(ends_at=CALM)
FALLING = 20
"""A seed whose market falls."""


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """Yield a folder for the database."""
    with fast_folder(tmp_path) as folder:
        yield folder


@pytest.fixture
def world(disk: Path) -> Iterator[Incident]:
    """Yield a world in which the exchange does nothing wrong."""
    found = Incident(NOTHING, disk, tolerated=LEASE_ERRORS)
    yield found
    found.close()


# The database.

WORDS = {
    "busy": "database is locked",
    "full": "database or disk is full",
    "read-only": "attempt to write a readonly database",
}


@pytest.mark.parametrize(("kind", "seconds"), [("busy", 1), ("full", 20), ("read-only", 90)])
def test_database_fails_at_every_statement_after_a_send(
    world: Incident, kind: str, seconds: int
) -> None:
    """The n-th write after a send fails, n = 1, 2, 3 …, and everything after it for a while."""
    numbers = itertools.count(1)
    state = {"left": -1, "until": 0, "failed": 0}

    def passing(place: str) -> None:
        if place == "after create" and state["left"] < 0 and world.now < CALM:
            state["left"] = next(numbers)

    def step(label: str) -> None:
        if label != "committed" and state["left"] > 0:
            state["left"] -= 1
            if not state["left"]:
                state["until"] = world.now + seconds * SECOND
                state["left"] = -1
        if world.now < min(state["until"], CALM):
            state["failed"] += 1
            raise StorageError(f"simulated: {WORDS[kind]}")

    world.passing, world.wrap = passing, lambda store: Saboteur(store, step)
    world.live(CALM)
    assert next(numbers) > 4
    assert state["failed"] > 4
    finish(world)


def test_database_is_locked_by_another_process(world: Incident, disk: Path) -> None:
    """Somebody holds the write lock of the file itself for seconds, again and again."""
    world.live(BEGIN + MINUTE)
    for minute in range(2, 12, 2):
        with closing(sqlite3.connect(disk / "mettle.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            world.live(world.now + 20 * SECOND)
            other.execute("ROLLBACK")
        world.live(BEGIN + (minute + 2) * MINUTE)
    assert world.count_ends()["StorageError"] > 0
    world.live(CALM)
    finish(world)


# The process.

PLACES = {
    "before create": 3,
    "after create": 3,
    "before cancel": 1,
    "after cancel": 1,
    "commit": 15,
    "committed": 15,
    "add ledger": 61,
    "update orders": 7,
}


@pytest.mark.parametrize(("place", "every"), PLACES.items(), ids=PLACES.keys())
def test_process_dies_again_and_again(world: Incident, place: str, every: int) -> None:
    """It dies at every n-th passing of a place, one of them between a fill's mark and booking."""
    passed = itertools.count()

    def step(label: str) -> None:
        if label == place and world.now < CALM and next(passed) % every == every - 1:
            raise Crash(place)

    world.passing, world.wrap = step, lambda store: Saboteur(store, step)
    world.live(CALM)
    assert world.count_ends()["Crash"] > 1
    finish(world)


@pytest.mark.parametrize("policy", RepeatedId)
def test_process_dies_before_it_could_write_that_it_sent(disk: Path, policy: RepeatedId) -> None:
    """Every other order is on the wire and not on the disk as such; no id is ever sent again."""
    rules = ExchangeRules(
        policy,
        lookup_by_id=policy is not RepeatedId.RETURNS_ORIGINAL,
        stamped=policy is RepeatedId.UNIQUE_AMONG_OPEN,
    )
    world = Incident(NOTHING, disk, rules=rules)
    passed = itertools.count()

    def step(place: str) -> None:
        if place == "after create" and world.now < CALM and next(passed) % 2:
            raise Crash(place)

    world.passing = step
    try:
        world.live(CALM)
        assert world.count_ends()["Crash"] > 2
        names = [one.client_id for one in world.truth.received]
        assert len(names) == len(set(names))
        finish(world)
    finally:
        world.close()


def test_fill_while_down(world: Incident) -> None:
    """The process is down for a minute with orders at the exchange, which fill meanwhile."""
    world.pause = MINUTE
    for minute in range(2, 18, 2):
        # Ten seconds into a bar: a maker waits half a bar at most.
        world.live(BEGIN + minute * MINUTE + 10_000)
        if open_orders(world):
            world.die()
    assert world.fired(Fault.FILL_WHILE_DOWN) > 0
    world.live(CALM)
    finish(world)


def test_process_is_frozen_past_its_lease(world: Incident) -> None:
    """It stands still for three minutes with orders at the exchange, and wakes up."""
    for minute in (4, 9, 14):
        world.live(BEGIN + minute * MINUTE)
        world.clock.advance(3 * MINUTE)
    world.live(CALM)
    finish(world)


def test_two_traders_on_one_account(world: Incident) -> None:
    """The second is turned away while the first lives; the first, when it has been replaced."""
    world.live(BEGIN + 4 * MINUTE)
    first, frozen_line = world.session, world.line
    with pytest.raises(RefusedForSafety, match="traded already"):
        world.new_session("rival").start()
    world.clock.advance(2 * MINUTE)
    world.holder, world.session = "rival", None
    world.live(BEGIN + 12 * MINUTE)
    sent = len(world.truth.received)
    assert first is not None
    with pytest.raises(RefusedForSafety):
        _step(first, 100)
    assert len(world.truth.received) == sent
    first.close()
    assert frozen_line is not None
    frozen_line.close()
    world.live(CALM)
    finish(world)


def _step(session: TradingSession, times: int) -> None:
    for _ in range(times):
        session.step()


# People.


@pytest.mark.parametrize("database", ["healthy", "read-only"])
@pytest.mark.parametrize("flatten", [False, True], ids=["keep", "flatten"])
def test_kill_with_resting_orders(disk: Path, database: str, flatten: bool) -> None:
    """Cancellations fail, the database may be read-only: nothing is sent, everything ends."""
    broken = {Fault.CANCEL_LOST: 0.15, Fault.CANCEL_UNKNOWN: 0.15, Fault.READ_TIMEOUT: 0.2}
    world = Incident(FaultPlan(broken, ends_at=CALM), disk, tolerated=LEASE_ERRORS)
    killed = {"at": END}

    def step(_: str) -> None:
        if database == "read-only" and killed["at"] <= world.now < CALM:
            raise StorageError("simulated: attempt to write a readonly database")

    world.wrap = lambda store: Saboteur(store, step)
    try:
        world.live(BEGIN + 6 * MINUTE)
        while not open_orders(world):
            world.live(world.now + SECOND)
        killed["at"] = world.now
        gear = KillGear(world.switch, world.clock, RandomIds(), lambda: world.wrap(world.store))
        kill(KillOrder(ACCOUNT, "test", flatten=flatten), gear, 0)
        sent = len(world.truth.received)
        world.live(killed["at"] + MINUTE)
        assert open_orders(world) == []
        world.live(CALM)
        openings = [one for one in world.truth.received[sent:] if not _closes(world, one.side)]
        assert not openings or flatten
        if database == "read-only" or not flatten:
            assert len(world.truth.received) == sent
        world.live(SETTLED)
        if flatten and database == "healthy":
            assert not any(world.truth.positions().values())
        assert unsettled(world, CALM) == []
        world.live(END)
        assert violations(world) == []
    finally:
        world.close()


def _closes(world: Incident, side: int) -> bool:
    return side < 0 or any(lots < 0 for lots in world.truth.positions().values())


@pytest.mark.parametrize("shape", ["hangs", "429", "500"])
def test_notifier_is_down_for_hours(disk: Path, shape: str) -> None:
    """Messages are lost and counted; trading does not notice."""
    freed = threading.Event()

    def sink(_: Notice) -> None:
        if shape == "hangs":
            freed.wait()
        raise ConnectionError(shape)

    notifier = BackgroundNotifier(sink, capacity=4)
    world = Incident(NOTHING, disk, notifier=notifier)
    try:
        world.live(CALM)
        finish(world)
        if shape != "hangs":
            notifier.flush(5.0)
        assert notifier.dropped > 0
    finally:
        freed.set()
        notifier.close()
        world.close()


# The model.


@dataclass(frozen=True)
class Spoilt:
    """An agent whose first action is of no use while trouble lasts."""

    inner: Moody
    value: float
    world: list[Incident]

    @property
    def name(self) -> str:
        """Its name."""
        return self.inner.name

    @property
    def feature_set(self) -> FeatureSet:
        """The inner agent's."""
        return self.inner.feature_set

    @property
    def window(self) -> int:
        """The inner agent's."""
        return self.inner.window

    def decide(
        self, features: NDArray[np.float64], portfolio: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Return the inner agent's actions, the first one spoilt."""
        actions = self.inner.decide(features, portfolio).copy()
        if self.world[0].now < CALM:
            actions[0] = self.value
        return actions


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 7.5])
def test_policy_gives_no_action(disk: Path, value: float) -> None:
    """NaN, infinite and out of range are HOLD for the asset, and nothing for the others."""
    profile = RiskProfile(
        "watched", leverage=None, bad_actions=BreakerRule(1_000, window=60 * MINUTE)
    )
    box: list[Incident] = []
    world = Incident(NOTHING, disk, profile=profile)
    box.append(world)
    world.agent = Spoilt(Moody(lambda _: None, world.resting, 0.4, 0.0), value, box)
    try:
        world.live(CALM)
        symbols = {str(one.symbol) for one in world.truth.received}
        assert symbols == {world.names[1]}
        finish(world)
    finally:
        world.close()


@dataclass(frozen=True)
class Steady(Moody):
    """Wants the same of every asset at all times while trouble lasts, more of it later on."""

    wants: tuple[float, float] = (0.2, 0.4)
    clock: Callable[[], int] = lambda: 0

    def decide(
        self, features: NDArray[np.float64], portfolio: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Return the weights of the hour."""
        if self.clock() >= CALM:
            return super().decide(features, portfolio)
        wanted = self.wants[self.clock() >= BEGIN + 6 * MINUTE]
        return np.full(features.shape[1], wanted, dtype=np.float32)


@pytest.mark.parametrize("side", [1, -1], ids=["long", "short"])
@pytest.mark.parametrize("fault", [Fault.FUNDING_PAID, Fault.FUNDING_RECEIVED])
def test_funding_on_a_position_added_to_meanwhile(disk: Path, fault: Fault, side: int) -> None:
    """Both signs of the rate on both sides; the position grows before the settlement."""
    plan = FaultPlan(strikes=(Strike(fault, BEGIN + 5 * MINUTE),), ends_at=CALM)
    names = ("BTC/USDT:USDT", "ETH/USDT:USDT")
    world = Incident(plan, disk, names=names)
    wants = (0.15 * side, 0.3 * side)
    world.agent = Steady(lambda _: None, world.resting, 0.4, 0.0, wants, lambda: world.now)
    try:
        world.live(BEGIN + 6 * MINUTE)
        before = dict(world.truth.positions())
        world.live(BEGIN + 14 * MINUTE)
        after = world.truth.positions()
        assert all(lots * side > 0 for lots in before.values())
        assert any(abs(after[one]) > 1.5 * abs(lots) for one, lots in before.items())
        world.live(CALM)
        spiked = max(world.truth.funding(), key=lambda one: abs(one.received))
        assert (spiked.received < 0) is (fault is Fault.FUNDING_PAID)
        finish(world)
    finally:
        world.close()


_KEPT = ("baseline", "phase", "trips", "since", "until")


def _breaker(world: Incident) -> dict[str, object]:
    with world.store.reading() as unit:
        found = [one.content for one in unit.breakers.all(ACCOUNT) if one.name == "drawdown"]
    return dict(json.loads(found[0])) if found else {}


def _held(world: Incident) -> int:
    return sum(map(abs, world.truth.positions().values()))


@pytest.mark.parametrize("restarts", [False, True], ids=["one life", "a life a minute"])
def test_drawdown_with_restarts_at_every_step(disk: Path, restarts: bool) -> None:
    """A loss adds up over many lives as over one; what it trips stays tripped."""
    rule = BreakerRule(8_000, recovery=5 * MINUTE, critical=True)
    profile = RiskProfile("careful", leverage=None, drawdown=rule)
    world = Incident(NOTHING, disk, profile=profile, swing=0.004, seed=FALLING)
    wants = (0.45, 0.45)
    world.agent = Steady(lambda _: None, world.resting, 0.4, 0.0, wants, lambda: world.now)
    try:
        tripped = None
        while world.now < CALM:
            world.live(world.now + MINUTE)
            before = _breaker(world)
            if tripped is None and before.get("phase") == "open":
                tripped = world.now, _held(world)
            assert tripped is None or before["phase"] == "open"
            if restarts:
                world.die(pause=0)
                world.live(world.now + SECOND)
                after = _breaker(world)
                assert [after.get(key) for key in _KEPT] == [before.get(key) for key in _KEPT]
        assert tripped is not None
        assert _held(world) <= tripped[1]
        world.live(END)
        assert violations(world) == []
        bought = [one.client_order_id for one in world.truth.placed() if one.side > 0]
        assert all(world.placed_at[one] <= tripped[0] for one in bought)
    finally:
        world.close()
