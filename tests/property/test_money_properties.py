"""Exact numbers stay exact, and rounding goes where the rules say."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st
from mettle.domain.market import FeeSchedule, Instrument, Symbol
from mettle.domain.money import (
    Money,
    Price,
    Quantity,
    add,
    multiply,
    round_half_even,
    scale_half_even,
    subtract,
    total,
)
from mettle.domain.simulation.numbers import ceil_divide, slip, to_float32, truncate_divide

wide = st.integers(-(2**70), 2**70)
positive = st.integers(1, 2**40)
decimals = st.decimals("-1e20", "1e20", places=12)


@given(wide, positive)
def test_integer_divisions_agree_with_rationals(numerator: int, denominator: int) -> None:
    """Ceiling, truncation and half-even are those of the exact quotient."""
    exact = Fraction(numerator, denominator)
    assert ceil_divide(numerator, denominator) == -(-exact // 1)
    assert truncate_divide(numerator, denominator) == int(exact)
    assert round_half_even(numerator, denominator) == round(exact)


@given(wide, positive)
def test_half_even_agrees_with_decimal(numerator: int, denominator: int) -> None:
    """Ties go to the even neighbour, as Decimal has them."""
    doubled = 2 * numerator + 1  # a tie whenever it is halved
    with localcontext(prec=60):
        tie = (Decimal(doubled) / 2).quantize(Decimal(1), ROUND_HALF_EVEN)
    assert round_half_even(doubled * denominator, 2 * denominator) == int(tie)


@given(st.integers(0, 2**62), st.integers(0, 10**6))
def test_a_fee_is_within_half_a_unit_and_rises(notional: int, rate: int) -> None:
    """A fee is never further than half a unit from its exact value, nor above the notional."""
    fee = scale_half_even(notional, rate, 10**6)
    assert abs(fee - Fraction(notional * rate, 10**6)) <= Fraction(1, 2)
    assert 0 <= fee <= notional
    assert fee <= scale_half_even(notional + 10**6, rate, 10**6)


@given(st.integers(1, 10**12), st.sampled_from([1, -1]), st.integers(0, 500_000))
def test_slippage_never_helps(ticks: int, side: int, rate: int) -> None:
    """A slipped price is on the losing side of the exact one, by less than a tick."""
    moved = slip(ticks, side, rate)
    exact = ticks + Fraction(side * ticks * rate, 10**6)
    assert moved >= 1
    assert 0 <= side * (moved - exact) < 1 or moved == 1


@given(decimals, decimals, decimals)
def test_sums_are_exact_in_any_context(a: Decimal, b: Decimal, c: Decimal) -> None:
    """Addition is associative even where the thread's context keeps three digits."""
    with localcontext(prec=3):
        assert add(add(a, b), c) == add(a, add(b, c)) == total([c, b, a])
        assert subtract(add(a, b), b) == a
        product = multiply(a, b)
        money = Money(a, "X") + Money(b, "X") - Money(b, "X")
    assert Fraction(product) == Fraction(a) * Fraction(b)
    assert money == Money(a, "X")
    negative = -money
    assert -negative == money


@given(st.integers(1, 10**12), st.integers(0, 10**12), st.integers(0, 8), st.integers(0, 8))
def test_grid_round_trip(ticks: int, lots: int, price_places: int, lot_places: int) -> None:
    """Ticks and lots go to Decimal and back, and their product is the unit value."""
    tick_size, lot_size = Decimal(1).scaleb(-price_places), Decimal(1).scaleb(-lot_places)
    instrument = Instrument(
        Symbol("BTC", "USDT"),
        tick_size,
        Instrument.coarsen(tick_size, lot_size),
        FeeSchedule.flat(0, 0),
    )
    price, quantity = instrument.price(ticks), instrument.quantity(lots)
    assert (instrument.ticks(price), instrument.lots(quantity)) == (ticks, lots)
    value = instrument.money(ticks * lots * instrument.unit_value)
    assert price.times(quantity, "USDT") == value


@given(st.decimals("1e-12", "1e12", places=12), st.decimals("0", "1e12", places=12))
def test_amounts_print_all_their_digits(price: Decimal, quantity: Decimal) -> None:
    """What is printed reads back as the same amount."""
    if price:
        assert Price.of(str(Price(price))) == Price(price)
    assert Quantity.of(str(Quantity(quantity))) == Quantity(quantity)


@given(st.floats(width=32, allow_nan=False), st.floats(-1e30, 1e30))
def test_float32_is_rounded_once(exact: float, other: float) -> None:
    """A float32 is its own rounding, and rounding twice changes nothing."""
    assert to_float32(exact) == exact
    assert to_float32(to_float32(other)) == to_float32(other)
