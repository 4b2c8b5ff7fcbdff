"""Exact numbers as people write them: ``0.25``, ``"25 %"``, ``"5 bp"``."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, PlainSerializer, WithJsonSchema

_SIGNS = {"%": Decimal("0.01"), "bps": Decimal("0.0001"), "bp": Decimal("0.0001")}


def read_number(value: object) -> Decimal:
    """Return ``value`` as the exact number that was written.

    A float is taken by its shortest text: 0.1 is one tenth.

    Raises:
        ValueError: If it is not a number.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        raise ValueError("must be a number")  # noqa: TRY004  pydantic turns it into a finding
    text = str(value).strip().replace("_", "")
    factor = Decimal(1)
    for sign, worth in _SIGNS.items():
        if text.endswith(sign):
            text, factor = text.removesuffix(sign).strip(), worth
            break
    try:
        number = Decimal(text) * factor
    except InvalidOperation:
        raise ValueError("must be a number") from None
    if not number.is_finite():
        raise ValueError("must be a finite number")
    return number


def read_ratio(value: object) -> Decimal:
    """Return a share of one; raises ValueError with an example."""
    try:
        return read_number(value)
    except ValueError as error:
        raise ValueError(f'{error}, for example 0.0005, "0.05 %" or "5 bp"') from None


def plain_text(number: Decimal) -> str:
    """Return a number without exponent and without trailing zeros."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


class _Step:
    def __init__(self, scale: int) -> None:
        self.scale = scale

    def __call__(self, value: Decimal) -> Decimal:
        if value * self.scale != int(value * self.scale):
            raise ValueError(f"must be a whole multiple of {plain_text(1 / Decimal(self.scale))}")
        return value


_TEXT = PlainSerializer(plain_text, return_type=str)
_SCHEMA = WithJsonSchema({"type": ["number", "string"]})

Weight = Annotated[
    Decimal, BeforeValidator(read_ratio), AfterValidator(_Step(10_000)), _TEXT, _SCHEMA
]
"""A share of equity, in steps of 0.01 %."""

Rate = Annotated[
    Decimal, BeforeValidator(read_ratio), AfterValidator(_Step(1_000_000)), _TEXT, _SCHEMA
]
"""A fee, slippage or distance, in steps of 0.01 bp."""

Cash = Annotated[
    Decimal, BeforeValidator(read_number), AfterValidator(_Step(100_000_000)), _TEXT, _SCHEMA
]
"""An amount of the quote currency, in steps of 1e-8."""


def whole(value: Decimal, scale: int) -> int:
    """Return ``value × scale`` exactly; the types above guarantee that it is whole."""
    return int(value * scale)
