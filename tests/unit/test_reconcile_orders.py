"""Orders that only one side knows: ours, strangers', and those that ended or are lost."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from mettle.application.journal import IntentStatus
from mettle.application.ports.venue import (
    VenueOrderStatus,
)
from mettle.application.reconcile import Outcome, ReconcilePlan
from mettle.domain.money import Money
from mettle.domain.orders import Canceled, Filled, Unknown
from mettle.domain.risk import Mode
from tests.support.reconciling import (
    ACCOUNT,
    QUOTE,
    SECOND_SPOT,
    SPOT,
    START,
    World,
)

CLEAN, PENDING, DIFFERS = Outcome.CLEAN, Outcome.PENDING, Outcome.DIFFERS


@pytest.fixture
def world() -> World:
    """Return an account with 10,000 USDT and nothing else."""
    return World()


# Ours, but unknown here.


def test_an_unknown_order_of_ours_is_adopted_cancelled_and_pauses(world: World) -> None:
    """Its trades are booked, its rest is ended, and two clean passes release the account."""
    order_id = world.our_id(SPOT, 10)
    order = world.venue.place(SPOT, order_id, 10)
    world.venue.trade(SPOT, order_id, 4)
    assert world.passes(2) == [PENDING, DIFFERS]
    assert world.mode() is world.written_mode() is Mode.PAUSED
    assert len(world.trades()) == 1
    world.work(5)
    assert world.venue.known[SPOT, order_id].status is VenueOrderStatus.CANCELED
    with world.reading() as unit:
        kept = unit.orders.find(order_id)
        assert not unit.intents.working(ACCOUNT)
    assert kept is not None
    assert (kept.state, kept.venue_order_id) == (Canceled(4), order.venue_order_id)
    assert world.passes(2)[-1] is DIFFERS
    assert not world.open()
    assert world.mode() is Mode.PAUSED
    assert world.passes(2) == [CLEAN, CLEAN]
    assert world.mode() is world.written_mode() is Mode.ACTIVE
    assert world.agrees()
    world.check()


def test_an_unknown_order_of_ours_that_has_ended_is_booked(world: World) -> None:
    """Only its trades tell of it; the order behind them is asked for."""
    order_id = world.our_id(SPOT, 6)
    world.venue.place(SPOT, order_id, 6)
    world.venue.trade(SPOT, order_id, 6)
    world.passes(3)
    with world.reading() as unit:
        kept = unit.orders.find(order_id)
    assert kept is not None
    assert kept.state == Filled(6)
    assert world.mode() is Mode.PAUSED
    world.work(3)
    world.passes(6)
    assert world.mode() is Mode.ACTIVE
    assert world.agrees()


def test_trades_of_ours_whose_order_nobody_shows_are_booked(world: World) -> None:
    """The order is known by its trades alone."""
    order_id = world.our_id(SPOT, 6)
    world.venue.trade(SPOT, order_id, 2)
    world.venue.trade(SPOT, order_id, 4)
    world.passes(3)
    with world.reading() as unit:
        kept = unit.orders.find(order_id)
    assert kept is not None
    assert (kept.state, kept.terms) == (Filled(6), None)
    assert world.agrees()
    world.check()


def test_an_adoption_waits_until_the_order_can_be_asked_for(world: World) -> None:
    """A question that fails puts the act off, and loses nothing."""
    order_id = world.our_id(SPOT, 6)
    world.venue.place(SPOT, order_id, 6)
    world.venue.trade(SPOT, order_id, 6)
    world.venue.failing.add("order")
    world.passes(5)
    assert not world.trades()
    assert any("put off" in one for one in world.audit())
    world.venue.failing.clear()
    world.passes(2)
    assert len(world.trades()) == 1


def test_an_adopted_order_never_leads_to_another_one(world: World) -> None:
    """Its intent places nothing after it, not even after a restart in the middle."""
    order_id = world.our_id(SPOT, -10)
    world.venue.place(SPOT, order_id, -10)
    world.passes(3)
    world.start()
    world.work(180)
    world.passes(3)
    assert "create" not in world.venue.calls
    with world.reading() as unit:
        assert [one.status for one in unit.intents.latest(ACCOUNT, 9)] == [IntentStatus.DONE]


def test_an_order_of_ours_on_a_foreign_symbol_is_cancelled_and_pauses(world: World) -> None:
    """Nothing of it can be booked here; it is ended again and again until it is gone."""
    symbol = replace(SPOT, base="DOGE")
    order_id = world.our_id(symbol, 5)
    world.venue.place(symbol, order_id, 5)
    world.venue.failing.add("cancel")
    world.passes(4)
    assert world.mode() is Mode.PAUSED
    world.venue.failing.clear()
    world.passes(1)
    assert world.venue.known[symbol, order_id].status is VenueOrderStatus.CANCELED
    world.passes(4)
    assert not world.open()
    assert world.mode() is Mode.ACTIVE


def test_an_order_that_ended_here_and_is_open_there_is_cancelled(world: World) -> None:
    """Evidence of its end was wrong: end it again, and pause."""
    order_id = world.approve(SPOT, 10)
    order = world.venue.known[SPOT, order_id]
    world.venue.pushed.append(replace(order, status=VenueOrderStatus.CANCELED))
    world.desk.stop()
    world.desk.work()
    assert not world.desk.board.working
    assert world.passes(3)[-1] is DIFFERS
    assert order_id in world.venue.cancelled
    assert [one.kind for one in world.discrepancies()] == ["ended order open"]
    assert world.mode() is Mode.PAUSED
    world.passes(5)
    assert world.mode() is Mode.ACTIVE


def test_an_order_that_is_open_here_and_not_there_is_asked_about(world: World) -> None:
    """If the venue does not know it, it is UNKNOWN: never ended by its absence from a list."""
    order_id = world.approve(SPOT, 10)
    world.venue.hidden.add(order_id)
    assert world.passes(3) == [PENDING, DIFFERS, PENDING]
    order = world.desk.board.orders[order_id]
    assert isinstance(order.state, Unknown)
    world.venue.hidden.clear()
    world.work(20)
    assert not isinstance(world.desk.board.orders[order_id].state, Unknown)


def test_an_order_that_filled_while_we_were_away_is_found(world: World) -> None:
    """Query and trades bring it to its end without a doubled fill."""
    order_id = world.approve(SPOT, 10)
    world.venue.trade(SPOT, order_id, 10)
    world.passes(3)
    with world.reading() as unit:
        kept = unit.orders.find(order_id)
    assert kept is not None
    assert kept.state == Filled(10)
    assert len(world.trades()) == 1
    world.work(2)
    assert world.passes(2)[-1] is CLEAN
    assert world.agrees()


# Foreign orders.


def test_a_foreign_order_is_counted_and_left_alone(world: World) -> None:
    """Never cancelled, never adopted; its symbol only reduces until two clean passes without it."""
    order = world.venue.place(SPOT, "manual-1", 7)
    world.passes(2)
    assert world.passes(3) == [CLEAN] * 3
    assert (world.mode(SPOT), world.mode(SECOND_SPOT)) == (Mode.REDUCING, Mode.ACTIVE)
    assert world.reconciler.foreign == {SPOT: 7}
    assert world.venue.calls.count("cancel") == world.venue.calls.count("create") == 0
    with world.reading() as unit:
        assert not unit.orders.latest(ACCOUNT, 9)
    (record,) = world.open()
    assert (record.kind, record.symbol) == ("foreign order", "BTC/USDT")
    world.venue.end(order)
    assert world.passes(2) == [PENDING, DIFFERS]
    assert world.mode(SPOT) is Mode.REDUCING
    assert world.passes(2) == [CLEAN, CLEAN]
    assert world.mode(SPOT) is Mode.ACTIVE
    assert world.reconciler.foreign_lots(SPOT) == 0
    assert not world.open()


def test_a_foreign_order_without_an_id_of_its_own_is_foreign(world: World) -> None:
    """Placed by hand: the venue's number names it."""
    world.venue.place(SPOT, "", 7)
    world.passes(3)
    assert [one.kind for one in world.open()] == ["foreign order"]
    assert world.mode(SPOT) is Mode.REDUCING


def test_a_foreign_order_pauses_a_dedicated_account() -> None:
    """Where nobody else may trade, somebody who does stops everything."""
    world = World(plan=ReconcilePlan(began=START, dedicated_account=True))
    order = world.venue.place(SPOT, "manual-1", 7)
    world.passes(5)
    assert world.mode() is world.written_mode() is Mode.PAUSED
    assert "cancel" not in world.venue.calls
    world.venue.end(order)
    world.passes(4)
    assert world.mode() is Mode.ACTIVE


def test_another_account_of_ours_is_foreign(world: World) -> None:
    """The tag of an id is the account's own."""
    order_id = "00000000" + world.our_id(SPOT, 5)[8:]
    world.venue.place(SPOT, order_id, 5)
    world.passes(3)
    assert [one.kind for one in world.open()] == ["foreign order"]


def test_a_stranger_s_purchase_is_booked_outside_and_not_ours_to_sell(world: World) -> None:
    """Coins, price and fee: equity changes by the fee alone, and as a flow."""
    world.own(SPOT, 10)
    world.venue.trade(SPOT, "manual", 5, fee=Money.of("0.02", QUOTE))
    world.passes(3)
    assert len(world.trades()) == 1
    assert world.reconciler.outside(SPOT) == Decimal("0.005")
    assert world.reconciler.foreign_lots(SPOT) == 5
    assert world.books.portfolio.flows == Decimal("-0.02")
    assert world.agrees()
    assert [one.kind for one in world.discrepancies()] == ["foreign trade"]
    world.venue.trade(SPOT, "manual", -5, fee=Money.of("0.02", QUOTE))
    world.passes(3)
    assert len(world.trades()) == 1
    assert world.reconciler.outside(SPOT) == 0
    assert world.agrees()
    world.check()


def test_a_stranger_s_purchase_with_a_fee_in_coin(world: World) -> None:
    """The fee leaves in the asset that it was paid in."""
    world.venue.trade(SPOT, "manual", 5, fee=Money.of("0.0001", "BTC"))
    world.passes(3)
    assert world.agrees()
    world.check()
