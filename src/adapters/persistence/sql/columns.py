"""The kinds of columns that the tables are made of."""

from __future__ import annotations

from typing import Annotated

from sqlalchemy import BigInteger, Integer, String, Text
from sqlalchemy.orm import DeclarativeBase, mapped_column

Id = Annotated[str, mapped_column(String(80))]
Name = Annotated[str, mapped_column(String(40))]
Whole = Annotated[int, mapped_column(BigInteger)]
"""Ticks, lots, 1e-8 units or Unix milliseconds."""
Small = Annotated[int, mapped_column(Integer)]
Words = Annotated[str, mapped_column(Text)]
Exact = Annotated[str, mapped_column(Text)]
"""A Decimal as text: SQLite's NUMERIC is a float underneath and loses digits."""
Place = Annotated[
    int,
    mapped_column(
        BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True
    ),
]
"""The order of addition, counted by the database: on SQLite the row id, so it costs nothing."""


class Base(DeclarativeBase):
    """The declarative root."""
