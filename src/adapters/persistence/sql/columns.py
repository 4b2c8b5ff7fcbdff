"""The kinds of columns that the tables are made of."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any

from sqlalchemy import BigInteger, Dialect, Integer, String, Text, TypeDecorator
from sqlalchemy.orm import DeclarativeBase, mapped_column


class ExactDecimal(TypeDecorator[Decimal]):
    """A Decimal as text: SQLite's NUMERIC is a float underneath and loses digits."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, _dialect: Dialect) -> str | None:
        """Write all digits, without an exponent."""
        return None if value is None else f"{value:f}"

    def process_result_value(self, value: Any | None, _dialect: Dialect) -> Decimal | None:
        """Read them back."""
        return None if value is None else Decimal(value)


Id = Annotated[str, mapped_column(String(80))]
Name = Annotated[str, mapped_column(String(40))]
Whole = Annotated[int, mapped_column(BigInteger)]
"""Ticks, lots, 1e-8 units or Unix milliseconds."""
Small = Annotated[int, mapped_column(Integer)]
Words = Annotated[str, mapped_column(Text)]
Place = Annotated[
    int,
    mapped_column(
        BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True
    ),
]
"""The order of addition, counted by the database: on SQLite the row id, so it costs nothing."""


class Base(DeclarativeBase):
    """The declarative root."""
