"""A position, derived from its fills and from nothing else."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import ROUND_FLOOR, Context, Decimal
from typing import Self

from ..market import Symbol
from ..money import Price, Quantity, add, multiply, subtract
from ..orders import Side

_GRAIN = Decimal("1e-8")
_DIVISION = Context(prec=200, rounding=ROUND_FLOOR)
"""Twice the digits of an exact product: the floor of a quotient is then the true one."""


def released_basis(basis: Decimal, reduced: Decimal, held: Decimal) -> Decimal:
    """Return the cost that leaves with ``reduced`` of ``held``: average cost, floored to 1e-8.

    The market step floors the same quotient in whole 1e-8 units (docs/concepts/market-step.md), so
    fills on an instrument's grid give both the same basis to the last digit. The floor moves less
    than 1e-8 between realised and unrealised profit; their sum is exact.
    """
    if reduced == held:
        return basis
    share = _DIVISION.divide(multiply(basis, reduced), held)
    return share.quantize(_GRAIN, context=_DIVISION)


@dataclass(frozen=True, slots=True)
class Position:
    """What one account holds of one symbol.

    Attributes:
        quantity: Base units, signed.
        basis: What it cost, quote currency, ≥ 0, fees left out.
        realised: Profit of what was closed, quote currency, before fees.
        fees: Paid on its fills, quote currency.
    """

    symbol: Symbol
    quantity: Decimal = Decimal(0)
    basis: Decimal = Decimal(0)
    realised: Decimal = Decimal(0)
    fees: Decimal = Decimal(0)

    @property
    def average_price(self) -> Price | None:
        """Average cost per base unit to 28 digits, for display; None when flat."""
        return Price(self.basis / self.quantity.copy_abs()) if self.quantity else None

    @property
    def sign(self) -> int:
        """+1 long, −1 short, 0 flat."""
        return (self.quantity > 0) - (self.quantity < 0)

    def value(self, mark: Price) -> Decimal:
        """Return the signed value at ``mark``, quote currency."""
        return multiply(self.quantity, mark.amount)

    def unrealised(self, mark: Price) -> Decimal:
        """Return what closing at ``mark`` would realise before costs, quote currency."""
        return add(self.value(mark), multiply(self.basis, Decimal(-self.sign)))

    def after(
        self, side: Side, quantity: Quantity, price: Price, fee: Decimal = Decimal(0)
    ) -> Self:
        """Return the position after one fill.

        Args:
            fee: In the quote currency, negative for a rebate.
        """
        traded = quantity.amount
        held = self.quantity.copy_abs()
        reduced = min(traded, held) if self.sign == -side.sign else Decimal(0)
        basis, gained = self.basis, Decimal(0)
        if reduced:
            released = released_basis(basis, reduced, held)
            proceeds = multiply(reduced, price.amount)
            gained = multiply(subtract(proceeds, released), Decimal(self.sign))
            basis = subtract(basis, released)
        opened = multiply(subtract(traded, reduced), price.amount)
        return replace(
            self,
            quantity=add(self.quantity, multiply(traded, Decimal(side.sign))),
            basis=add(basis, opened),
            realised=add(self.realised, gained),
            fees=add(self.fees, fee),
        )
