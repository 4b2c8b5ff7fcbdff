"""The simulated venue keeps the port's promises."""

from __future__ import annotations

from decimal import Decimal

import pytest
from mettle.adapters.venues.simulated import SimulatedVenue
from mettle.application.market.row import BarRow, panel_rows
from mettle.application.ports.venue import (
    Accepted,
    CancelAnswer,
    OrderRequest,
    Refused,
    VenueFill,
    VenueFunding,
    VenueOrder,
    VenueOrderStatus,
)
from mettle.domain.errors import DataError
from mettle.domain.market import CASH_SCALE, Symbol
from mettle.domain.orders import OrderKind, OrderTerms, Purpose, Side
from mettle.domain.simulation import SimulationSettings
from tests.support.sessions import panel

BTC, ETH = Symbol.parse("BTC/USDT"), Symbol.parse("ETH/USDT")
SPOT = SimulationSettings()
LOT: Decimal = panel(1).instruments[0].lot_size


def world(
    settings: SimulationSettings = SPOT,
    names: tuple[str, ...] = ("BTC/USDT", "ETH/USDT"),
    bars: int = 12,
    gaps: float = 0.0,
) -> tuple[SimulatedVenue, list[BarRow]]:
    """Return a venue that has seen the first bar, and the bars after it."""
    market = panel(bars, names, gaps=gaps)
    first, *later = panel_rows(market, 0, bars, settings.maker_wait)
    venue = SimulatedVenue(market.instruments, settings)
    venue.advance(first)
    return venue, later


def order(
    side: Side,
    lots: int,
    order_id: str,
    symbol: Symbol = BTC,
    kind: OrderKind = OrderKind.NEXT_OPEN,
    *,
    reduce_only: bool = False,
) -> OrderRequest:
    """Return a request for the next bar, or another kind."""
    return OrderRequest(order_id, OrderTerms(symbol, side, lots, kind, reduce_only=reduce_only))


def buy(lots: int, symbol: Symbol = BTC, order_id: str = "a") -> OrderRequest:
    """Return a buy."""
    return order(Side.BUY, lots, order_id, symbol)


def sell(lots: int, order_id: str = "s") -> OrderRequest:
    """Return a sale."""
    return order(Side.SELL, lots, order_id)


def cash(venue: SimulatedVenue) -> int:
    """Return the cash in 1e-8 quote."""
    return int(venue.account().balances["USDT"] * CASH_SCALE)


def fee(fill: VenueFill) -> int:
    """Return the fee in 1e-8 quote."""
    return int(fill.fee.amount * CASH_SCALE)


def test_an_order_fills_at_the_next_open() -> None:
    """It waits until the next bar, fills there at the open and slippage, and ends."""
    venue, (bar, *_) = world()
    assert isinstance(venue.create(buy(100)), Accepted)
    assert [one.client_order_id for one in venue.open_orders()] == ["a"]
    assert venue.drain() == []
    venue.advance(bar)
    fill, ended = venue.drain()
    assert isinstance(fill, VenueFill)
    assert isinstance(ended, VenueOrder)
    assert fill.ticks == -(-bar.bars[0].open * 1_000_500 // 1_000_000)
    assert (fill.client_order_id, fill.side, fill.lots, fill.protects) == ("a", 1, 100, None)
    assert fill.occurred_at == bar.open_time
    assert (ended.status, ended.filled, ended.reason) == (VenueOrderStatus.FILLED, 100, "")
    assert venue.order(BTC, "a") == ended
    assert venue.open_orders() == []
    assert venue.account().balances["BTC"] == 100 * LOT
    assert cash(venue) == SPOT.initial_cash - 100 * fill.ticks * 100 - fee(fill)


def test_news_is_told_once_and_can_be_asked_for() -> None:
    """A drain empties; the histories keep."""
    venue, (first, second, *_) = world()
    venue.create(buy(100))
    venue.advance(first)
    assert len(venue.drain()) == 2
    assert venue.drain() == []
    venue.create(sell(40))
    venue.advance(second)
    assert len(venue.drain()) == 2
    assert [one.lots for one in venue.fills_since(0)] == [100, 40]
    assert [one.lots for one in venue.fills_since(second.open_time)] == [40]
    assert [one.client_order_id for one in venue.orders_since(second.open_time)] == ["s"]


def test_the_same_request_twice_is_one_order() -> None:
    """A repeat gets the first answer, even after the fill; another content is refused."""
    venue, (bar, *_) = world()
    first = venue.create(buy(100))
    assert venue.create(buy(100)) == first
    assert len(venue.open_orders()) == 1
    assert isinstance(venue.create(buy(200)), Refused)
    venue.advance(bar)
    assert venue.create(buy(100)) == first
    assert venue.open_orders() == []


REFUSED: dict[str, tuple[OrderRequest, str]] = {
    "a symbol of elsewhere": (buy(1, Symbol.parse("XRP/USDT"), "x"), "does not trade here"),
    "a second order on a symbol": (buy(1, ETH, "x"), "waiting already"),
    "a reduction of nothing": (
        order(Side.SELL, 1, "x", reduce_only=True),
        "do not reduce the position of 0",
    ),
    "a limit": (
        OrderRequest("x", OrderTerms(BTC, Side.BUY, 1, limit=5)),
        "orders live on bars here",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refusals_say_why(what: str) -> None:
    """A structured refusal leaves nothing behind."""
    venue, _ = world()
    venue.create(buy(1, ETH, "first"))
    request, words = REFUSED[what]
    answer = venue.create(request)
    assert isinstance(answer, Refused)
    assert words in answer.reason
    assert [one.client_order_id for one in venue.open_orders()] == ["first"]


def test_a_cancelled_order_ends_unfilled() -> None:
    """It ends by request; cancelling it again, or a stranger, does nothing."""
    venue, (bar, *_) = world()
    venue.create(buy(100))
    answers = [venue.cancel(BTC, one) for one in ("a", "a", "stranger")]
    assert answers == [CancelAnswer.TAKEN, CancelAnswer.TOO_LATE, CancelAnswer.NOT_FOUND]
    (ended,) = venue.drain()
    assert isinstance(ended, VenueOrder)
    assert (ended.filled, ended.status) == (0, VenueOrderStatus.CANCELED)
    venue.advance(bar)
    assert venue.drain() == []
    assert venue.account().balances["BTC"] == 0


def test_what_does_not_fill_says_why() -> None:
    """No volume, no cash and no trading each end an order in their own words."""
    thin = SimulationSettings(participation=1)
    venue, (bar, *_) = world(thin)
    venue.create(buy(10_000))
    venue.advance(bar)
    (*_, ended) = venue.drain()
    assert isinstance(ended, VenueOrder)
    assert ended.reason == "not enough volume or cash"
    assert ended.filled < 10_000
    market = panel(120, gaps=0.3)
    rows = list(panel_rows(market, 0, 120, 120))
    hole = next(i for i, row in enumerate(rows) if row.bars[0].missing)
    venue = SimulatedVenue(market.instruments, SPOT)
    for row in rows[:hole]:
        venue.advance(row)
    venue.create(buy(100))
    venue.advance(rows[hole])
    (ended,) = venue.drain()
    assert isinstance(ended, VenueOrder)
    assert (ended.filled, ended.reason) == (0, "no trading: the bar is missing")


def test_stops_act_without_an_order_of_ours() -> None:
    """A resting stop fills inside the bar, says what it protected, and carries no order id."""
    venue, later = world(SimulationSettings(stop_loss=1), bars=60)
    venue.create(buy(100))
    for bar in later:
        venue.advance(bar)
    stops = [one for one in venue.drain() if isinstance(one, VenueFill) and one.protects]
    assert [one.protects for one in stops] == [Purpose.STOP]
    assert (stops[0].client_order_id, stops[0].side, stops[0].lots) == ("", -1, 100)
    assert (stops[0].occurred_at + 1) % 3_600_000 == 0


def test_a_ruin_closes_at_once() -> None:
    """An exit after a ruin fills at the last close; only the whole position will do."""
    venue, (bar, *_) = world()
    venue.create(buy(100))
    venue.advance(bar)
    part = venue.create(order(Side.SELL, 40, "p", kind=OrderKind.LAST_CLOSE))
    assert isinstance(part, Refused)
    venue.create(order(Side.SELL, 100, "r", kind=OrderKind.LAST_CLOSE))
    *_, fill, ended = venue.drain()
    assert isinstance(fill, VenueFill)
    assert isinstance(ended, VenueOrder)
    assert fill.ticks == bar.bars[0].close * 999_500 // 1_000_000
    assert fill.occurred_at == bar.close_time
    assert venue.account().balances["BTC"] == 0


def test_funding_is_reported_by_settlement() -> None:
    """Each settlement has its own id and sign, and moves the cash by just that."""
    names = ("BTC/USDT:USDT",)
    venue, later = world(names=names, bars=40)
    symbol = Symbol.parse(names[0])
    venue.create(buy(100, symbol))
    for bar in later:
        venue.advance(bar)
    events = venue.drain()
    settled = [one for one in events if isinstance(one, VenueFunding)]
    fills = [one for one in events if isinstance(one, VenueFill)]
    assert len(settled) == len({one.settlement_id for one in settled}) >= 8
    paid = sum(one.lots * one.ticks * 100 + fee(one) for one in fills)
    received = sum(one.received for one in settled)
    assert cash(venue) == SPOT.initial_cash - paid + received


def test_bars_must_follow_each_other() -> None:
    """A bar that does not follow the last one is refused."""
    venue, (_, second, *_) = world()
    with pytest.raises(DataError, match="does not follow"):
        venue.advance(second)
