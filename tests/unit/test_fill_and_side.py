"""Sides carry signs, fills carry something."""

from __future__ import annotations

import pytest
from mettle.domain.errors import InvalidValue
from mettle.domain.market import Liquidity, Symbol
from mettle.domain.money import Money, Price, Quantity
from mettle.domain.orders import Fill, Side


def fill(quantity: str) -> Fill:
    """Return a purchase of ``quantity`` at 100.5."""
    return Fill(
        "t1",
        "c1",
        Symbol("BTC", "USDT"),
        Side.BUY,
        Quantity.of(quantity),
        Price.of("100.5"),
        Money.of("0.1", "USDT"),
        Liquidity.TAKER,
        1,
    )


def test_a_side_has_a_sign_and_an_opposite() -> None:
    """A buy is +1, a sell −1, and each is the other's opposite."""
    assert (Side.BUY.sign, Side.SELL.sign) == (1, -1)
    assert Side.BUY.opposite is Side.SELL
    assert Side.SELL.opposite is Side.BUY


def test_a_fill_has_a_notional() -> None:
    """Quantity × price in the quote currency."""
    assert fill("2").notional == Money.of("201.0", "USDT")


def test_an_empty_fill_is_refused() -> None:
    """Nothing was executed, so it is no execution."""
    with pytest.raises(InvalidValue, match="fill t1: quantity must be positive"):
        fill("0")
