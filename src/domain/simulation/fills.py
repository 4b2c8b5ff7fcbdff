"""How a wanted change fills at the next open: as a taker, or resting first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..money import scale_half_even
from .numbers import ceil_divide, notional, slip
from .records import AssetBar, AssetTerms
from .settings import RATE_SCALE, Execution, SimulationSettings


@dataclass(frozen=True, slots=True)
class Quote:
    """The price at which the market takes an order.

    Attributes:
        reference: Ticks before slippage.
        fee_ppm: Fee rate, millionths.
    """

    ticks: int
    reference: int
    fee_ppm: int
    maker: bool


@dataclass(frozen=True, slots=True)
class Order:
    """What is about to fill."""

    asset: int
    side: int
    lots: int
    quote: Quote
    unit_value: int

    @property
    def notional(self) -> int:
        """Lots at the fill price, 1e-8 quote."""
        return notional(self.lots, self.quote.ticks, self.unit_value)

    @property
    def fee(self) -> int:
        """The fee, 1e-8 quote."""
        return fee_of(self.notional, self.quote.fee_ppm)


def fee_of(value: int, rate_ppm: int) -> int:
    """Return the fee on a notional ``value`` ≥ 0, rounded half to even."""
    return scale_half_even(value, rate_ppm, RATE_SCALE)


def fillable(lots: int, volume: int, participation: int) -> int:
    """Return how much of ``lots`` a share ``participation`` (1e-6; 0: any) of the volume fills."""
    if participation == 0:
        return lots
    return min(lots, volume * participation // RATE_SCALE)


def taker_quote(side: int, reference: int, terms: AssetTerms, slippage: int) -> Quote:
    """Return the price of an order that takes liquidity at ``reference`` ticks."""
    return Quote(slip(reference, side, slippage), reference, terms.taker_ppm, maker=False)


def maker_limit(side: int, last_close: int, open: int, offset: int) -> int:
    """Return the limit in ticks of an order that rests beside the last close.

    It never crosses the open: a better open moves the limit to it.
    """
    if side > 0:
        return max(1, min(last_close * (RATE_SCALE - offset) // RATE_SCALE, open))
    return max(ceil_divide(last_close * (RATE_SCALE + offset), RATE_SCALE), open)


def traded_through(side: int, limit: int, bar: AssetBar) -> bool:
    """Return whether the market went beyond a resting limit while it waited."""
    return bar.wait_low < limit if side > 0 else bar.wait_high > limit


def quote(
    side: int, last_close: int, bar: AssetBar, terms: AssetTerms, settings: SimulationSettings
) -> Quote:
    """Return how an order on ``side`` (+1 buy, −1 sell) fills in ``bar``."""
    if settings.execution is Execution.TAKER:
        return taker_quote(side, bar.open, terms, settings.slippage)
    limit = maker_limit(side, last_close, bar.open, settings.maker_offset)
    if traded_through(side, limit, bar):
        return Quote(limit, limit, terms.maker_ppm, maker=True)
    after = bar.wait_price_buy if side > 0 else bar.wait_price_sell
    return taker_quote(side, after, terms, settings.slippage)


def affordable(buys: Sequence[Order], cash: int, terms: Sequence[AssetTerms]) -> list[Order]:
    """Scale the buys of a cash account pro rata to its cash; what gets too small is dropped.

    One unit a buy is kept back: that is the most by which rounding can raise the fees.
    """
    cost = sum(order.notional + order.fee for order in buys)
    if cost <= cash:
        return list(buys)
    room = max(0, cash - len(buys))
    scaled = [replace(order, lots=order.lots * room // cost) for order in buys]
    return [
        order
        for order in scaled
        if order.lots and order.notional >= terms[order.asset].min_notional
    ]
