"""Price, Quantity and Money as value objects on Decimal."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from ..errors import InvalidValue
from .rounding import Exact, add, exact, multiply, plain, subtract


@dataclass(frozen=True, slots=True, order=True)
class Quantity:
    """A non-negative amount of a base asset; a side carries the sign."""

    amount: Decimal

    def __post_init__(self) -> None:
        object.__setattr__(self, "amount", exact(self.amount, "quantity"))
        if self.amount < 0:
            raise InvalidValue(f"quantity must not be negative, was {self.amount}")

    @classmethod
    def of(cls, value: Exact) -> Quantity:
        """Build from text, an int or a Decimal."""
        return cls(exact(value, "quantity"))

    def __add__(self, other: Quantity) -> Quantity:
        return Quantity(add(self.amount, other.amount))

    def __sub__(self, other: Quantity) -> Quantity:
        if other.amount > self.amount:
            raise InvalidValue(
                f"quantity must not be negative: {self} − {other}",
                mend="compare them first; a side carries the sign",
            )
        return Quantity(subtract(self.amount, other.amount))

    def __bool__(self) -> bool:
        return self.amount != 0

    def __str__(self) -> str:
        return plain(self.amount)


@dataclass(frozen=True, slots=True, order=True)
class Price:
    """A positive amount of quote currency per unit of the base asset."""

    amount: Decimal

    def __post_init__(self) -> None:
        object.__setattr__(self, "amount", exact(self.amount, "price"))
        if self.amount <= 0:
            raise InvalidValue(f"price must be positive, was {self.amount}")

    @classmethod
    def of(cls, value: Exact) -> Price:
        """Build from text, an int or a Decimal."""
        return cls(exact(value, "price"))

    def times(self, quantity: Quantity, currency: str) -> Money:
        """Return the notional value of ``quantity`` at this price, in the quote currency."""
        return Money(multiply(self.amount, quantity.amount), currency)

    def __str__(self) -> str:
        return plain(self.amount)


@dataclass(frozen=True, slots=True)
class Money:
    """A signed amount of one currency; amounts of different currencies never mix."""

    amount: Decimal
    currency: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "amount", exact(self.amount, "money"))
        if not self.currency or self.currency != self.currency.upper():
            raise InvalidValue(f"currency must be an upper-case code, was {self.currency!r}")

    @classmethod
    def of(cls, value: Exact, currency: str) -> Money:
        """Build from text, an int or a Decimal."""
        return cls(exact(value, "money"), currency)

    @classmethod
    def zero(cls, currency: str) -> Money:
        """Return nothing of ``currency``."""
        return cls(Decimal(0), currency)

    def __add__(self, other: Money) -> Money:
        return Money(add(self.amount, self._same(other)), self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money(subtract(self.amount, self._same(other)), self.currency)

    def __neg__(self) -> Money:
        return Money(subtract(Decimal(0), self.amount), self.currency)

    def __lt__(self, other: Money) -> bool:
        return self.amount < self._same(other)

    def __le__(self, other: Money) -> bool:
        return self.amount <= self._same(other)

    def __bool__(self) -> bool:
        return self.amount != 0

    def __str__(self) -> str:
        return f"{self.amount:f} {self.currency}"

    def _same(self, other: Money) -> Decimal:
        if other.currency != self.currency:
            raise InvalidValue(
                f"cannot combine {self.currency} with {other.currency}",
                mend="convert one of them at a stated rate first",
            )
        return other.amount
