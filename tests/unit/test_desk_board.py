"""What the desk holds: intents under way, their attempts, what is locked and what is missing."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from mettle.application.execution.board import Board, Working, is_settled, lots_of
from mettle.application.journal import IntentRecord, IntentStatus, OrderRecord
from mettle.domain.errors import InvalidValue
from mettle.domain.market import FeeSchedule, Instrument, Symbol
from mettle.domain.orders import (
    AttemptView,
    Canceled,
    Cancelling,
    Evidence,
    Expired,
    Filled,
    Leg,
    NotPlaced,
    Open,
    Opening,
    OrderIntent,
    OrderKind,
    OrderState,
    OrderTerms,
    Partial,
    PlanKind,
    Purpose,
    Reduction,
    Rejected,
    Side,
    Submitting,
    Unknown,
    intent_id,
)

BTC, ETH = Symbol("BTC", "USDT"), Symbol("ETH", "USDT")
WISH = Opening("paper-1", BTC, Side.BUY, 10, 3_600_000)
EXIT = Reduction("paper-1", ETH, Side.SELL, 6, 3_600_000, Purpose.STOP)


def working(intent: OrderIntent = WISH, stage: str = "", plan: str = "maker first") -> Working:
    """Return an intent under way."""
    record = IntentRecord(
        "paper-1", "r", intent_id(intent), intent, plan,
        100, 9, IntentStatus.WORKING, stage, "", 1, 1,
    )  # fmt: skip
    return Working(record)


def attempt(
    order_id: str,
    state: OrderState,
    intent: OrderIntent = WISH,
    *,
    lots: int = 10,
    limit: int | None = 100,
    number: int = 1,
) -> OrderRecord:
    """Return an attempt sent at 7, written down at 5."""
    kind = OrderKind.LIMIT if limit is not None else OrderKind.NEXT_OPEN
    terms = OrderTerms(intent.symbol, intent.side, lots, kind, limit)
    return OrderRecord(
        "r", order_id, intent, state, 5, 5, number, leg=Leg.MAKER, terms=terms, sent_at=7
    )


def board(*orders: OrderRecord, booked: int = 0) -> tuple[Board, Working]:
    """Return a board with one intent and its attempts, each with so many lots booked."""
    held, one = Board(), working()
    one.attempts = [order.client_order_id for order in orders]
    held.take(one, orders)
    for order in orders:
        held.booked[order.client_order_id] = booked
    return held, one


def test_an_intent_comes_back_as_it_was_left() -> None:
    """Crossed attempts and the pause survive a restart; the attempts keep their order."""
    before = working()
    before.crossed, before.retry_at = {"b", "a"}, 77
    stage = before.stage()
    assert stage == '{"crossed":["a","b"],"retry_at":77}'
    orders = [attempt("b", Rejected("x")), attempt("a", Open(), number=2)]
    after = Working.restored(replace(before.record, stage=stage), orders)
    assert (after.crossed, after.retry_at, after.attempts) == ({"a", "b"}, 77, ["b", "a"])
    assert (after.stage(), after.due, after.inquiry, after.stopping) == (stage, 0, None, False)


def test_an_intent_knows_what_and_how() -> None:
    """Its symbol and its plan."""
    assert (working().symbol, working().plan) == (BTC, PlanKind.MAKER_FIRST)
    assert working(EXIT, plan="taker").plan is PlanKind.TAKER


def test_a_board_finds_what_it_holds() -> None:
    """By symbol, by attempt, the newest, and the live ones."""
    first, second = attempt("a", Canceled(0)), attempt("b", Open(), number=2)
    held, one = board(first, second)
    exit_ = working(EXIT)
    held.take(exit_, ())
    assert list(held.on(BTC)) == [one]
    assert list(held.on(ETH)) == [exit_]
    assert held.of(first) is one
    assert held.of(attempt("c", Open())) is None
    assert (held.last(one), held.last(exit_)) == (second, None)
    assert list(held.live()) == [second]


def test_taking_again_forgets_no_fill() -> None:
    """A second attempt does not set back what is booked of the first."""
    first = attempt("a", Partial(4))
    held, one = board(first, booked=4)
    one.attempts.append("b")
    held.take(one, [first, attempt("b", Submitting(), number=2)])
    assert held.booked == {"a": 4, "b": 0}


def test_what_is_dropped_is_gone() -> None:
    """With its attempts and their fills; what else there is stays."""
    held, one = board(attempt("a", Canceled(0)), attempt("b", Filled(10)))
    exit_ = working(EXIT)
    exit_.attempts = ["c"]
    held.take(exit_, [attempt("c", Open(), EXIT)])
    held.drop(one)
    assert (list(held.working.values()), list(held.orders), held.booked) == (
        [exit_],
        ["c"],
        {"c": 0},
    )


def test_the_plan_sees_each_attempt() -> None:
    """With what is booked, whether it crossed, and the pause on the last one only."""
    first = attempt("a", Rejected("would take"))
    second = replace(attempt("b", Partial(4), number=2), sent_at=None)
    held, one = board(first, second)
    held.booked["b"] = 3
    one.crossed, one.retry_at = {"a"}, 77
    assert held.views(one) == [
        AttemptView(Leg.MAKER, 1, Rejected("would take"), 7, 0, would_cross=True, retry_at=0),
        AttemptView(Leg.MAKER, 2, Partial(4), 5, 3, would_cross=False, retry_at=77),
    ]


@pytest.mark.parametrize("state", [Submitting(), Unknown(0, 1), Open(), Partial(3), Cancelling(3)])
def test_what_may_be_live_is_open(state: OrderState) -> None:
    """UNKNOWN counts as if it would fill; lots that are booked are not open any more."""
    held, _ = board(attempt("a", state), booked=3)
    selling = working(EXIT)
    selling.attempts = ["s"]
    held.take(selling, [attempt("s", state, EXIT, lots=6)])
    assert held.open_lots(BTC) == (7, 0)
    assert held.open_lots(ETH) == (0, 6)
    assert held.open_lots(Symbol("SOL", "USDT")) == (0, 0)


@pytest.mark.parametrize(
    "state", [Filled(10), Canceled(3), Expired(3, ""), Rejected("x"), NotPlaced("x")]
)
def test_what_has_ended_is_not_open(state: OrderState) -> None:
    """Nor does it lock anything."""
    held, _ = board(attempt("a", state))
    assert held.open_lots(BTC) == (0, 0)
    assert held.locked({BTC: coin(BTC)}) == 0


def coin(symbol: Symbol) -> Instrument:
    """Return an instrument of which a lot at a tick is worth 1,000 units."""
    fees = FeeSchedule.flat(200, 700)
    return Instrument(symbol, Decimal("0.01"), Decimal("0.001"), fees)


def test_purchases_lock_their_worst_cost() -> None:
    """What is not booked yet at the limit, with the taker's fee; sales and bar orders nothing."""
    held, _ = board(attempt("a", Open()), booked=3)
    instruments = {BTC: coin(BTC), ETH: coin(ETH)}
    assert held.locked(instruments) == 7 * 100 * 1_000 * 1_000_700 // 1_000_000
    selling = working(EXIT)
    selling.attempts = ["s"]
    held.take(selling, [attempt("s", Open(), EXIT)])
    bars = working(replace(WISH, symbol=ETH))
    bars.attempts = ["n", "w"]
    bare = replace(attempt("w", Open(), bars.record.intent), terms=None)
    held.take(bars, [attempt("n", Open(), bars.record.intent, limit=None), bare])
    assert held.locked(instruments) == 700_490


def test_what_is_locked_is_rounded_up() -> None:
    """A fraction of a unit is a unit."""
    fees = FeeSchedule.flat(200, 1)
    dear = Instrument(BTC, Decimal("0.01"), Decimal("0.001"), fees)
    held, _ = board(attempt("a", Open(), lots=1, limit=1))
    assert held.locked({BTC: dear}) == 1_001


def test_an_attempt_moves_along_arrows_only() -> None:
    """And remembers when, and on which evidence."""
    held, one = board(attempt("a", Submitting()))
    first = held.changed(held.orders["a"], Open(), 50, Evidence.ACKNOWLEDGEMENT)
    assert (first.state, first.updated_at, first.evidence) == (Open(), 50, "acknowledgement")
    assert held.orders["a"] is first
    second = held.changed(first, Cancelling(0), 60)
    assert (second.updated_at, second.evidence) == (60, "acknowledgement")
    with pytest.raises(InvalidValue, match="cannot go from"):
        held.changed(second, Open(), 70, Evidence.STREAM)
    assert held.last(one) is second


def test_an_attempt_of_no_intent_is_not_taken_in() -> None:
    """Moving it leaves the board as it is."""
    held, _ = board(attempt("a", Open()))
    moved = held.changed(attempt("z", Open()), Filled(10), 50, Evidence.STREAM)
    assert moved.state == Filled(10)
    assert list(held.orders) == ["a"]


def test_an_attempt_may_be_smaller_than_its_intent() -> None:
    """Its own size counts, or the intent's where the venue made it."""
    small = attempt("a", Open(), lots=4)
    assert (lots_of(small), lots_of(replace(small, terms=None))) == (4, 10)


@pytest.mark.parametrize(
    ("state", "booked", "settled"),
    [
        (Filled(10), 10, True),
        (Filled(10), 9, False),
        (Canceled(0), 0, True),
        (Canceled(3), 4, False),
        (Partial(3), 3, False),
        (Open(), 0, False),
        (Rejected("x"), 0, True),
    ],
)
def test_settled_is_ended_and_booked(state: OrderState, booked: int, settled: bool) -> None:
    """Neither an end without its fills nor fills without an end."""
    assert is_settled(attempt("a", state), booked) is settled
