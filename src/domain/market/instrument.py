"""What trades, and on which grid its prices and quantities lie."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from enum import Enum

from ..errors import InvalidValue
from ..money import Money, Price, Quantity, exact, multiply, to_units
from .fees import FeeSchedule
from .symbol import Symbol

CASH_SCALE = 100_000_000
"""Cash, fees and equity are whole numbers of 1e-8 of the quote currency."""

_CASH_UNIT = Decimal("1e-8")


class InstrumentKind(Enum):
    """How an instrument settles."""

    SPOT = "spot"
    PERPETUAL = "perpetual"


@dataclass(frozen=True, slots=True)
class Instrument:
    """One tradable symbol at one venue.

    ``tick_size × lot_size`` must be a whole number of 1e-8 quote units: then the value of any
    number of lots at any number of ticks is an integer, and every engine agrees exactly. A venue
    whose lot is finer (Coinbase: 1e-8 BTC at 0.01 USD) is traded in a whole multiple of its lot.

    Attributes:
        tick_size: Smallest step of the price, quote currency per base unit.
        lot_size: Smallest step of the quantity, base units.
        min_notional: Smallest order that the venue takes, quote currency.
        inferred: Whether tick and lot were read off the data instead of the venue.
    """

    symbol: Symbol
    tick_size: Decimal
    lot_size: Decimal
    fees: FeeSchedule
    min_notional: Decimal = Decimal(0)
    venue: str = "unknown"
    inferred: bool = False

    def __post_init__(self) -> None:
        for name in ("tick_size", "lot_size", "min_notional"):
            object.__setattr__(self, name, exact(getattr(self, name), name))
        if self.tick_size <= 0 or self.lot_size <= 0:
            raise InvalidValue(
                f"{self.symbol}: tick size and lot size must be positive, "
                f"were {self.tick_size} and {self.lot_size}"
            )
        if self.min_notional < 0:
            raise InvalidValue(f"{self.symbol}: minimum notional was {self.min_notional}")
        unit = self.tick_size * self.lot_size * CASH_SCALE
        if unit != unit.to_integral_value():
            raise InvalidValue(
                f"{self.symbol}: tick size {self.tick_size} × lot size {self.lot_size} is not a "
                "whole number of 1e-8 quote units",
                mend=f"use a lot size of {self.coarsen(self.tick_size, self.lot_size)}",
            )

    @staticmethod
    def coarsen(tick_size: Decimal, lot_size: Decimal) -> Decimal:
        """Return the least power-of-ten multiple of ``lot_size`` that ``tick_size`` allows."""
        lot = lot_size
        while (unit := tick_size * lot * CASH_SCALE) != unit.to_integral_value():
            lot *= 10
        return lot.normalize()

    @property
    def kind(self) -> InstrumentKind:
        """Spot or perpetual, as the symbol says."""
        return InstrumentKind.PERPETUAL if self.symbol.is_perpetual else InstrumentKind.SPOT

    @property
    def unit_value(self) -> int:
        """Value of one lot at one tick, in 1e-8 of the quote currency."""
        return int(self.tick_size * self.lot_size * CASH_SCALE)

    @property
    def min_notional_units(self) -> int:
        """The minimum notional in 1e-8 of the quote currency, rounded up."""
        return int((self.min_notional * CASH_SCALE).to_integral_value(ROUND_CEILING))

    def ticks(self, price: Price) -> int:
        """Return ``price`` in ticks; it must lie on the grid."""
        return to_units(price.amount, self.tick_size, f"{self.symbol} price")

    def lots(self, quantity: Quantity) -> int:
        """Return ``quantity`` in lots; it must lie on the grid."""
        return to_units(quantity.amount, self.lot_size, f"{self.symbol} quantity")

    def price(self, ticks: int) -> Price:
        """Return the price of ``ticks``."""
        return Price(multiply(self.tick_size, Decimal(ticks)))

    def quantity(self, lots: int) -> Quantity:
        """Return the quantity of ``lots``."""
        return Quantity(multiply(self.lot_size, Decimal(lots)))

    def money(self, units: int) -> Money:
        """Return ``units`` of 1e-8 as money of the quote currency."""
        return Money(multiply(Decimal(units), _CASH_UNIT), self.symbol.quote)
