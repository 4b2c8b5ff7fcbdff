"""The breakers that there are, and what one of them is told by a profile."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import Enum

from ..errors import ConfigError
from ..money import plain

SHARE = 1_000_000
"""Shares, distances and multiples are whole millionths."""

DAY = 86_400_000
WEEK = 7 * DAY
LONGEST = 366 * DAY
_FIRST_MONDAY = 4 * DAY


class Unit(Enum):
    """What a breaker's limit counts."""

    SHARE = "share"
    COUNT = "count"
    DURATION = "duration"


@dataclass(frozen=True, slots=True)
class BreakerKind:
    """What all breakers of one name have in common.

    Attributes:
        loss: Whether it answers to losses; its HALF_OPEN then allows one half-size opening.
        period: Length of the calendar period it starts anew with, ms; 0 is none. A day is that of
            UTC, a week the ISO week in UTC.
        windowed: Whether it looks back over a sliding window.
        always_critical: Whether no profile may spare the operator.
        pauses: Whether OPEN means PAUSED instead of REDUCING.
    """

    unit: Unit
    loss: bool = False
    period: int = 0
    windowed: bool = False
    always_critical: bool = False
    pauses: bool = False

    def period_start(self, now: int) -> int:
        """Return when the period of ``now`` began, Unix ms UTC; asked only of kinds with one."""
        offset = _FIRST_MONDAY if self.period == WEEK else 0
        return (now - offset) // self.period * self.period + offset


KINDS: dict[str, BreakerKind] = {
    "daily_loss": BreakerKind(Unit.SHARE, loss=True, period=DAY),
    "rolling_loss": BreakerKind(Unit.SHARE, loss=True, windowed=True, pauses=True),
    "weekly_loss": BreakerKind(Unit.SHARE, loss=True, period=WEEK, always_critical=True),
    "drawdown": BreakerKind(Unit.SHARE, loss=True, always_critical=True),
    "consecutive_losses": BreakerKind(Unit.COUNT, loss=True),
    "api_failures": BreakerKind(Unit.COUNT, windowed=True),
    "api_latency": BreakerKind(Unit.DURATION),
    "price_jump": BreakerKind(Unit.SHARE, windowed=True),
    "bad_actions": BreakerKind(Unit.COUNT, windowed=True),
    "margin": BreakerKind(Unit.SHARE, always_critical=True),
}
"""By name, in the order in which they are shown."""

_GREATEST = {Unit.SHARE: SHARE, Unit.COUNT: 1_000, Unit.DURATION: DAY}


@dataclass(frozen=True, slots=True)
class BreakerRule:
    """When a breaker trips and how it recovers.

    Attributes:
        limit: Millionths, a count or milliseconds, as its kind says.
        window: How far back it looks, ms; 0 for kinds without a window.
        recovery: Least time in OPEN, ms.
        next_period: Whether OPEN also lasts until the next day or week begins.
        critical: Whether leaving OPEN needs an operator besides.
    """

    limit: int
    window: int = 0
    recovery: int = 0
    next_period: bool = False
    critical: bool = False

    def until(self, kind: BreakerKind, at: int) -> int:
        """Return the earliest end of an OPEN that begins at ``at``."""
        end = at + self.recovery
        return max(end, kind.period_start(at) + kind.period) if self.next_period else end

    def check(self, name: str) -> None:
        """Raise ConfigError if a breaker of this name cannot be told so."""
        kind = KINDS[name]
        greatest = _GREATEST[kind.unit]
        if not 0 < self.limit <= greatest:
            raise ConfigError(
                f"risk.{limit_key(name)} must lie above 0 and at most at "
                f"{shown(greatest, kind.unit)}, was {shown(self.limit, kind.unit)}"
            )
        if kind.windowed and not 0 < self.window <= LONGEST:
            raise ConfigError(
                f"risk.{name}.window must lie above 0 and at most at 366d, "
                f"was {shown(self.window, Unit.DURATION)}"
            )
        if not kind.windowed and self.window:
            raise ConfigError(
                f"risk.{name}.window must be left out, this breaker has no sliding window, "
                f"was {shown(self.window, Unit.DURATION)}"
            )
        if not 0 <= self.recovery <= LONGEST:
            raise ConfigError(
                f"risk.{name}.recovery must lie in 0s … 366d, "
                f"was {shown(self.recovery, Unit.DURATION)}"
            )
        if self.next_period and not kind.period:
            raise ConfigError(
                f"risk.{name}.recovery must be a duration, was 'next period', "
                "which only a day's or a week's limit has"
            )
        if kind.always_critical and not self.critical:
            raise ConfigError(
                f"risk.{name}.critical must be true, was false: leaving it takes an operator"
            )


def limit_key(name: str) -> str:
    """Return the setting that holds a breaker's limit."""
    return f"{name}.hard" if name == "margin" else f"{name}.limit"


def percent(share: int) -> str:
    """Return millionths as a percentage, exact."""
    return f"{plain(Decimal(share).scaleb(-4))} %"


def duration(milliseconds: int) -> str:
    """Return milliseconds in the largest unit that holds them exactly."""
    for unit, length in (("d", DAY), ("h", 3_600_000), ("m", 60_000), ("s", 1_000)):
        if milliseconds and milliseconds % length == 0:
            return f"{milliseconds // length}{unit}"
    return f"{milliseconds}ms" if milliseconds else "0s"


def shown(value: int, unit: Unit) -> str:
    """Return a limit or a measure for people."""
    if unit is Unit.SHARE:
        return percent(value)
    return duration(value) if unit is Unit.DURATION else str(value)
