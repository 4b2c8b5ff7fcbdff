"""What waits for other orders on its symbol, and which stop stands in whose way."""

from __future__ import annotations

from dataclasses import replace

import pytest
from mettle.application.execution.board import Board, Working
from mettle.application.execution.waiting import Waiting
from mettle.application.journal import IntentRecord, IntentStatus, OrderRecord
from mettle.application.ports.venue import VenueCapabilities
from mettle.domain.market import Symbol
from mettle.domain.orders import (
    Cancelling,
    Leg,
    Open,
    Opening,
    OrderIntent,
    OrderState,
    OrderTerms,
    Purpose,
    Reduction,
    Side,
    Unknown,
    intent_id,
)
from mettle.domain.risk import Approved
from mettle.domain.risk.verdict import SEAL

SPOT, PERPETUAL = Symbol.parse("BTC/USDT"), Symbol.parse("BTC/USDT:USDT")
BOUNDED = VenueCapabilities(reduce_only=True, stops=True)
PLAIN = VenueCapabilities(stops=True)
LENDING = VenueCapabilities(stops=True, lends_coins=True)


def sale(symbol: Symbol, purpose: Purpose = Purpose.REBALANCE, lots: int = 4) -> Reduction:
    """Return a reduction of a long position."""
    return Reduction("a", symbol, Side.SELL, lots, 60_000, purpose)


def turn(symbol: Symbol) -> Opening:
    """Return an opening that turns a long position round."""
    return Opening("a", symbol, Side.SELL, 9, 60_000, closes=4)


def under_way(intent: OrderIntent, plan: str, state: OrderState | None = None) -> Board:
    """Return a board with one intent, and its order if it has a state."""
    record = IntentRecord(
        "a", "r", intent_id(intent), intent, plan, 1, 1, IntentStatus.WORKING, "", "", 1, 1
    )
    found, working = Board(), Working(record)
    orders = []
    if state is not None:
        terms = OrderTerms(intent.symbol, intent.side, intent.lots, limit=90, trigger=95)
        orders = [OrderRecord("r", "x", intent, state, 1, 1, leg=Leg.STOP, terms=terms)]
        working.attempts = ["x"]
    found.take(working, orders)
    return found


def resting(symbol: Symbol, state: OrderState) -> Board:
    """Return a board with a stop in a state."""
    return under_way(sale(symbol, Purpose.STOP), "resting stop", state)


def approved(intent: OrderIntent) -> Approved:
    """Return an intent that may be sent."""
    return Approved(intent, 0, 0, seal=SEAL)


@pytest.mark.parametrize(
    ("able", "intent", "state", "locked"),
    [
        (BOUNDED, sale(SPOT), Open(), True),
        (BOUNDED, sale(SPOT, Purpose.STOP), Open(), True),
        (BOUNDED, sale(SPOT, Purpose.STOP), Cancelling(0), True),
        (BOUNDED, sale(SPOT, Purpose.STOP), Unknown(0, 1), False),
        (PLAIN, sale(SPOT, Purpose.FLATTEN), Unknown(0, 1), False),
        (LENDING, sale(SPOT, Purpose.STOP), Unknown(0, 1), True),
        (BOUNDED, sale(SPOT), Unknown(0, 1), True),
        (BOUNDED, sale(PERPETUAL), Open(), False),
        (BOUNDED, sale(PERPETUAL, Purpose.MARGIN), Unknown(0, 1), False),
        (PLAIN, sale(PERPETUAL), Open(), True),
        (PLAIN, sale(PERPETUAL, Purpose.STOP), Unknown(0, 1), True),
        (BOUNDED, turn(PERPETUAL), Open(), True),
        (BOUNDED, Opening("a", SPOT, Side.BUY, 2, 60_000), Open(), False),
    ],
)
def test_a_stop_stands_in_the_way_of_what_it_locks(
    able: VenueCapabilities, intent: OrderIntent, state: OrderState, *, locked: bool
) -> None:
    """Where both together could turn a position, or the coins are locked; purchases never wait."""
    board = resting(intent.symbol, state)
    assert Waiting(able).is_locked(board, intent) is locked


def test_other_symbols_and_no_stop_lock_nothing() -> None:
    """Only the stop of the same symbol counts."""
    waiting = Waiting(PLAIN)
    assert not waiting.is_locked(Board(), sale(SPOT))
    assert not waiting.is_locked(resting(PERPETUAL, Open()), sale(SPOT))


def test_what_waits_comes_out_once_it_may() -> None:
    """Not while something works on the symbol or a stop locks it; then once."""
    waiting = Waiting(BOUNDED)
    assert not waiting
    waiting.hold(approved(sale(SPOT)), 7, 8)
    assert waiting
    assert waiting.symbols() == {SPOT}
    assert not list(waiting.ready(resting(SPOT, Open())))
    assert not list(waiting.ready(under_way(sale(SPOT), "maker first")))
    assert list(waiting.ready(Board())) == [(approved(sale(SPOT)), 7, 8)]
    assert not waiting
    waiting.hold(approved(sale(SPOT)), 7, 8)
    waiting.clear()
    assert not waiting.symbols()


def test_a_stop_that_alone_stands_in_the_way_is_named() -> None:
    """It has to go: what began to wait for something else would wait for it until it fills."""
    waiting = Waiting(BOUNDED)
    assert not waiting.locked(resting(SPOT, Open()))
    waiting.hold(approved(sale(SPOT, Purpose.STOP)), 7, 8)
    assert waiting.locked(resting(SPOT, Open())) == {SPOT}
    assert not waiting.locked(Board())
    assert not waiting.locked(under_way(Opening("a", SPOT, Side.BUY, 2, 60_000), "maker first"))


def test_an_exit_takes_the_place_of_what_is_none() -> None:
    """Of its own symbol; other exits and other symbols stay."""
    waiting = Waiting(BOUNDED)
    exit_, other = sale(SPOT, Purpose.STOP), replace(sale(SPOT), symbol=PERPETUAL)
    for one in (sale(SPOT), other):
        waiting.hold(approved(one), 1, 1)
    assert not waiting.has_exit(SPOT)
    waiting.hold(approved(exit_), 1, 1)
    assert waiting.has_exit(SPOT)
    assert not waiting.has_exit(PERPETUAL)
    waiting.hold(approved(sale(SPOT, Purpose.FLATTEN)), 1, 1)
    found = [one.intent for one, _, _ in waiting.ready(Board())]
    assert found == [other, exit_, sale(SPOT, Purpose.FLATTEN)]


def test_a_board_keeps_stops_apart() -> None:
    """A stop is under way beside everything else, and makes nobody busy."""
    board = resting(SPOT, Open())
    stop = board.resting(SPOT)
    assert stop is not None
    assert stop.rests
    assert (list(board.on(SPOT)), board.is_busy, board.resting(PERPETUAL)) == ([], False, None)
    assert under_way(sale(SPOT), "taker").is_busy


def test_a_stop_that_only_reduces_opens_nothing() -> None:
    """It takes no part in the worst case, nor does it lock cash; any other order does both."""
    board = resting(SPOT, Open())
    assert board.open_lots(SPOT) == (0, 4)
    order = board.orders["x"]
    assert order.terms is not None
    board.orders["x"] = replace(order, terms=replace(order.terms, reduce_only=True))
    assert board.open_lots(SPOT) == (0, 0)
    assert board.locked({}) == 0
