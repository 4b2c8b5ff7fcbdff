"""What goes into a step and what comes out of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from math import isqrt
from typing import NamedTuple, Self

from ..market import Instrument
from .numbers import ceil_divide
from .settings import RATE_SCALE


class FillReason(IntEnum):
    """Why a fill happened; the numbers are those of the native engine."""

    REBALANCE = 0
    STOP = 1
    TRAILING_STOP = 2
    LIQUIDATION = 3
    RUIN = 4
    MARGIN = 5


@dataclass(frozen=True, slots=True)
class AssetTerms:
    """What an instrument brings into the step.

    Attributes:
        unit_value: Value of one lot at one tick, 1e-8 quote.
        maker_ppm, taker_ppm: Fee rates in millionths of the notional.
        min_notional: Smallest order, 1e-8 quote.
        is_perpetual: Whether an order that reduces is free of the minimum.
    """

    unit_value: int
    maker_ppm: int = 0
    taker_ppm: int = 0
    min_notional: int = 0
    is_perpetual: bool = False

    @classmethod
    def of(cls, instrument: Instrument) -> Self:
        """Read them off an instrument, with the fees of the lowest tier."""
        tier = instrument.fees.tiers[0]
        return cls(
            instrument.unit_value,
            tier.maker_ppm,
            tier.taker_ppm,
            instrument.min_notional_units,
            instrument.symbol.is_perpetual,
        )


class AssetBar(NamedTuple):
    """One bar of one asset: ticks, lots, funding rates in 1e-8.

    A tuple, because there is one of them for every bar of every asset.

    Attributes:
        missing: A gap: the prices hold the last close and nothing trades.
        funding_open: Rate due at the instant the bar opens.
        funding_inside: Sum of the rates due strictly inside the bar.
        wait_low, wait_high: Extremes while a maker order waits.
        wait_price_buy, wait_price_sell: Price when the wait is over, rounded against the side.
    """

    open: int
    high: int
    low: int
    close: int
    volume: int = 0
    missing: bool = False
    funding_open: int = 0
    funding_inside: int = 0
    wait_low: int = 0
    wait_high: int = 0
    wait_price_buy: int = 0
    wait_price_sell: int = 0


@dataclass(frozen=True, slots=True)
class Wait:
    """The market while a maker order waits, ticks; the fields are those of :class:`AssetBar`."""

    low: int
    high: int
    price_buy: int
    price_sell: int


def interpolate_wait(open: int, high: int, low: int, close: int, wait_s: int, bar_s: int) -> Wait:
    """Guess the first ``wait_s`` seconds of a bar of ``bar_s`` seconds from its four prices.

    The prices may also be columns of whole numbers: the same lines then work on all of them.

    An extreme is moved toward the open by √(wait/bar), as the range of a random walk grows; the
    price goes in a straight line. Used where no finer bars exist.
    """
    wait = min(wait_s, bar_s)
    share = isqrt(wait * RATE_SCALE**2 // bar_s)
    return Wait(
        low=open - (open - low) * share // RATE_SCALE,
        high=open + (high - open) * share // RATE_SCALE,
        price_buy=open + ceil_divide((close - open) * wait, bar_s),
        price_sell=open + (close - open) * wait // bar_s,
    )


@dataclass(frozen=True, slots=True)
class SimulatedFill:
    """One execution of the simulated market.

    Attributes:
        asset: Column of the asset.
        side: +1 buy, −1 sell.
        reference: Ticks before slippage.
        fee: 1e-8 quote, liquidation fee included.
        realised: 1e-8 quote by average cost, before fees.
    """

    asset: int
    side: int
    lots: int
    ticks: int
    reference: int
    fee: int
    realised: int
    maker: bool
    reason: FillReason


@dataclass(frozen=True, slots=True)
class StepResult:
    """What one step did.

    Attributes:
        fills: In order of execution.
        funding: Received (+) or paid (−) of each asset, 1e-8 quote.
        equity: At the close, or the cash left after a ruin, 1e-8 quote.
        reward: In float64; delivered as float32.
        ruined: Whether the account was closed for good.
    """

    fills: tuple[SimulatedFill, ...]
    funding: tuple[int, ...]
    equity: int
    reward: float
    ruined: bool
