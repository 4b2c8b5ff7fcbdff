"""A figure that never stands alone: value, interval, sample, or the reason why there is none."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..errors import InvalidValue


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number.

    Attributes:
        value: The point estimate, or None where it is undefined.
        reason: Why value or interval is missing; empty if both are there.
        low, high: Ends of the interval, None where that end is unknown or unbounded.
        n: Size of the sample: returns, or trades.
    """

    value: float | None
    reason: str = ""
    low: float | None = None
    high: float | None = None
    n: int = 0

    def __post_init__(self) -> None:
        for name in ("value", "low", "high"):
            number = getattr(self, name)
            if number is not None and not math.isfinite(number):
                raise InvalidValue(f"{name} of a figure must be finite or None, was {number}")
        if self.value is None and not self.reason:
            raise InvalidValue("a figure without a value needs a reason")

    @classmethod
    def undefined(cls, reason: str, n: int = 0) -> Figure:
        """Return a figure without a value."""
        return cls(None, reason, n=n)

    @property
    def interval(self) -> tuple[float, float] | None:
        """Both ends, or None if one is missing."""
        if self.low is None or self.high is None:
            return None
        return self.low, self.high

    def to_dict(self) -> dict[str, float | int | str | None]:
        """Return plain values for JSON."""
        return {
            "value": self.value,
            "low": self.low,
            "high": self.high,
            "n": self.n,
            "reason": self.reason,
        }
