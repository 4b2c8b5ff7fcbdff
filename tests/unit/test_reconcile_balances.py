"""Trades and settlements that we missed, and amounts that nothing explains."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from mettle.application.journal import ControlRecord, ControlVerb
from mettle.application.ports.venue import (
    VenueFunding,
)
from mettle.application.reconcile import Outcome
from mettle.domain.money import Money
from mettle.domain.orders import Purpose
from mettle.domain.risk import Mode
from tests.support.reconciling import (
    ACCOUNT,
    PERPETUAL,
    QUOTE,
    SECOND_SPOT,
    SPOT,
    START,
    World,
)

MINUTE = 60_000
CLEAN, PENDING, DIFFERS = Outcome.CLEAN, Outcome.PENDING, Outcome.DIFFERS


@pytest.fixture
def world() -> World:
    """Return an account with 10,000 USDT and nothing else."""
    return World()


# Trades and settlements that we missed.


def test_a_missed_trade_is_booked_once(world: World) -> None:
    """With its order's state, in one transaction; a repetition by push changes nothing."""
    order_id = world.approve(SPOT, 10)
    fill = world.venue.trade(SPOT, order_id, 4)
    world.passes(3)
    assert world.trades() == [fill.trade_id]
    world.venue.pushed.append(fill)
    world.work(2)
    assert world.trades() == [fill.trade_id]
    records = [one for one in world.discrepancies() if one.kind == "fills"]
    assert [(one.symbol, one.note) for one in records] == [("BTC/USDT", "booked")]
    assert not world.open()


def test_a_liquidation_is_imported(world: World) -> None:
    """The venue acted by itself: its trade is booked, nothing is in suspense."""
    world.own(PERPETUAL, 10)
    world.venue.trade(PERPETUAL, "", -10, protects=Purpose.LIQUIDATION)
    world.passes(3)
    assert world.agrees()
    assert {one.kind for one in world.discrepancies()} == {"fills"}
    assert world.mode() is Mode.ACTIVE
    world.check()


def test_a_sale_by_hand_is_imported(world: World) -> None:
    """A stranger's trade that sells our position is booked as what it was."""
    world.own(SPOT, 10)
    sold = world.venue.trade(SPOT, "app", -10, ticks=10_100)
    world.passes(3)
    assert world.trades()[-1] == sold.trade_id
    assert world.books.portfolio.realised == Decimal("0.01")
    assert world.agrees()
    assert world.passes() == [CLEAN]
    world.check()


def test_missed_funding_is_booked_once(world: World) -> None:
    """Signed as the venue settled it."""
    world.own(PERPETUAL, 10)
    settled = VenueFunding("F1", PERPETUAL, -250_000_000, world.clock.now_ms())
    world.venue.funding.append(settled)
    world.venue.move(QUOTE, Decimal("-2.5"))
    world.passes(3)
    assert world.books.portfolio.funding == Decimal("-2.5")
    world.venue.pushed.append(settled)
    world.work(2)
    assert world.books.portfolio.funding == Decimal("-2.5")
    assert [one.kind for one in world.discrepancies()] == ["funding"]
    assert world.agrees()


def test_trades_before_the_books_were_opened_are_none_of_ours(world: World) -> None:
    """They are in the opening balance already."""
    old = replace(world.venue.trade(SPOT, "", 5), occurred_at=START - 1)
    world.venue.fills[:] = [old]
    world.venue.balances = {QUOTE: Decimal(10_000)}
    assert world.passes(3) == [CLEAN] * 3


def test_a_venue_whose_clock_is_set_back_trades_after_the_opening_for_all_that(
    world: World,
) -> None:
    """The trade bears a time of before the opening, and is booked instead of a suspense."""
    world.own(PERPETUAL, 10)
    world.venue.behind = 88_000
    world.venue.trade(PERPETUAL, "", -10, protects=Purpose.LIQUIDATION)
    world.passes(4)
    assert world.agrees()
    assert {one.kind for one in world.discrepancies()} == {"fills"}
    assert world.mode() is Mode.ACTIVE
    world.check()


def test_a_clock_that_is_an_hour_behind_brings_ten_minutes_at_most(world: World) -> None:
    """Ours may have been set forward instead: old trades do not become news by that."""
    old = replace(world.venue.trade(SPOT, "", 5), occurred_at=START - 600_001)
    world.venue.fills[:] = [old]
    world.venue.balances = {QUOTE: Decimal(10_000)}
    world.venue.behind = 3_600_000
    assert world.passes(3) == [CLEAN] * 3


# Balances.


@pytest.mark.parametrize(("amount", "seen"), [("0.000999", False), ("0.001", True)])
def test_less_than_a_lot_is_tolerated(world: World, amount: str, seen: bool) -> None:
    """In both directions; a whole lot is a difference."""
    world.own(SPOT, 10)
    for sign in (1, -1):
        world.venue.move("BTC", sign * Decimal(amount))
        world.passes(2)
        assert bool(world.discrepancies()) is seen
        world.venue.move("BTC", -sign * Decimal(amount))
        world.passes(2)


def test_fees_in_coin_are_part_of_what_is_held(world: World) -> None:
    """Dust of many fees is recorded, so it is no difference however much it grows."""
    for _ in range(5):
        order_id = world.approve(SPOT, 100)
        world.venue.trade(SPOT, order_id, 100, fee=Money.of("0.0007", "BTC"))
        world.work(5)
    world.passes(2)
    assert world.books.balances()["wallet", "BTC"] == Decimal("0.4965")
    assert world.agrees()
    assert not world.discrepancies()


def test_an_unknown_balance_goes_outside_and_is_never_sold(world: World) -> None:
    """It is a flow at its price, it pauses nobody, and no order leaves for it."""
    world.own(SPOT, 10)
    world.venue.move("BTC", Decimal("0.05"))
    world.venue.move(QUOTE, Decimal(77))
    calls = world.venue.calls.count("create")
    world.passes(4)
    assert world.agrees()
    assert world.reconciler.foreign_lots(SPOT) == 50
    assert world.books.portfolio.flows == Decimal("0.05") * 100 + 77
    assert world.mode() is Mode.ACTIVE
    assert not world.open()
    assert world.venue.calls.count("create") == calls
    world.check()


def test_what_strangers_brought_may_go_again(world: World) -> None:
    """No suspense, and nobody has to look."""
    world.venue.move("BTC", Decimal("0.05"))
    world.passes(3)
    world.venue.move("BTC", Decimal("-0.05"))
    world.passes(3)
    assert world.books.portfolio.suspended("BTC") == 0
    assert world.reconciler.outside(SPOT) == 0
    assert world.mode() is Mode.ACTIVE
    world.check()


def test_a_vanished_position_goes_into_suspense_until_a_person_has_seen_it(world: World) -> None:
    """No trade is invented: the books say what is gone, and the account pauses."""
    world.own(SPOT, 10)
    world.venue.balances["BTC"] = Decimal(0)
    trades = world.trades()
    assert world.passes(2) == [PENDING, DIFFERS]
    assert world.trades() == trades
    assert world.books.portfolio.suspended("BTC") == Decimal("-0.01")
    (record,) = world.open()
    assert (record.kind, record.ours, record.theirs) == ("position", "0.01", "0")
    assert world.passes(4) == [DIFFERS] * 4
    assert world.mode() is world.written_mode() is Mode.PAUSED
    assert _acknowledged(world, record.discrepancy_id).startswith("acknowledged")
    assert not world.open()
    assert world.reconciler.due(world.clock.now_ms())
    assert world.passes() == [CLEAN]
    assert world.mode() is Mode.PAUSED
    assert world.passes() == [CLEAN]
    assert world.mode() is world.written_mode() is Mode.ACTIVE
    assert world.agrees()
    world.check()


def _acknowledged(world: World, which: str) -> str:
    """Write a control row, as another process does, and have it handled; return the outcome."""
    now = world.clock.now_ms()
    with world.store.writing() as unit:
        unit.controls.add(ControlRecord("c1", ACCOUNT, ControlVerb.ACKNOWLEDGE, which, "eve", now))
        unit.commit()
    with world.store.writing() as unit:
        (control,) = unit.controls.pending(ACCOUNT)
        outcome = world.reconciler.acknowledge(unit, control.argument, control.issued_by)
        unit.controls.handled(control.control_id, now, outcome)
        unit.commit()
    return outcome


def test_only_what_waits_for_a_person_can_be_acknowledged(world: World) -> None:
    """Another id changes nothing; an empty one means all."""
    world.own(SPOT, 10)
    world.venue.balances["BTC"] = Decimal(0)
    world.venue.place(SECOND_SPOT, "manual", 3)
    world.passes(3)
    with world.store.writing() as unit:
        assert "no discrepancy x waits" in world.reconciler.acknowledge(unit, "x", "eve")
        assert world.reconciler.acknowledge(unit, "", "eve").startswith("acknowledged: balance#BTC")
        unit.commit()
    assert [one.kind for one in world.open()] == ["foreign order"]
    assert any("acknowledged by eve" in one.note for one in world.discrepancies())


def test_several_are_acknowledged_at_once_and_no_newer_one(world: World) -> None:
    """A second withdrawal while paused is a discrepancy of its own: one word may cover both."""
    world.own(SPOT, 10)
    for left in ("0.006", "0.004"):
        world.venue.balances["BTC"] = Decimal(left)
        world.passes(3)
    seen = [one.discrepancy_id for one in world.open()]
    assert len(seen) == 2
    world.venue.balances["BTC"] = Decimal("0.001")
    world.passes(3)
    with world.store.writing() as unit:
        said = world.reconciler.acknowledge(unit, ",".join(seen), "eve")
        unit.commit()
    assert said == f"acknowledged: {', '.join(seen)}"
    (newest,) = world.open()
    assert newest.discrepancy_id not in seen
    assert world.mode() is Mode.PAUSED


def test_what_comes_back_leaves_suspense_without_a_person(world: World) -> None:
    """The late trade explains it: booked, and the suspense is undone."""
    world.own(SPOT, 10)
    sold = world.venue.trade(SPOT, "app", -10)
    world.venue.hidden_fills.add(sold.trade_id)
    world.passes(2)
    assert world.books.portfolio.suspended("BTC") == Decimal("-0.01")
    assert world.mode() is Mode.PAUSED
    world.venue.hidden_fills.clear()
    world.passes(8, apart=5 * MINUTE)
    assert sold.trade_id in world.trades()
    assert world.books.portfolio.suspended("BTC") == 0
    assert world.books.portfolio.outside(QUOTE) == 0
    assert world.mode() is Mode.ACTIVE
    assert world.agrees()
    world.check()


@pytest.mark.parametrize("held", [10, -10])
def test_a_vanished_perpetual_goes_into_suspense(world: World, held: int) -> None:
    """Long or short; contracts leave the books at the venue's price."""
    world.own(PERPETUAL, held)
    world.venue.positions.clear()
    world.passes(2)
    assert world.agrees()
    assert world.books.portfolio.suspended(str(PERPETUAL)) == -held * Decimal("0.001")
    assert world.mode() is Mode.PAUSED
    world.check()


def test_contracts_of_a_stranger_go_outside(world: World) -> None:
    """A position that grew without a trade is not ours; a turned one is both."""
    world.own(PERPETUAL, 10)
    world.venue.positions[PERPETUAL] = 16
    world.passes(3)
    assert world.reconciler.foreign_lots(PERPETUAL) == 6
    assert world.mode() is Mode.ACTIVE
    world.venue.positions[PERPETUAL] = -2
    world.passes(2)
    assert world.books.portfolio.suspended(str(PERPETUAL)) == Decimal("-0.01")
    assert world.books.portfolio.outside(str(PERPETUAL)) == Decimal("-0.002")
    assert world.agrees()
    world.check()


def test_cash_that_vanishes_pauses(world: World) -> None:
    """A cent is tolerated, more is not."""
    world.venue.move(QUOTE, Decimal("-0.009"))
    assert world.passes(2) == [CLEAN, CLEAN]
    world.venue.move(QUOTE, Decimal(-100))
    assert world.passes(2) == [PENDING, DIFFERS]
    assert world.mode() is Mode.PAUSED
    assert world.agrees()


def test_balances_are_not_judged_while_an_order_may_have_filled(world: World) -> None:
    """UNKNOWN, or filled without its trades: a coin from nowhere is a trade to come."""
    order_id = world.approve(SPOT, 10)
    fill = world.venue.trade(SPOT, order_id, 10)
    world.venue.hidden_fills.add(fill.trade_id)
    world.work(10)
    assert world.passes(4) == [PENDING] * 4
    assert not world.discrepancies()
    world.venue.hidden_fills.clear()
    world.work(60)
    assert world.passes(2)[-1] is CLEAN
    assert world.agrees()


def test_a_balance_waits_for_a_price(world: World) -> None:
    """Without a price it is not booked, and not forgotten."""
    world.venue.move("BTC", Decimal(1))
    world.venue.failing.add("quote")
    world.passes(3)
    assert not world.discrepancies()
    world.venue.failing.clear()
    world.venue.price = 0
    world.passes(1)
    assert not world.discrepancies()
    world.venue.price = 20_000
    world.passes(1)
    assert world.books.portfolio.flows == 200
