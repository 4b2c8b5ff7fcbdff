"""Exact amounts refuse what is not exact and say why."""

from __future__ import annotations

from decimal import Decimal

import pytest
from mettle.domain.errors import InvalidValue
from mettle.domain.money import (
    Money,
    Price,
    Quantity,
    add,
    exact,
    multiply,
    plain,
    round_half_even,
    to_units,
    total,
)


@pytest.mark.parametrize("value", [1.5, True, None, b"1", "abc", "NaN", "Infinity", ""])
def test_what_is_not_exact_is_refused(value: object) -> None:
    """Floats, flags, text that is no number and what is not finite never become amounts."""
    with pytest.raises(InvalidValue, match="price must be"):
        Price.of(value)  # type: ignore[arg-type]  # the point of the test


def test_a_float_is_told_how_to_be_written() -> None:
    """The message of a refused float shows the mend."""
    with pytest.raises(InvalidValue) as caught:
        exact(0.1, "fee")  # type: ignore[arg-type]  # the point of the test
    assert "fee must be a Decimal" in caught.value.message
    assert caught.value.mend == "write it as text, for example Decimal('0.1')"


@pytest.mark.parametrize("value", ["0", "-1"])
def test_a_price_is_positive(value: str) -> None:
    """No price is zero or less."""
    with pytest.raises(InvalidValue, match=f"price must be positive, was {value}"):
        Price.of(value)


def test_a_quantity_is_not_negative() -> None:
    """A side carries the sign."""
    with pytest.raises(InvalidValue, match="quantity must not be negative, was -3"):
        Quantity.of(-3)
    with pytest.raises(InvalidValue, match=r"quantity must not be negative: 1 − 1\.5"):
        Quantity.of(1) - Quantity.of("1.5")


def test_quantity_arithmetic() -> None:
    """Quantities add, subtract, compare and are true when there is something."""
    total_quantity = Quantity.of("1.5") + Quantity.of("0.25")
    assert total_quantity == Quantity.of("1.75")
    assert total_quantity - Quantity.of("1.75") == Quantity.of(0)
    assert not Quantity.of(0)
    assert Quantity.of(1)
    assert Quantity.of(1) < Quantity.of(2)


def test_price_times_quantity_is_money() -> None:
    """A notional carries the quote currency."""
    assert Price.of("101.5").times(Quantity.of("0.2"), "USDT") == Money.of("20.30", "USDT")


def test_money_of_two_currencies_never_mixes() -> None:
    """Sums, differences and comparisons across currencies are refused."""
    dollars, coins = Money.of(1, "USD"), Money.of(1, "BTC")
    for operation in (
        lambda: dollars + coins,
        lambda: dollars - coins,
        lambda: dollars < coins,
        lambda: dollars <= coins,
    ):
        with pytest.raises(InvalidValue, match="cannot combine USD with BTC"):
            operation()


def test_money_arithmetic() -> None:
    """Money adds, subtracts, turns its sign and compares."""
    one, two = Money.of(1, "USD"), Money.of(2, "USD")
    assert one + one == two
    assert two - one == one
    assert -one + one == Money.zero("USD")
    assert one < two
    assert one <= one  # noqa: PLR0124  # the boundary of ≤
    assert not Money.zero("USD")
    assert one
    assert str(-Money.zero("USD")) == "0 USD"
    assert str(Money.of("-1.50", "USD")) == "-1.50 USD"


@pytest.mark.parametrize("currency", ["", "usd"])
def test_a_currency_is_an_upper_case_code(currency: str) -> None:
    """Anything else is refused by name."""
    with pytest.raises(InvalidValue, match="upper-case code"):
        Money.of(1, currency)


@pytest.mark.parametrize(
    ("numerator", "denominator", "rounded"),
    [(1, 2, 0), (3, 2, 2), (5, 2, 2), (-1, 2, 0), (-3, 2, -2), (-5, 2, -2), (7, 3, 2), (8, 3, 3)],
)
def test_halves_go_to_the_even_neighbour(numerator: int, denominator: int, rounded: int) -> None:
    """Ties never drift up or down."""
    assert round_half_even(numerator, denominator) == rounded


@pytest.mark.parametrize(
    ("value", "unit"), [("1.005", "0.01"), ("1", "0"), ("1e200", "1e-200"), ("0.1", "0.3")]
)
def test_off_the_grid_is_refused(value: str, unit: str) -> None:
    """A value that is no multiple of its unit has no number of units."""
    with pytest.raises(InvalidValue, match="size must be a multiple of"):
        to_units(Decimal(value), Decimal(unit), "size")


def test_units_of_a_long_number_are_exact() -> None:
    """Forty digits come through whole."""
    assert to_units(Decimal("1234567890123456789012345678901234567.89"), Decimal("0.01")) == (
        123456789012345678901234567890123456789
    )


def test_too_many_digits_are_refused() -> None:
    """A sum or product that would have to be rounded raises instead."""
    with pytest.raises(InvalidValue, match="needs more than 100 digits"):
        add(Decimal("1e90"), Decimal("1e-20"))
    with pytest.raises(InvalidValue, match="needs more than 100 digits"):
        multiply(Decimal("3." + "3" * 60), Decimal("7." + "7" * 60))


def test_an_empty_sum_is_zero() -> None:
    """Nothing adds up to nothing."""
    assert total([]) == 0


@pytest.mark.parametrize(
    ("value", "text"), [("100", "100"), ("1E+3", "1000"), ("1.500", "1.5"), ("0E-8", "0")]
)
def test_plain_text_has_no_exponent(value: str, text: str) -> None:
    """Trailing zeros after the point go, zeros before it stay."""
    assert plain(Decimal(value)) == text
    assert str(Quantity.of(value)) == text
