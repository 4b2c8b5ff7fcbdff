"""Exact amounts: Price, Quantity, Money. Floats are refused at the door."""

from .amounts import Money, Price, Quantity
from .rounding import Exact, exact, floor_divide, round_half_even, scale_half_even, to_units

__all__ = [
    "Exact",
    "Money",
    "Price",
    "Quantity",
    "exact",
    "floor_divide",
    "round_half_even",
    "scale_half_even",
    "to_units",
]
