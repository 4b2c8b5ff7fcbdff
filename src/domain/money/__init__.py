"""Exact amounts: Price, Quantity, Money. Floats are refused at the door."""

from .amounts import Money, Price, Quantity
from .rounding import (
    Exact,
    add,
    exact,
    multiply,
    plain,
    round_half_even,
    scale_half_even,
    subtract,
    to_units,
    total,
)

__all__ = [
    "Exact",
    "Money",
    "Price",
    "Quantity",
    "add",
    "exact",
    "multiply",
    "plain",
    "round_half_even",
    "scale_half_even",
    "subtract",
    "to_units",
    "total",
]
