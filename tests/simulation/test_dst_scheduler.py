"""The scheduler, the clock and the watched database of the deterministic simulation."""

from __future__ import annotations

import pytest
from mettle.adapters.persistence.memory import MemoryStore
from mettle.domain.errors import StorageError
from mettle.domain.risk import Mode, ModeCause
from tests.support.dst.chance import Chance
from tests.support.dst.clock import SimulatedWorldClock
from tests.support.dst.hooks import Hooks
from tests.support.dst.scheduler import Actor, Crash, Scheduler
from tests.support.dst.storage import Change, Disk, DiskFaults, ProcessStore

_CAUSE = ModeCause("a", "", "operator", Mode.PAUSED, 0, "by hand")


def _scheduler(seed: int = 1) -> Scheduler:
    return Scheduler(Chance(seed), 1_000)


def _sleep_thrice(name: str, step: int, clock: SimulatedWorldClock, seen: list[str]) -> None:
    for _ in range(3):
        clock.sleep_until(clock.now_ms() + step)
        seen.append(f"{name}{clock.now_ms()}")


def _put(store: ProcessStore) -> None:
    with store.writing() as unit:
        unit.modes.put(_CAUSE)
        unit.commit()


def test_actors_run_in_order_of_time_and_lines_make_the_trace() -> None:
    """Two sleepers interleave by time, and the same seed gives the same trace."""
    traces = []
    for _ in range(2):
        world = _scheduler()
        clock = SimulatedWorldClock(world)
        seen: list[str] = []

        def sleeper(
            name: str, step: int, clock: SimulatedWorldClock = clock, seen: list[str] = seen
        ) -> None:
            for _ in range(3):
                clock.sleep_until(clock.now_ms() + step)
                seen.append(f"{name}{clock.now_ms()}")

        world.start_actor(Actor("a", lambda run=sleeper: run("a", 20)))  # type: ignore[misc]  # bound now
        world.start_actor(Actor("b", lambda run=sleeper: run("b", 15)))  # type: ignore[misc]  # bound now
        world.run()
        assert seen == ["b1015", "a1020", "b1030", "a1040", "b1045", "a1060"]
        traces.append(world.trace)
    assert traces[0] == traces[1]


def test_a_thawed_actor_goes_on_at_once() -> None:
    """It wakes when its wait is over, once, and not when its freeze would have ended."""
    world = _scheduler()
    clock = SimulatedWorldClock(world)
    seen: list[str] = []
    actor = Actor("a", lambda: _sleep_thrice("a", 20, clock, seen))
    world.start_actor(actor)
    world.run(until=1_010)
    world.freeze(actor, 9_000)
    world.run(until=1_050)
    assert seen == []
    world.thaw(actor)
    world.run()
    assert seen == ["a1050", "a1070", "a1090"]


def test_a_killed_actor_dies_where_it_waits() -> None:
    """A kill ends a sleeping actor at once and tells its keeper."""
    world = _scheduler()
    clock = SimulatedWorldClock(world)
    ends: list[str] = []
    world.on_end = lambda actor, error: ends.append(f"{actor.name} {type(error).__name__}")
    actor = Actor("a", lambda: clock.sleep_until(10_000))
    world.start_actor(actor)
    world.at(2_000, "kill", lambda: world.kill(actor))
    world.run()
    assert ends == ["a Crash"]
    assert world.now == 10_000  # its wake-up comes and finds nobody


def test_a_frozen_actor_wakes_late() -> None:
    """A stopped process wakes when it is let go, not when it wanted to."""
    world = _scheduler()
    clock, woke = SimulatedWorldClock(world), []

    def body() -> None:
        clock.sleep_until(2_000)
        woke.append(clock.now_ms())

    actor = Actor("a", body)
    world.start_actor(actor)
    world.at(1_500, "freeze", lambda: world.freeze(actor, 9_000))
    world.run()
    assert woke == [9_000]


def test_a_skewed_clock_sleeps_by_its_own_time() -> None:
    """A machine whose clock is ahead wakes early by the world's time."""
    world = _scheduler()
    clock, woke = SimulatedWorldClock(world, 500), []

    def body() -> None:
        clock.sleep_until(3_000)
        woke.append(world.now)

    world.start_actor(Actor("a", body))
    world.run()
    assert woke == [2_500]


def _store(faults: DiskFaults | None = None) -> tuple[ProcessStore, list[Change], Hooks]:
    world = _scheduler()
    hooks = Hooks(world, Chance(1))
    seen: list[Change] = []
    disk = Disk(MemoryStore(), world, Chance(2), faults or DiskFaults())
    disk.committed = lambda _, changes: seen.extend(changes)
    return ProcessStore(disk, hooks, Actor("session", lambda: None)), seen, hooks


def test_committed_rows_are_handed_on_and_others_are_not() -> None:
    """The watcher sees what was committed, and nothing of what was undone."""
    store, seen, _ = _store()
    with store.writing() as unit:
        unit.modes.put(_CAUSE)
    assert not seen
    with store.writing() as unit:
        unit.modes.put(_CAUSE)
        unit.commit()
    assert [(one.table, one.method) for one in seen] == [("modes", "put")]


@pytest.mark.parametrize("faults", [DiskFaults(busy=1), DiskFaults(full=1), DiskFaults(io=1)])
def test_a_failing_statement_keeps_nothing(faults: DiskFaults) -> None:
    """A statement that fails raises, and nothing is kept."""
    store, seen, _ = _store(faults)
    with pytest.raises(StorageError), store.writing() as unit:
        unit.modes.put(_CAUSE)
    assert not seen


def test_a_false_alarm_is_durable() -> None:
    """A commit may say that it failed though it is kept."""
    store, seen, _ = _store(DiskFaults(false_alarm=1))
    with pytest.raises(StorageError):
        _put(store)
    assert len(seen) == 1
    with store.reading() as unit:
        assert unit.modes.all("a") == [_CAUSE]


@pytest.mark.parametrize(("place", "kept"), [(0, 0), (1, 1)])
def test_a_process_dies_before_or_after_a_commit(place: int, kept: int) -> None:
    """Before the commit nothing is kept, after it everything."""
    store, seen, hooks = _store()
    hooks.deadly = frozenset({place})
    with pytest.raises(Crash):
        _put(store)
    assert len(seen) == kept
    with pytest.raises(Crash), store.writing() as unit:
        unit.modes.put(_CAUSE)
