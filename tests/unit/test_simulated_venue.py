"""The simulated venue keeps the port's promises."""

from __future__ import annotations

import pytest
from mettle.adapters.venues.simulated import SimulatedVenue
from mettle.application.market.row import BarRow, panel_rows
from mettle.application.ports.venue import (
    Accepted,
    OrderEnded,
    Refused,
    Ticket,
    VenueFill,
    VenueFunding,
)
from mettle.domain.errors import DataError
from mettle.domain.market import Symbol
from mettle.domain.orders import Exit, OrderIntent, Purpose, Rebalance, Side
from mettle.domain.simulation import SimulationSettings
from tests.support.sessions import panel

BTC, ETH = Symbol.parse("BTC/USDT"), Symbol.parse("ETH/USDT")
SPOT = SimulationSettings()


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


def buy(lots: int, symbol: Symbol = BTC, order_id: str = "a") -> Ticket:
    """Return a buy."""
    return Ticket(order_id, Rebalance("run", symbol, Side.BUY, lots, 1))


def sell(lots: int, order_id: str = "s") -> Ticket:
    """Return a sale."""
    return Ticket(order_id, Rebalance("run", BTC, Side.SELL, lots, 2))


def test_an_order_fills_at_the_next_open() -> None:
    """It waits until the next bar, fills there at the open and slippage, and ends."""
    venue, (bar, *_) = world()
    assert isinstance(venue.submit(buy(100)), Accepted)
    assert venue.open_orders() == [buy(100)]
    assert venue.events(-1) == ()
    venue.advance(bar)
    fill, ended = venue.events(-1)
    assert isinstance(fill, VenueFill)
    assert isinstance(ended, OrderEnded)
    assert fill.ticks == -(-bar.bars[0].open * 1_000_500 // 1_000_000)
    assert (fill.client_order_id, fill.side, fill.lots, fill.protects) == ("a", 1, 100, None)
    assert fill.occurred_at == fill.bar_time == bar.open_time
    assert (ended.client_order_id, ended.filled, ended.reason) == ("a", 100, "")
    assert venue.open_orders() == []
    account = venue.account()
    assert account.lots == {BTC: 100, ETH: 0}
    assert account.cash == SPOT.initial_cash - 100 * fill.ticks * 100 - fill.fee


def test_events_are_told_once_to_who_keeps_the_cursor() -> None:
    """Asking again from the same place repeats; asking from the last one gives only news."""
    venue, (first, second, *_) = world()
    venue.submit(buy(100))
    venue.advance(first)
    before = venue.events(-1)
    assert venue.events(-1) == before
    assert venue.events(before[-1].sequence) == ()
    venue.submit(sell(40))
    venue.advance(second)
    news = venue.events(before[-1].sequence)
    assert [one.sequence for one in news] == [2, 3]


def test_the_same_ticket_twice_is_one_order() -> None:
    """A repeat gets the first answer, even after the fill; another content is refused."""
    venue, (bar, *_) = world()
    first = venue.submit(buy(100))
    assert venue.submit(buy(100)) == first
    assert len(venue.open_orders()) == 1
    assert isinstance(venue.submit(buy(200)), Refused)
    venue.advance(bar)
    assert venue.submit(buy(100)) == first
    assert venue.open_orders() == []


REFUSED: dict[str, tuple[OrderIntent, str]] = {
    "a symbol of elsewhere": (
        Rebalance("run", Symbol.parse("XRP/USDT"), Side.BUY, 1, 1),
        "does not trade here",
    ),
    "a second order on a symbol": (Rebalance("run", ETH, Side.BUY, 1, 1), "waiting already"),
    "an exit from nothing": (
        Exit("run", BTC, Side.SELL, 1, 1, Purpose.MARGIN),
        "does not reduce the position of 0",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refusals_say_why(what: str) -> None:
    """A structured refusal leaves nothing behind."""
    venue, _ = world()
    venue.submit(buy(1, ETH, "first"))
    intent, words = REFUSED[what]
    answer = venue.submit(Ticket("x", intent))
    assert isinstance(answer, Refused)
    assert words in answer.reason
    assert [one.client_order_id for one in venue.open_orders()] == ["first"]


def test_a_cancelled_order_ends_unfilled() -> None:
    """It ends by request; cancelling it again, or a stranger, does nothing."""
    venue, (bar, *_) = world()
    venue.submit(buy(100))
    venue.cancel("a")
    venue.cancel("a")
    venue.cancel("stranger")
    (ended,) = venue.events(-1)
    assert isinstance(ended, OrderEnded)
    assert (ended.filled, ended.by_request) == (0, True)
    venue.advance(bar)
    assert len(venue.events(-1)) == 1
    assert venue.account().lots[BTC] == 0


def test_what_does_not_fill_says_why() -> None:
    """No volume, no cash and no trading each end an order in their own words."""
    thin = SimulationSettings(participation=1)
    venue, (bar, *_) = world(thin)
    venue.submit(buy(10_000))
    venue.advance(bar)
    (*_, ended) = venue.events(-1)
    assert isinstance(ended, OrderEnded)
    assert ended.reason == "not enough volume or cash"
    assert ended.filled < 10_000
    market = panel(120, gaps=0.3)
    rows = list(panel_rows(market, 0, 120, 120))
    hole = next(i for i, row in enumerate(rows) if row.bars[0].missing)
    venue = SimulatedVenue(market.instruments, SPOT)
    for row in rows[:hole]:
        venue.advance(row)
    venue.submit(buy(100))
    venue.advance(rows[hole])
    (ended,) = venue.events(-1)
    assert isinstance(ended, OrderEnded)
    assert (ended.filled, ended.reason) == (0, "no trading: the bar is missing")


def test_stops_act_without_an_order_of_ours() -> None:
    """A resting stop fills inside the bar, says what it protected, and carries no order id."""
    venue, later = world(SimulationSettings(stop_loss=1), bars=60)
    venue.submit(buy(100))
    for bar in later:
        venue.advance(bar)
    stops = [one for one in venue.events(-1) if isinstance(one, VenueFill) and one.protects]
    assert [one.protects for one in stops] == [Purpose.STOP]
    assert (stops[0].client_order_id, stops[0].side, stops[0].lots) == ("", -1, 100)
    assert stops[0].bar_time < stops[0].occurred_at


def test_a_ruin_closes_at_once() -> None:
    """An exit after a ruin fills at the last close; only the whole position will do."""
    venue, (bar, *_) = world()
    venue.submit(buy(100))
    venue.advance(bar)
    part = venue.submit(Ticket("p", Exit("run", BTC, Side.SELL, 40, 3, Purpose.RUIN)))
    assert isinstance(part, Refused)
    venue.submit(Ticket("r", Exit("run", BTC, Side.SELL, 100, 3, Purpose.RUIN)))
    *_, fill, ended = venue.events(-1)
    assert isinstance(fill, VenueFill)
    assert isinstance(ended, OrderEnded)
    assert fill.ticks == bar.bars[0].close * 999_500 // 1_000_000
    assert (fill.occurred_at, fill.bar_time) == (bar.close_time, bar.open_time)
    assert venue.account().lots[BTC] == 0


def test_funding_is_reported_by_settlement() -> None:
    """Each settlement has its own id and sign, and moves the cash by just that."""
    names = ("BTC/USDT:USDT",)
    venue, later = world(names=names, bars=40)
    symbol = Symbol.parse(names[0])
    venue.submit(buy(100, symbol))
    for bar in later:
        venue.advance(bar)
    events = venue.events(-1)
    settled = [one for one in events if isinstance(one, VenueFunding)]
    fills = [one for one in events if isinstance(one, VenueFill)]
    assert len(settled) == len({one.settlement_id for one in settled}) >= 8
    paid = sum(one.lots * one.ticks * 100 + one.fee for one in fills)
    received = sum(one.received for one in settled)
    assert venue.account().cash == SPOT.initial_cash - paid + received


def test_bars_must_follow_each_other() -> None:
    """A bar that does not follow the last one is refused."""
    venue, (_, second, *_) = world()
    with pytest.raises(DataError, match="does not follow"):
        venue.advance(second)
