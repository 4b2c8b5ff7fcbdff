"""A kill does not wait until every order was asked about: each answer may take its time."""

from __future__ import annotations

import pytest
from mettle.application.ports.venue import VenueOrderStatus
from tests.support.reconciling import ACCOUNT, PERPETUAL, SECOND_SPOT, SPOT, World


@pytest.fixture
def world() -> World:
    """Return a desk with an order on each of three symbols."""
    found = World()
    for symbol in (SPOT, SECOND_SPOT, PERPETUAL):
        found.approve(symbol, 10)
    found.venue.calls.clear()
    return found


def kill_at(world: World, call: str) -> None:
    """Let the flag appear while the venue answers the first call of that name."""
    noted = world.venue._called

    def called(name: str) -> None:
        noted(name)
        if name == call and world.venue.calls.count(name) == 1:
            world.bench.gear.kill_switch.set(ACCOUNT, "drill")

    world.venue._called = called  # type: ignore[method-assign]


def test_nothing_more_is_asked_once_the_flag_is_there(world: World) -> None:
    """One of three questions was on its way; the next call ends an order."""
    kill_at(world, "order")
    world.clock.advance(world.bench.plan.poll + 1)
    assert not world.desk.work()
    assert world.venue.calls == ["order"]
    assert not world.desk.work(), "nothing was asked to end yet"
    assert world.venue.calls == ["order"]
    world.desk.cancel_everything()
    assert world.venue.calls[:4] == ["order", "cancel", "cancel", "cancel"]
    assert {one.status for one in world.venue.known.values()} == {VenueOrderStatus.CANCELED}


def test_afterwards_it_works_on_under_the_flag(world: World) -> None:
    """What became of the orders is asked and written down, although the account is killed."""
    kill_at(world, "order")
    world.clock.advance(world.bench.plan.poll + 1)
    world.desk.work()
    world.desk.cancel_everything()
    for _ in range(60):
        world.clock.advance(1_000)
        assert world.desk.work()
    assert not world.desk.board.working
    assert not world.open()


def test_a_second_kill_interrupts_again(world: World) -> None:
    """It was re-armed in between: what was opened since is ended as fast."""
    switch = world.bench.gear.kill_switch
    switch.set(ACCOUNT, "first")
    world.desk.cancel_everything()
    assert world.desk.work()
    switch.clear(ACCOUNT)
    assert world.desk.work()
    switch.set(ACCOUNT, "second")
    assert not world.desk.work()
