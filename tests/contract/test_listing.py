"""Orders and decisions as they are listed and shown: memory, SQLite and PostgreSQL."""

from __future__ import annotations

from dataclasses import replace

import pytest
from mettle.application.control import (
    list_decisions,
    list_orders,
    show_decision,
    show_order,
    state_words,
    why_not,
)
from mettle.application.journal import IntentRecord, IntentStatus
from mettle.application.ports.unit_of_work import Store, UnitOfWork
from mettle.domain.errors import InvalidValue, NotFound
from mettle.domain.orders import (
    Canceled,
    Filled,
    Intended,
    NotPlaced,
    Opening,
    Purpose,
    Reduction,
    Rejected,
    Side,
    Submitting,
    Unknown,
    intent_id,
)
from tests.support.journal import BTC, decision, fill, order, write

ACCOUNT = "r"


def orders(unit: UnitOfWork) -> None:
    """Write three orders: one filled in two parts, one unknown, one refused."""
    for name, state in (
        ("aaaa-1", Filled(5)),
        ("aaaa-2", Unknown(0, 7)),
        ("bbbb-3", Rejected("no")),
    ):
        unit.orders.add(replace(order(name), state=Submitting()))
        unit.orders.update(replace(order(name), state=state))
    unit.fills.add(replace(fill(0, "t0", "aaaa-1"), lots=2, ticks=10))
    unit.fills.add(replace(fill(1, "t1", "aaaa-1"), lots=3, ticks=20))
    unit.audit.add(ACCOUNT, "order aaaa-1", "a late fill", 9, 9)
    unit.audit.add(ACCOUNT, "order bbbb-3", "something else", 9, 9)


def intent_at(decided_at: int, outcome: str) -> IntentRecord:
    """Return an intent that ended with nothing."""
    wanted = Opening(ACCOUNT, BTC, Side.BUY, 12, decided_at)
    return IntentRecord(
        ACCOUNT, ACCOUNT, intent_id(wanted), wanted, "maker first", 1, 2, IntentStatus.DONE,
        "", outcome, 3, 4,
    )  # fmt: skip


def test_newest_first_with_what_was_filled(store: Store) -> None:
    """Each line has the lots in the books and their average price."""
    write(store, orders)
    found = list_orders(store, ACCOUNT)
    assert [one.order.client_order_id for one in found] == ["bbbb-3", "aaaa-2", "aaaa-1"]
    assert (found[2].filled, found[2].ticks) == (5, 16.0)
    assert (found[0].filled, found[0].ticks) == (0, None)
    assert len(list_orders(store, ACCOUNT, 1)) == 1


def test_only_live_ones_or_only_a_symbol(store: Store) -> None:
    """An order of unknown outcome may be live; a symbol that nothing traded has none."""
    write(store, orders)
    live = list_orders(store, ACCOUNT, live=True)
    assert [one.order.client_order_id for one in live] == ["aaaa-2"]
    assert len(list_orders(store, ACCOUNT, symbol="BTC/USDT")) == 3
    assert list_orders(store, ACCOUNT, symbol="ETH/USDT") == []


def test_one_order_with_everything_about_it(store: Store) -> None:
    """Found by its whole id, or by its beginning; fills and notes are its own."""
    write(store, orders)
    whole = show_order(store, None, "aaaa-1")
    assert [one.trade_id for one in whole.fills] == ["t0", "t1"]
    assert [one.text for one in whole.audit] == ["a late fill"]
    assert len(whole.attempts) == 3
    assert show_order(store, ACCOUNT, "bbbb").order.client_order_id == "bbbb-3"


@pytest.mark.parametrize("order_id", ["zzzz", "bb", ""])
def test_an_order_that_is_not_there(store: Store, order_id: str) -> None:
    """Unknown, and too short to be meant: not found."""
    write(store, orders)
    with pytest.raises(NotFound, match="no order"):
        show_order(store, ACCOUNT, order_id)


def test_a_beginning_that_fits_several(store: Store) -> None:
    """It is not guessed which was meant."""
    write(store, orders)
    with pytest.raises(InvalidValue, match="2 orders begin"):
        show_order(store, ACCOUNT, "aaaa")


def test_decisions_newest_first(store: Store) -> None:
    """A decision says what was done and why."""

    def act(unit: UnitOfWork) -> None:
        for time in (10, 20):
            unit.decisions.add(decision(time))

    write(store, act)
    newest, older = list_decisions(store, ACCOUNT)
    assert (newest.time, older.time) == (21, 11)
    assert newest.action == "BTC/USDT buy, ETH/USDT hold"
    assert "action was NaN" in newest.why


def test_why_not_names_holds_and_plans_that_failed(store: Store) -> None:
    """A hold has its verdict; an intent that traded nothing has its plan's outcome."""

    def act(unit: UnitOfWork) -> None:
        for time in range(10, 60, 10):
            unit.decisions.add(decision(time))
        unit.intents.add(intent_at(51, "the signal is too old"))

    write(store, act)
    found = why_not(store, ACCOUNT, 3)
    assert [(one.time, one.symbol) for one in found] == [
        *((51, "BTC/USDT"), (51, "ETH/USDT"), (41, "ETH/USDT")),
    ]
    assert [one.why for one in found[:2]] == ["the signal is too old", "hold: action was NaN"]
    assert len(why_not(store, ACCOUNT, 100)) == 6


def test_one_decision_with_what_came_of_it(store: Store) -> None:
    """By the close of its bar, or the newest."""

    def act(unit: UnitOfWork) -> None:
        for time in range(10, 60, 10):
            unit.decisions.add(decision(time))
        unit.intents.add(intent_at(21, "done"))
        wanted = intent_at(21, "").intent
        unit.orders.add(replace(order("o1"), intent=wanted))

    write(store, act)
    assert show_decision(store, ACCOUNT).decision.time == 51
    found = show_decision(store, ACCOUNT, 21)
    assert [one.outcome for one in found.intents] == ["done"]
    assert [one.client_order_id for one in found.orders] == ["o1"]
    for time in (5, 20, 99):
        with pytest.raises(NotFound, match="no decision"):
            show_decision(store, ACCOUNT, time)


def test_states_in_words() -> None:
    """States read as they are called, with the reason where there is one."""
    assert state_words(Intended()) == "intended"
    assert state_words(Canceled(3)) == "canceled"
    assert state_words(NotPlaced("no trace of it")) == "not placed: no trace of it"


def test_every_purpose_is_found(store: Store) -> None:
    """Whatever an exit was for, the decision of its bar shows it."""

    def act(unit: UnitOfWork) -> None:
        unit.decisions.add(decision(10))
        for purpose in Purpose:
            base = intent_at(11, purpose.value)
            wanted = Reduction(ACCOUNT, BTC, Side.SELL, 3, 11, purpose)
            unit.intents.add(replace(base, intent=wanted, intent_id=intent_id(wanted)))

    write(store, act)
    found = show_decision(store, ACCOUNT, 11)
    assert {one.outcome for one in found.intents} == {one.value for one in Purpose}
