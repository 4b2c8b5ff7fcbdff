"""The terms of an attempt: price, life and flags, from the touch and the venue's capabilities."""

from __future__ import annotations

from ...domain.market import Instrument
from ...domain.orders import (
    ExecutionPolicy,
    Leg,
    OrderIntent,
    OrderKind,
    OrderTerms,
    Purpose,
    Reduction,
    TimeInForce,
    maker_price,
    stop_limit,
    taker_price,
)
from ..ports.venue import Quote, VenueCapabilities

FRESH = 15_000
"""A touch older than this, by the venue's clock, is no price, milliseconds."""


def bar_terms(intent: OrderIntent, lots: int) -> OrderTerms:
    """Return an order for a venue that lives on bars."""
    closing = intent.purpose is Purpose.RUIN
    kind = OrderKind.LAST_CLOSE if closing else OrderKind.NEXT_OPEN
    reducing = isinstance(intent, Reduction)
    return OrderTerms(intent.symbol, intent.side, lots, kind, reduce_only=reducing)


def limit_terms(
    intent: OrderIntent,
    leg: Leg,
    quote: Quote,
    capabilities: VenueCapabilities,
    policy: ExecutionPolicy,
    server_time: int,
) -> OrderTerms:
    """Return an order for a venue with a book."""
    buying = intent.side.sign > 0
    reduce_only = isinstance(intent, Reduction) and capabilities.reduce_only
    if leg is Leg.MAKER:
        dated = capabilities.good_till_date
        return OrderTerms(
            intent.symbol,
            intent.side,
            intent.lots,
            limit=maker_price(buying, quote.bid, quote.ask),
            time_in_force=TimeInForce.GTD if dated else TimeInForce.GTC,
            expires_at=server_time + policy.maker_wait + policy.outlive if dated else None,
            post_only=capabilities.post_only,
            reduce_only=reduce_only,
        )
    immediate = capabilities.immediate_or_cancel
    return OrderTerms(
        intent.symbol,
        intent.side,
        intent.lots,
        limit=taker_price(buying, quote.bid, quote.ask, policy.taker_cap),
        time_in_force=TimeInForce.IOC if immediate else TimeInForce.GTC,
        reduce_only=reduce_only,
    )


def stop_terms(
    intent: Reduction, trigger: int, capabilities: VenueCapabilities, policy: ExecutionPolicy
) -> OrderTerms:
    """Return a protective stop that rests until ``trigger`` ticks are touched."""
    return OrderTerms(
        intent.symbol,
        intent.side,
        intent.lots,
        limit=stop_limit(intent.side.sign > 0, trigger, policy.stop_cap),
        reduce_only=capabilities.reduce_only,
        trigger=trigger,
    )


def unusable(quote: Quote, server_time: int) -> str:
    """Return why a touch is no price to trade on; empty if it is one."""
    if quote.bid <= 0 or quote.ask <= 0:
        return f"the touch is {quote.bid} / {quote.ask}"
    if quote.ask < quote.bid:
        return f"the touch is crossed: {quote.bid} / {quote.ask}"
    if server_time - quote.at > FRESH:
        return f"the touch is {(server_time - quote.at) / 1000:g} s old"
    return ""


def drifted(intent: OrderIntent, arrival: int, quote: Quote, limit: int) -> bool:
    """Return whether the price has run away from an intent by more than ``limit`` millionths."""
    price = quote.ask if intent.side.sign > 0 else quote.bid
    return abs(price - arrival) * 1_000_000 > limit * arrival


def affordable(cash: int, limit: int, instrument: Instrument) -> int:
    """Return the lots that ``cash`` (1e-8 quote) pays for at a limit, with the taker's fee."""
    each = limit * instrument.unit_value
    taker = instrument.fees.tiers[0].taker_ppm
    return max(0, cash) * 1_000_000 // (each * (1_000_000 + taker))


def too_small(lots: int, price: int, instrument: Instrument) -> bool:
    """Return whether the venue would refuse so little."""
    return lots * price * instrument.unit_value < instrument.min_notional_units
