"""Intents know what they are, and orders move only along their arrows."""

from __future__ import annotations

import itertools
import uuid
from dataclasses import replace

import pytest
from mettle.domain.errors import InvalidValue
from mettle.domain.market import Symbol
from mettle.domain.orders import (
    FINAL,
    POSSIBLY_LIVE,
    Canceled,
    Cancelling,
    Denied,
    Evidence,
    Expired,
    Filled,
    Intended,
    Leg,
    NotPlaced,
    Open,
    Opening,
    OrderIntent,
    OrderState,
    Partial,
    Purpose,
    Reduction,
    Rejected,
    Side,
    Submitting,
    Unknown,
    client_order_id,
    filled_lots,
    intent_for,
    intent_id,
    move,
)

BTC = Symbol("BTC", "USDT")
WISH = Opening("paper-1", BTC, Side.BUY, 5, 3_600_000)
STOP = Reduction("paper-1", BTC, Side.SELL, 5, 3_600_000, Purpose.STOP)

STATES: list[OrderState] = [
    Intended(),
    Submitting(),
    Unknown(2, 7),
    Open(),
    Partial(2),
    Cancelling(2),
    Filled(5),
    Expired(2, "no volume"),
    Canceled(2),
    Rejected("too small"),
    NotPlaced("two histories without it"),
    Denied("halted"),
]

SHOWN = (Open, Partial, Filled, Expired, Canceled, Rejected)
"""What a venue can show of an order."""
ARROWS: set[tuple[type[OrderState], type[OrderState]]] = {
    (Intended, Submitting),
    (Intended, Denied),
    (Submitting, Unknown),
    *((Submitting, one) for one in SHOWN),
    (Open, Cancelling),
    (Open, Unknown),
    *((Open, one) for one in SHOWN),
    (Partial, Cancelling),
    (Partial, Unknown),
    *((Partial, one) for one in SHOWN),
    *((Cancelling, one) for one in (Cancelling, Unknown, Filled, Expired, Canceled)),
    (Unknown, Unknown),
    (Unknown, NotPlaced),
    *((Unknown, one) for one in SHOWN),
    (Expired, Expired),
    (Expired, Filled),
    (Canceled, Canceled),
    (Canceled, Filled),
}
"""As the drawing of the specification has them, and the late fills."""


def with_filled(state: OrderState, lots: int) -> OrderState:
    """Return the state with so many lots filled, if it can have any."""
    if isinstance(state, (Unknown, Partial, Cancelling, Filled, Expired, Canceled)):
        return replace(state, filled=lots)
    return state


@pytest.mark.parametrize(("current", "new"), list(itertools.product(STATES, STATES)))
def test_orders_move_along_their_arrows_only(current: OrderState, new: OrderState) -> None:
    """Every pair of states, allowed exactly where the drawing has an arrow."""
    before, after = with_filled(current, 0), with_filled(new, 1)
    evidence = Evidence.ABSENCE if isinstance(new, NotPlaced) else Evidence.QUERY
    if (type(current), type(new)) in ARROWS:
        assert move(before, after, evidence) == after
    else:
        with pytest.raises(InvalidValue, match="an order cannot go from"):
            move(before, after, evidence)


@pytest.mark.parametrize(("current", "new"), sorted(ARROWS, key=str))
def test_only_the_venue_ends_an_order(current: type[OrderState], new: type[OrderState]) -> None:
    """No final state but DENIED without evidence; NOT_PLACED by absence and nothing less."""
    before = with_filled(next(one for one in STATES if type(one) is current), 0)
    after = with_filled(next(one for one in STATES if type(one) is new), 1)
    if new in {Submitting, Unknown, Cancelling, Denied}:
        assert move(before, after) == after
        return
    with pytest.raises(InvalidValue, match="no evidence"):
        move(before, after)
    if new is NotPlaced:
        with pytest.raises(InvalidValue, match="only absence"):
            move(before, after, Evidence.QUERY)


def test_unknown_never_ages_into_rejected() -> None:
    """Time is no evidence: only the venue's own words lead from UNKNOWN to REJECTED."""
    with pytest.raises(InvalidValue, match="no evidence"):
        move(Unknown(0, 1), Rejected("too old"))
    assert move(Unknown(0, 1), Rejected("minimum"), Evidence.QUERY) == Rejected("minimum")


def test_filled_lots_never_shrink() -> None:
    """A report of less than before is refused."""
    assert move(Partial(2), Partial(3), Evidence.STREAM) == Partial(3)
    with pytest.raises(InvalidValue, match="filled lots cannot shrink"):
        move(Partial(3), Canceled(2), Evidence.STREAM)


def test_only_a_late_fill_amends_what_had_ended() -> None:
    """More lots may come after the end, the same number says nothing."""
    assert move(Canceled(2), Filled(5), Evidence.FILLS) == Filled(5)
    assert move(Expired(2, "x"), Expired(3, "x"), Evidence.FILLS) == Expired(3, "x")
    with pytest.raises(InvalidValue, match="only a further fill"):
        move(Canceled(2), Canceled(2), Evidence.QUERY)


def test_every_state_is_final_or_may_be_live_or_was_never_sent() -> None:
    """The two lists part the states."""
    assert {type(one) for one in STATES} - set(FINAL) - set(POSSIBLY_LIVE) == {Intended}
    assert not set(FINAL) & set(POSSIBLY_LIVE)


def test_states_know_what_they_filled() -> None:
    """Nothing before the first fill, and nothing when refused."""
    assert [filled_lots(state) for state in STATES] == [0, 0, 2, 0, 2, 2, 5, 2, 2, 0, 0, 0]


@pytest.mark.parametrize(
    ("held", "change", "wanted"),
    [
        (0, 5, Opening("a", BTC, Side.BUY, 5, 1)),
        (0, 1, Opening("a", BTC, Side.BUY, 1, 1)),
        (-1, 1, Reduction("a", BTC, Side.BUY, 1, 1, Purpose.REBALANCE)),
        (3, 2, Opening("a", BTC, Side.BUY, 2, 1)),
        (-3, -2, Opening("a", BTC, Side.SELL, 2, 1)),
        (3, -2, Reduction("a", BTC, Side.SELL, 2, 1, Purpose.REBALANCE)),
        (3, -3, Reduction("a", BTC, Side.SELL, 3, 1, Purpose.REBALANCE)),
        (-3, 2, Reduction("a", BTC, Side.BUY, 2, 1, Purpose.REBALANCE)),
        (3, -5, Opening("a", BTC, Side.SELL, 5, 1, 3)),
        (-3, 5, Opening("a", BTC, Side.BUY, 5, 1, 3)),
    ],
)
def test_the_type_says_whether_exposure_rises(held: int, change: int, wanted: OrderIntent) -> None:
    """What only lowers a position is a reduction; what turns it round says how much it closes."""
    assert intent_for("a", BTC, held, change, 1, Purpose.REBALANCE) == wanted


def test_a_refused_turn_still_closes() -> None:
    """The reducing part of an opening can be had alone, under the same identity."""
    turn = Opening("a", BTC, Side.SELL, 5, 1, 3)
    assert turn.reduction() == Reduction("a", BTC, Side.SELL, 3, 1, Purpose.REBALANCE)
    assert Opening("a", BTC, Side.SELL, 5, 1).reduction() is None
    assert intent_id(turn) == intent_id(Reduction("a", BTC, Side.SELL, 3, 1, Purpose.REBALANCE))


def test_nothing_but_the_agent_raises_exposure() -> None:
    """A stop that would open a position is refused."""
    with pytest.raises(InvalidValue, match="a stop of 5 lots does not reduce a position of 3"):
        intent_for("a", BTC, 3, 5, 1, Purpose.STOP)


@pytest.mark.parametrize("lots", [0, -3])
def test_an_intent_trades_something(lots: int) -> None:
    """An order without lots is no order."""
    for make in (
        lambda: Opening("a", BTC, Side.BUY, lots, 1),
        lambda: Reduction("a", BTC, Side.BUY, lots, 1, Purpose.STOP),
    ):
        with pytest.raises(
            InvalidValue,
            match=f"BTC/USDT: an order must have a positive number of lots, had {lots}",
        ):
            make()


def test_a_change_of_nothing_is_no_intent() -> None:
    """Whatever is held."""
    for held in (-3, 0, 3):
        with pytest.raises(InvalidValue, match="BTC/USDT: an order must have a positive number"):
            intent_for("a", BTC, held, 0, 1, Purpose.REBALANCE)


@pytest.mark.parametrize("closes", [-1, 5, 6])
def test_an_opening_opens_something(closes: int) -> None:
    """What closes all of its lots is a reduction."""
    text = f"BTC/USDT: an opening of 5 lots must close fewer, not {closes}"
    with pytest.raises(InvalidValue, match=text):
        Opening("a", BTC, Side.BUY, 5, 1, closes)


def test_one_bar_asks_once_for_one_purpose() -> None:
    """Size takes no part in the identity; account, symbol, bar and purpose do."""
    larger = Opening("paper-1", BTC, Side.SELL, 9, 3_600_000)
    assert intent_id(WISH) == intent_id(larger)
    others: list[OrderIntent] = [
        STOP,
        Opening("paper-2", BTC, Side.BUY, 5, 3_600_000),
        Opening("paper-1", Symbol("ETH", "USDT"), Side.BUY, 5, 3_600_000),
        Opening("paper-1", BTC, Side.BUY, 5, 7_200_000),
    ]
    assert len({intent_id(one) for one in (WISH, *others)}) == 5


def test_client_order_ids_come_again() -> None:
    """The same attempt has the same id after a crash; whatever it depends on changes it."""
    first = client_order_id(WISH, venue="binance", leg=Leg.MAKER, attempt=1)
    assert first == client_order_id(WISH, venue="binance", leg=Leg.MAKER, attempt=1)
    assert uuid.UUID(first).version == 5
    others = {
        client_order_id(WISH, venue="binance", leg=Leg.MAKER, attempt=2),
        client_order_id(WISH, venue="binance", leg=Leg.TAKER, attempt=1),
        client_order_id(WISH, venue="coinbase", leg=Leg.MAKER, attempt=1),
        client_order_id(STOP, venue="binance", leg=Leg.MAKER, attempt=1),
        client_order_id(WISH, venue="binance", environment="live", leg=Leg.MAKER, attempt=1),
    }
    assert len(others - {first}) == 5
