"""Price, life and flags of an attempt; the touch they come from; what is too small or too dear."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from mettle.application.execution.pricing import (
    FRESH,
    affordable,
    bar_terms,
    drifted,
    limit_terms,
    too_small,
    unusable,
)
from mettle.application.ports.venue import Quote, VenueCapabilities
from mettle.domain.market import FeeSchedule, Instrument, Symbol
from mettle.domain.orders import (
    ExecutionPolicy,
    Leg,
    Opening,
    OrderKind,
    OrderTerms,
    Purpose,
    Reduction,
    Side,
    TimeInForce,
)

BTC = Symbol("BTC", "USDT")
BUY = Opening("paper-1", BTC, Side.BUY, 10, 3_600_000)
SELL = Reduction("paper-1", BTC, Side.SELL, 10, 3_600_000, Purpose.REBALANCE)
QUOTE = Quote(BTC, 9_999, 10_001, 50, 50, 1_000_000)
POLICY = ExecutionPolicy()
NOW = 1_000_500
ALL = VenueCapabilities(reduce_only=True)
NONE = VenueCapabilities(
    post_only=False, good_till_date=False, immediate_or_cancel=False, reduce_only=False
)


def coin(min_notional: str = "0", taker: int = 700) -> Instrument:
    """Return an instrument of which a lot at a tick is worth 1,000 units."""
    fees = FeeSchedule.flat(200, taker)
    return Instrument(BTC, Decimal("0.01"), Decimal("0.001"), fees, Decimal(min_notional))


@pytest.mark.parametrize("purpose", list(Purpose))
def test_a_bar_fills_at_its_open(purpose: Purpose) -> None:
    """But a ruin closes at the last close; only reductions are reduce-only."""
    ruin = purpose is Purpose.RUIN
    kind = OrderKind.LAST_CLOSE if ruin else OrderKind.NEXT_OPEN
    intent = replace(SELL, purpose=purpose)
    assert bar_terms(intent, 7) == OrderTerms(BTC, Side.SELL, 7, kind, reduce_only=True)
    opening = OrderTerms(BTC, Side.BUY, 3, OrderKind.NEXT_OPEN, reduce_only=False)
    assert bar_terms(BUY, 3) == opening


def test_a_maker_joins_the_touch_for_so_long() -> None:
    """Post-only at the own touch; a dead process's order ends by itself, 125 s from now."""
    end = NOW + 125_000
    wanted = OrderTerms(
        BTC, Side.BUY, 10, OrderKind.LIMIT, 9_999, TimeInForce.GTD, end, post_only=True
    )
    assert limit_terms(BUY, Leg.MAKER, QUOTE, ALL, POLICY, NOW) == wanted
    selling = replace(wanted, side=Side.SELL, limit=10_001, reduce_only=True)
    assert limit_terms(SELL, Leg.MAKER, QUOTE, ALL, POLICY, NOW) == selling


def test_a_taker_crosses_up_to_its_cap() -> None:
    """Immediate or cancel, 30 bps beyond the other side's touch."""
    wanted = OrderTerms(BTC, Side.BUY, 10, OrderKind.LIMIT, 10_031, TimeInForce.IOC)
    assert limit_terms(BUY, Leg.TAKER, QUOTE, ALL, POLICY, NOW) == wanted
    selling = replace(wanted, side=Side.SELL, limit=9_970, reduce_only=True)
    assert limit_terms(SELL, Leg.TAKER, QUOTE, ALL, POLICY, NOW) == selling


@pytest.mark.parametrize("intent", [BUY, SELL])
def test_a_venue_is_asked_for_what_it_can(intent: Opening | Reduction) -> None:
    """Flags that a venue lacks are left out; the order lives until it is cancelled."""
    maker = limit_terms(intent, Leg.MAKER, QUOTE, NONE, POLICY, NOW)
    taker = limit_terms(intent, Leg.TAKER, QUOTE, NONE, POLICY, NOW)
    for terms in (maker, taker):
        assert (terms.time_in_force, terms.expires_at) == (TimeInForce.GTC, None)
        assert (terms.post_only, terms.reduce_only) == (False, False)
    assert (maker.limit, taker.limit) == ((9_999, 10_031) if intent is BUY else (10_001, 9_970))


@pytest.mark.parametrize(
    ("quote", "why"),
    [
        (QUOTE, ""),
        (replace(QUOTE, bid=10_001), ""),
        (replace(QUOTE, bid=0), "the touch is 0 / 10001"),
        (replace(QUOTE, ask=0), "the touch is 9999 / 0"),
        (replace(QUOTE, bid=-1, ask=-1), "the touch is -1 / -1"),
        (replace(QUOTE, bid=1, ask=1), ""),
        (replace(QUOTE, bid=10_002), "the touch is crossed: 10002 / 10001"),
        (replace(QUOTE, at=NOW - FRESH), ""),
        (replace(QUOTE, at=NOW - FRESH - 1), "the touch is 15.001 s old"),
    ],
)
def test_a_touch_may_be_no_price(quote: Quote, why: str) -> None:
    """Zero, crossed or old: nothing is priced on it."""
    assert unusable(quote, NOW) == why


@pytest.mark.parametrize(
    ("price", "far"),
    [(10_000, False), (10_100, False), (10_101, True), (9_900, False), (9_899, True)],
)
def test_a_price_may_have_run_away(price: int, far: bool) -> None:
    """By more than the limit in either direction, measured on the side that is taken."""
    asked = replace(QUOTE, bid=1, ask=price)
    bid = replace(QUOTE, bid=price, ask=10**9)
    assert drifted(BUY, 10_000, asked, 10_000) is far
    assert drifted(SELL, 10_000, bid, 10_000) is far


@pytest.mark.parametrize(
    ("cash", "lots"),
    [(-1, 0), (0, 0), (100_069, 0), (100_070, 1), (200_139, 1), (200_140, 2), (1_000_700, 10)],
)
def test_cash_pays_for_the_fee_too(cash: int, lots: int) -> None:
    """A lot at 100 ticks costs 100,000 units and 70 of a taker's fee; never a unit on credit."""
    assert affordable(cash, 100, coin()) == lots


def test_without_a_fee_a_lot_costs_its_price() -> None:
    """Nothing is kept back for a fee that nobody asks."""
    assert affordable(99_999, 100, coin(taker=0)) == 0
    assert affordable(100_000, 100, coin(taker=0)) == 1


@pytest.mark.parametrize(("lots", "small"), [(1, True), (4, True), (5, False), (6, False)])
def test_dust_is_under_the_minimum(lots: int, small: bool) -> None:
    """Five lots at 200 ticks are just the minimum of 0.01."""
    assert too_small(lots, 200, coin("0.01")) is small
    assert not too_small(lots, 200, coin())
