"""One contract for every venue; what one cannot do, its capabilities say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import count

import pytest
from mettle.adapters.venues.exchange import ExchangeRules
from mettle.adapters.venues.simulated import SimulatedVenue
from mettle.application.market.row import panel_rows
from mettle.application.ports.venue import (
    Accepted,
    CancelAnswer,
    OrderRequest,
    RefusalKind,
    Refused,
    RepeatedId,
    Venue,
    VenueFill,
    VenueOrder,
    VenueOrderStatus,
)
from mettle.domain.market import Instrument, Symbol
from mettle.domain.orders import OrderKind, OrderTerms, Side, TimeInForce
from mettle.domain.simulation import SimulationSettings
from tests.support.exchanges import bench, tick
from tests.support.sessions import panel

BTC = Symbol.parse("BTC/USDT")
LOTS = 100


@dataclass
class Place:
    """A venue, and how to make things happen there.

    Attributes:
        trade: Lets the market trade with everything that waits.
    """

    venue: Venue
    instrument: Instrument
    trade: Callable[[], None]

    def request(self, name: str, side: Side = Side.BUY, lots: int = LOTS) -> OrderRequest:
        """Return an order that waits until :attr:`trade`."""
        if self.venue.capabilities.bar_orders:
            return OrderRequest(name, OrderTerms(BTC, side, lots, OrderKind.NEXT_OPEN))
        quote = self.venue.quote(BTC)
        limit = quote.bid if side is Side.BUY else quote.ask
        return OrderRequest(name, OrderTerms(BTC, side, lots, limit=limit))

    def accept(self, name: str, side: Side = Side.BUY, lots: int = LOTS) -> OrderRequest:
        """Send such an order, which the venue must take, and return it."""
        request = self.request(name, side, lots)
        assert isinstance(self.venue.create(request), Accepted)
        return request

    def seen(self, name: str) -> VenueOrder:
        """Return an order that the venue must show."""
        found = self.venue.order(BTC, name)
        assert found is not None
        return found


def bars() -> Place:
    """Return the venue that lives on bars."""
    market = panel(12, ("BTC/USDT",))
    first, *later = panel_rows(market, 0, 12, 120)
    venue = SimulatedVenue(market.instruments, SimulationSettings())
    venue.advance(first)
    rows = iter(later)
    return Place(venue, market.instruments[0], lambda: venue.advance(next(rows)))


def exchange(policy: RepeatedId) -> Place:
    """Return an exchange whose market crosses every price each second second, and comes back."""
    ticks = []
    for second in range(200):
        moving = second % 2 == 1
        volume = 10**6 if moving else 0
        low, high = (900, 1_100) if moving else (None, None)
        ticks.append(tick(second, low=low, high=high, sold=volume, bought=volume))
    world = bench(*ticks, rules=ExchangeRules(policy), deposits={"USDT": 1_000})
    seconds = count(1, 2)
    return Place(
        world.client,
        world.exchange.floor.instruments[BTC],
        lambda: world.at(next(seconds) + 1),
    )


MAKERS: dict[str, Callable[[], Place]] = {
    "bars": bars,
    "exchange-returns": lambda: exchange(RepeatedId.RETURNS_ORIGINAL),
    "exchange-refuses": lambda: exchange(RepeatedId.REFUSED),
    "exchange-open-only": lambda: exchange(RepeatedId.UNIQUE_AMONG_OPEN),
}


@pytest.fixture(params=list(MAKERS))
def place(request: pytest.FixtureRequest) -> Place:
    """Yield each venue in turn."""
    return MAKERS[request.param]()


def where(**wanted: bool) -> pytest.MarkDecorator:
    """Run a test over the venues that declare these capabilities; there is always one."""
    able = [
        name
        for name, make in MAKERS.items()
        if all(getattr(make().venue.capabilities, key) is value for key, value in wanted.items())
    ]
    assert able
    return pytest.mark.parametrize("place", able, indirect=True)


def test_a_taken_order_is_shown_everywhere(place: Place) -> None:
    """By its id, among the open ones, and in the history."""
    before = place.venue.server_time()
    request = place.accept("a")
    order = place.seen("a")
    assert (order.status, order.filled, order.lots) == (VenueOrderStatus.OPEN, 0, LOTS)
    assert (order.client_order_id, order.symbol, order.side) == ("a", BTC, 1)
    assert order.limit == request.terms.limit
    assert list(place.venue.open_orders()) == [order]
    assert list(place.venue.orders_since(before)) == [order]


def test_an_order_that_nobody_sent_is_not_shown(place: Place) -> None:
    """None, and no error."""
    assert place.venue.order(BTC, "nobody") is None
    assert list(place.venue.open_orders()) == []
    assert place.venue.cancel(BTC, "nobody") is CancelAnswer.NOT_FOUND


def test_a_fill_moves_exactly_what_it_says(place: Place) -> None:
    """Balances change by the fills and their fees, and by nothing else."""
    before = place.venue.account().balances
    place.accept("a")
    place.trade()
    order = place.seen("a")
    assert (order.status, order.filled) == (VenueOrderStatus.FILLED, LOTS)
    fills = place.venue.fills_since(0)
    assert sum(one.lots for one in fills) == LOTS
    assert {(one.client_order_id, one.side, one.protects) for one in fills} == {("a", 1, None)}
    expected = dict(before)
    for one in fills:
        value = Decimal(one.ticks * one.lots * place.instrument.unit_value).scaleb(-8)
        expected["USDT"] -= value
        bought = place.instrument.quantity(one.lots).amount
        expected["BTC"] = expected.get("BTC", Decimal(0)) + bought
        expected[one.fee.currency] -= one.fee.amount
    assert place.venue.account().balances == expected


def test_a_round_trip_is_sold_again(place: Place) -> None:
    """What was bought can be sold; trade ids never repeat, and the history is in order of time."""
    place.accept("a")
    place.trade()
    place.accept("b", Side.SELL)
    place.trade()
    fills = place.venue.fills_since(0)
    assert [one.side for one in fills] == [1, -1]
    assert len({one.trade_id for one in fills}) == len(fills)
    assert fills[0].occurred_at < fills[1].occurred_at
    assert list(place.venue.fills_since(fills[1].occurred_at)) == [fills[1]]
    assert list(place.venue.fills_since(fills[1].occurred_at + 1)) == []
    assert place.venue.account().balances["BTC"] == 0


def test_pushes_come_once_and_in_order(place: Place) -> None:
    """The fill before the order that it completes; a second look finds nothing."""
    place.accept("a")
    place.venue.drain()
    place.trade()
    events = list(place.venue.drain())
    assert [type(one) for one in events] == [VenueFill, VenueOrder]
    assert events[0] == place.venue.fills_since(0)[0]
    assert events[1] == place.venue.order(BTC, "a")
    assert list(place.venue.drain()) == []


def test_a_cancelled_order_never_fills(place: Place) -> None:
    """It ends with nothing filled, gives back what it locked, and a second word is too late."""
    before = place.venue.account()
    place.accept("a")
    assert place.venue.cancel(BTC, "a") is CancelAnswer.TAKEN
    place.trade()
    order = place.seen("a")
    assert (order.status, order.filled) == (VenueOrderStatus.CANCELED, 0)
    assert list(place.venue.open_orders()) == []
    assert list(place.venue.fills_since(0)) == []
    assert place.venue.account() == before
    assert place.venue.cancel(BTC, "a") is CancelAnswer.TOO_LATE


def test_a_cancellation_after_the_fill_is_too_late(place: Place) -> None:
    """And takes nothing back."""
    place.accept("a")
    place.trade()
    assert place.venue.cancel(BTC, "a") is CancelAnswer.TOO_LATE
    assert place.seen("a").status is VenueOrderStatus.FILLED


def test_the_same_request_again_follows_the_policy(place: Place) -> None:
    """While it is open no policy places it twice: the original, or a word that it was placed."""
    request = place.accept("a")
    answer = place.venue.create(request)
    if place.venue.capabilities.repeated_id is RepeatedId.RETURNS_ORIGINAL:
        assert answer == Accepted(place.seen("a").venue_order_id)
    else:
        assert isinstance(answer, Refused)
        assert answer.kind is RefusalKind.REPEATED_ID
    assert len(place.venue.open_orders()) == 1


def test_another_content_under_an_id_is_not_taken(place: Place) -> None:
    """An id never carries two contents."""
    request = place.accept("a")
    other = replace(request, terms=replace(request.terms, lots=LOTS + 1))
    answer = place.venue.create(other)
    assert isinstance(answer, Refused)
    assert answer.kind is RefusalKind.REPEATED_ID
    assert [one.lots for one in place.venue.open_orders()] == [LOTS]


def test_the_same_request_after_the_fill_follows_the_policy(place: Place) -> None:
    """Where ids are unique among open orders only, it places a second order; elsewhere none."""
    request = place.accept("a")
    place.trade()
    answer = place.venue.create(request)
    policy = place.venue.capabilities.repeated_id
    if policy is RepeatedId.REFUSED:
        assert isinstance(answer, Refused)
        assert answer.kind is RefusalKind.REPEATED_ID
    else:
        assert isinstance(answer, Accepted)
    place.trade()
    orders = 2 if policy is RepeatedId.UNIQUE_AMONG_OPEN else 1
    assert sum(one.lots for one in place.venue.fills_since(0)) == orders * LOTS


def test_nobody_spends_what_he_has_not_got(place: Place) -> None:
    """An order for more than the account is refused, or fills as far as the money goes."""
    cash = place.venue.account().balances["USDT"]
    price = place.instrument.price(place.venue.quote(BTC).ask).amount
    lots = int(3 * cash / price / place.instrument.lot_size)
    answer = place.venue.create(place.request("a", lots=lots))
    short = isinstance(answer, Refused) and answer.kind is RefusalKind.INSUFFICIENT_FUNDS
    assert short or isinstance(answer, Accepted)
    place.trade()
    assert place.venue.account().balances["USDT"] >= 0
    assert list(place.venue.open_orders()) == []


def test_a_symbol_that_does_not_trade_is_refused(place: Place) -> None:
    """In so many words."""
    request = place.request("a")
    elsewhere = replace(request, terms=replace(request.terms, symbol=Symbol.parse("XRP/USDT")))
    assert isinstance(place.venue.create(elsewhere), Refused)


@where(reduce_only=True)
def test_reduce_only_opens_nothing(place: Place) -> None:
    """Without a position it is refused."""
    request = place.request("a")
    opening = replace(request, terms=replace(request.terms, reduce_only=True))
    assert isinstance(place.venue.create(opening), Refused)


@where(bar_orders=False, post_only=True)
def test_post_only_never_takes(place: Place) -> None:
    """At the other side's touch it is refused as what it is."""
    terms = OrderTerms(BTC, Side.BUY, LOTS, limit=place.venue.quote(BTC).ask, post_only=True)
    answer = place.venue.create(OrderRequest("a", terms))
    assert isinstance(answer, Refused)
    assert answer.kind is RefusalKind.WOULD_CROSS


@where(bar_orders=False, immediate_or_cancel=True)
def test_immediate_or_cancel_leaves_nothing(place: Place) -> None:
    """It takes what is there and is over, with the rest unfilled."""
    limit = place.venue.quote(BTC).bid
    life = TimeInForce.IOC
    terms = OrderTerms(BTC, Side.BUY, LOTS, limit=limit, time_in_force=life)
    assert isinstance(place.venue.create(OrderRequest("a", terms)), Accepted)
    assert (place.seen("a").status, place.seen("a").filled) == (VenueOrderStatus.EXPIRED, 0)
    assert list(place.venue.open_orders()) == []


@where(bar_orders=False, good_till_date=True)
def test_a_dated_order_ends_by_itself(place: Place) -> None:
    """By the venue's own clock, with nobody asking."""
    end = place.venue.server_time() + 1_500
    limit = place.venue.quote(BTC).bid // 2
    life = TimeInForce.GTD
    terms = OrderTerms(BTC, Side.BUY, LOTS, limit=limit, time_in_force=life, expires_at=end)
    assert isinstance(place.venue.create(OrderRequest("a", terms)), Accepted)
    place.trade()
    assert place.seen("a").status is VenueOrderStatus.EXPIRED


@where(bar_orders=False)
def test_what_is_locked_is_not_free(place: Place) -> None:
    """Where orders rest in a book they lock what they need; balances stay what they are."""
    before = place.venue.account()
    place.accept("a")
    after = place.venue.account()
    assert after.balances == before.balances
    assert after.free["USDT"] < before.free["USDT"]


def test_the_touch_and_the_clock_make_sense(place: Place) -> None:
    """The bid is not above the ask, both are prices, and time goes forward."""
    first = place.venue.server_time()
    quote = place.venue.quote(BTC)
    assert 0 < quote.bid <= quote.ask
    assert quote.at <= place.venue.server_time()
    place.trade()
    assert place.venue.server_time() > first
