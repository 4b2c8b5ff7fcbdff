"""Intents know what they are, and orders move only along their arrows."""

from __future__ import annotations

import itertools
import uuid

import pytest
from mettle.domain.errors import InvalidValue
from mettle.domain.market import Symbol
from mettle.domain.orders import (
    FINAL,
    Canceled,
    Denied,
    Exit,
    Expired,
    Filled,
    Intended,
    Open,
    OrderState,
    Partial,
    Purpose,
    Rebalance,
    Rejected,
    Side,
    Submitting,
    client_order_id,
    filled_lots,
    intent_id,
    move,
)

BTC = Symbol("BTC", "USDT")
WISH = Rebalance("paper-1", BTC, Side.BUY, 5, 3_600_000)
STOP = Exit("paper-1", BTC, Side.SELL, 5, 3_600_000, Purpose.STOP)

STATES: list[OrderState] = [
    Intended(),
    Submitting(),
    Open(),
    Partial(2),
    Filled(5),
    Expired(2, "no volume"),
    Canceled(2),
    Rejected("too small"),
    Denied("halted"),
]

ARROWS = {
    (Intended, Submitting),
    (Intended, Denied),
    (Submitting, Open),
    (Submitting, Partial),
    (Submitting, Rejected),
    (Submitting, Filled),
    (Submitting, Expired),
    (Submitting, Canceled),
    (Open, Partial),
    (Open, Filled),
    (Open, Expired),
    (Open, Canceled),
    (Partial, Partial),
    (Partial, Filled),
    (Partial, Expired),
    (Partial, Canceled),
}


@pytest.mark.parametrize(("current", "new"), list(itertools.product(STATES, STATES)))
def test_orders_move_along_their_arrows_only(current: OrderState, new: OrderState) -> None:
    """Every pair of states, allowed exactly where the drawing has an arrow."""
    if (type(current), type(new)) in ARROWS:
        assert move(current, new) == new
    else:
        with pytest.raises(InvalidValue, match="an order cannot go from"):
            move(current, new)


def test_filled_lots_never_shrink() -> None:
    """A partial fill that reports less than before is refused."""
    assert move(Partial(2), Partial(3)) == Partial(3)
    with pytest.raises(InvalidValue, match="filled lots cannot shrink"):
        move(Partial(3), Canceled(2))


def test_nothing_leaves_a_final_state() -> None:
    """Only the venue's word ends an order, and then it has ended."""
    assert {type(state) for state in STATES if isinstance(state, FINAL)} == set(FINAL)
    assert not [arrow for arrow in ARROWS if arrow[0] in FINAL]


def test_states_know_what_they_filled() -> None:
    """Nothing before the first fill, and nothing when refused."""
    assert [filled_lots(state) for state in STATES] == [0, 0, 0, 2, 5, 2, 2, 0, 0]


def test_a_rebalance_is_no_exit() -> None:
    """The purpose of a rebalance is fixed, and an exit must have another."""
    assert WISH.purpose is Purpose.REBALANCE
    with pytest.raises(InvalidValue, match="BTC/USDT: a rebalance is not an exit"):
        Exit("paper-1", BTC, Side.SELL, 5, 1, Purpose.REBALANCE)


@pytest.mark.parametrize("lots", [0, -3])
def test_an_intent_trades_something(lots: int) -> None:
    """An order without lots is no order."""
    for make in (
        lambda: Rebalance("a", BTC, Side.BUY, lots, 1),
        lambda: Exit("a", BTC, Side.BUY, lots, 1, Purpose.STOP),
    ):
        with pytest.raises(InvalidValue, match=f"needs at least one lot, was {lots}"):
            make()


def test_one_bar_asks_once_for_one_purpose() -> None:
    """Size takes no part in the identity; account, symbol, bar and purpose do."""
    larger = Rebalance("paper-1", BTC, Side.SELL, 9, 3_600_000)
    assert intent_id(WISH) == intent_id(larger)
    others: list[Rebalance | Exit] = [
        STOP,
        Rebalance("paper-2", BTC, Side.BUY, 5, 3_600_000),
        Rebalance("paper-1", Symbol("ETH", "USDT"), Side.BUY, 5, 3_600_000),
        Rebalance("paper-1", BTC, Side.BUY, 5, 7_200_000),
    ]
    assert len({intent_id(one) for one in (WISH, *others)}) == 5


def test_client_order_ids_come_again() -> None:
    """The same attempt has the same id after a crash; venue and attempt change it."""
    first = client_order_id(WISH, venue="binance")
    assert first == client_order_id(WISH, venue="binance", attempt=1)
    assert uuid.UUID(first).version == 5
    assert first != client_order_id(WISH, venue="binance", attempt=2)
    assert first != client_order_id(WISH, venue="coinbase")
