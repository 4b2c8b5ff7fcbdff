"""The rounding rules that every engine shares.

Divisions of sizes and prices floor exactly; fees and funding round half to even; a price that is
interpolated or slipped rounds against us. The C++ kernels use the same rules on int64 with
128-bit products (cpp/include/mettle/market/integers.hpp), so the results are equal, not close.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Context, Decimal, DivisionByZero, Inexact, InvalidOperation

from ..errors import InvalidValue

Exact = Decimal | int | str

DIGITS = 100
"""Sums and products of more significant digits than this are refused, never rounded."""

_EXACT = Context(prec=DIGITS, traps=[Inexact, InvalidOperation, DivisionByZero])


def exact(value: Exact, name: str = "value") -> Decimal:
    """Return ``value`` as a finite Decimal.

    Raises:
        InvalidValue: If it is a float (already rounded by somebody), not a number, or not finite.
    """
    if type(value) is Decimal and value.is_finite():
        return value
    if isinstance(value, bool) or not isinstance(value, (Decimal, int, str)):
        raise InvalidValue(
            f"{name} must be a Decimal, an int or a str, was {type(value).__name__} {value!r}",
            mend=f"write it as text, for example Decimal('{value}')",
        )
    try:
        number = Decimal(value)
    except InvalidOperation:
        raise InvalidValue(f"{name} must be a number, was {value!r}") from None
    if not number.is_finite():
        raise InvalidValue(f"{name} must be finite, was {value!r}")
    return number


def to_units(value: Decimal, unit: Decimal, name: str = "value") -> int:
    """Return how many whole ``unit`` make ``value``.

    Raises:
        InvalidValue: If ``value`` is not a multiple of ``unit``.
    """
    try:
        whole, rest = _EXACT.divmod(value, unit)
    except ArithmeticError:
        raise InvalidValue(f"{name} must be a multiple of {unit}, was {value}") from None
    if rest:
        raise InvalidValue(f"{name} must be a multiple of {unit}, was {value}")
    return int(whole)


def add(left: Decimal, right: Decimal) -> Decimal:
    """Return the exact sum, whatever the thread's decimal context.

    Raises:
        InvalidValue: If it has more than ``DIGITS`` significant digits.
    """
    try:
        return _EXACT.add(left, right)
    except Inexact:
        raise InvalidValue(f"{left} + {right} needs more than {DIGITS} digits") from None


def subtract(left: Decimal, right: Decimal) -> Decimal:
    """Return the exact difference, whatever the thread's decimal context.

    The operators − and abs() would round to the context's digits.

    Raises:
        InvalidValue: If it has more than ``DIGITS`` significant digits.
    """
    return add(left, right.copy_negate())


def multiply(left: Decimal, right: Decimal) -> Decimal:
    """Return the exact product, whatever the thread's decimal context.

    Raises:
        InvalidValue: If it has more than ``DIGITS`` significant digits.
    """
    try:
        return _EXACT.multiply(left, right)
    except Inexact:
        raise InvalidValue(f"{left} × {right} needs more than {DIGITS} digits") from None


def total(amounts: Iterable[Decimal]) -> Decimal:
    """Return the exact sum of ``amounts``, 0 if there are none."""
    result = Decimal(0)
    try:
        for amount in amounts:
            result = _EXACT.add(result, amount)
    except Inexact:
        raise InvalidValue(f"{result} and more needs more than {DIGITS} digits") from None
    return result


def plain(amount: Decimal) -> str:
    """Return all digits of ``amount`` without an exponent or trailing zeros."""
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def round_half_even(numerator: int, denominator: int) -> int:
    """Return numerator ÷ denominator rounded half to even, for a positive denominator."""
    quotient, remainder = divmod(numerator, denominator)
    twice = 2 * remainder
    if twice > denominator or (twice == denominator and quotient % 2 == 1):
        return quotient + 1
    return quotient


def scale_half_even(amount: int, rate: int, scale: int) -> int:
    """Return amount × rate ÷ scale rounded half to even (a fee, a funding payment)."""
    return round_half_even(amount * rate, scale)
