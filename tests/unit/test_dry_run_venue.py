"""A venue that is asked everything and sent nothing."""

from __future__ import annotations

from decimal import Decimal

import pytest
from mettle.adapters.system import PhiloxRandomness, SimulatedClock
from mettle.adapters.venues.dry_run import REASON, DryRunVenue
from mettle.adapters.venues.exchange import (
    BarPath,
    ExchangeRules,
    ExchangeVenue,
    SimulatedExchange,
)
from mettle.application.ports.venue import Accepted, CancelAnswer, NotSent, OrderRequest
from mettle.domain.orders import OrderTerms, Side
from tests.support.sessions import panel


@pytest.fixture
def venue() -> ExchangeVenue:
    """Return a connection to an exchange with an order of ours in its book."""
    market = panel(20, ("BTC/USDT",))
    clock, luck = SimulatedClock(int(market.open_time[3])), PhiloxRandomness(1)
    paths = {one.symbol: BarPath(market, one.symbol, luck) for one in market.instruments}
    exchange = SimulatedExchange(
        market.instruments, paths, clock, luck, ExchangeRules(dead_man=True)
    )
    exchange.open_account("main", {"USDT": Decimal(10_000)})
    return ExchangeVenue(exchange, "main", clock, luck)


def request(venue: ExchangeVenue, order_id: str = "a") -> OrderRequest:
    """Return a purchase far below the market."""
    symbol = panel(1, ("BTC/USDT",)).instruments[0].symbol
    bid = venue.quote(symbol).bid
    return OrderRequest(order_id, OrderTerms(symbol, Side.BUY, 1_000, limit=bid // 2))


def test_no_order_reaches_the_venue(venue: ExchangeVenue) -> None:
    """Each create is answered here, in a type of its own, and leaves nothing there."""
    dry = DryRunVenue(venue)
    assert dry.create(request(venue)) == NotSent(REASON)
    assert (venue.open_orders(), venue.orders_since(0)) == ([], [])
    assert dry.order(request(venue).terms.symbol, "a") is None


def test_no_cancellation_reaches_the_venue(venue: ExchangeVenue) -> None:
    """What rests on the account is none of a dry run's, and stays."""
    wanted = request(venue)
    assert isinstance(venue.create(wanted), Accepted)
    dry = DryRunVenue(venue)
    assert dry.cancel(wanted.terms.symbol, "a") is CancelAnswer.NOT_FOUND
    assert [one.client_order_id for one in dry.open_orders()] == ["a"]


def test_every_question_is_passed_on(venue: ExchangeVenue) -> None:
    """What a session sees is what the venue shows."""
    wanted = request(venue)
    venue.create(wanted)
    dry = DryRunVenue(venue)
    assert dry.name == venue.name
    found = dry.order(wanted.terms.symbol, "a")
    assert found is not None
    assert found.limit == wanted.terms.limit
    assert [one.client_order_id for one in dry.orders_since(0)] == ["a"]
    assert (list(dry.fills_since(0)), list(dry.funding_since(0))) == ([], [])
    assert dry.account().balances == {"USDT": Decimal(10_000)}
    assert dry.quote(wanted.terms.symbol).bid > 0
    assert abs(dry.server_time() - venue.server_time()) < 1_000
    assert list(dry.drain()) != [] or list(venue.drain()) == []


def test_it_says_that_it_is_dry(venue: ExchangeVenue) -> None:
    """Orders look as they would at the venue; a switch that cancels there is not armed."""
    dry = DryRunVenue(venue).capabilities
    assert (dry.dry, venue.capabilities.dry) == (True, False)
    assert (dry.dead_man_ms, venue.capabilities.dead_man_ms) == (None, 10_000)
    assert (dry.post_only, dry.good_till_date, dry.fence_ms) == (True, True, 60_000)
