"""Integers as the native kernels see them: exact inside, int64 where they are kept."""

from __future__ import annotations

import struct

from ..errors import InvalidValue
from .settings import ACTION_SCALE, RATE_SCALE

INT64_MIN = -(2**63)
INT64_MAX = 2**63 - 1

_FLOAT32 = struct.Struct("<f")


def fit(value: int, name: str) -> int:
    """Return ``value`` if int64 can hold it.

    Raises:
        InvalidValue: If it cannot; the native kernel fails at the same place.
    """
    if not INT64_MIN <= value <= INT64_MAX:
        raise InvalidValue(
            f"{name} must fit 64 bits, was {value}",
            mend="use a coarser lot or tick, or less starting cash",
        )
    return value


def ceil_divide(numerator: int, denominator: int) -> int:
    """Return ⌈numerator ÷ denominator⌉ for a positive denominator."""
    return -(-numerator // denominator)


def truncate_divide(numerator: int, denominator: int) -> int:
    """Return numerator ÷ denominator without its fraction, for a positive denominator."""
    return numerator // denominator if numerator >= 0 else -(-numerator // denominator)


def sign(value: int) -> int:
    """Return −1, 0 or +1."""
    return (value > 0) - (value < 0)


def notional(lots: int, ticks: int, unit_value: int) -> int:
    """Return the value of ``lots`` at ``ticks``, 1e-8 quote; signed like ``lots``."""
    value = lots * ticks * unit_value
    return value if INT64_MIN <= value <= INT64_MAX else fit(value, "notional")


def slip(ticks: int, side: int, rate: int) -> int:
    """Return ``ticks`` moved ``rate`` millionths against the one who trades on ``side``.

    A buy (+1) rounds up; a sell (−1) rounds down, to at least one tick.
    """
    if side > 0:
        return ceil_divide(ticks * (RATE_SCALE + rate), RATE_SCALE)
    return max(1, ticks * (RATE_SCALE - rate) // RATE_SCALE)


def quantise(action: float) -> int | None:
    """Return an action in ten-thousandths, half to even; None is HOLD (NaN or outside [−1, 1])."""
    if -1.0 <= action <= 1.0:
        return round(action * float(ACTION_SCALE))
    return None


def to_float32(value: float) -> float:
    """Return ``value`` rounded once to float32 (as a Python float)."""
    rounded: float = _FLOAT32.unpack(_FLOAT32.pack(value))[0]
    return rounded
