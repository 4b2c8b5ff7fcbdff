"""The sections ``[risk.BREAKER]``."""

from __future__ import annotations

from typing import Literal

from ...domain.risk import BreakerRule
from .limits import NEXT_PERIOD, Count, Recovery, Share, Time, bound, read_duration
from .texts import Section


class BreakerSection(Section):
    """When it trips and how it recovers; `limit = "none"` switches it off."""

    recovery: Recovery = "0s"
    """Least time until it may recover: a duration, or `next period` of a day's or week's limit."""
    critical: bool = False
    """Whether recovery takes an operator besides time and a clean reconciliation."""

    @property
    def counted(self) -> int | None:
        """The limit as the domain counts it; None if there is none."""
        return bound(getattr(self, "limit", None))

    def to_domain(self) -> BreakerRule | None:
        """Return the breaker's rule, None if it has no limit."""
        if self.counted is None:
            return None
        next_period = self.recovery == NEXT_PERIOD
        window = getattr(self, "window", None)
        return BreakerRule(
            self.counted,
            window=0 if window is None else read_duration(window),
            recovery=0 if next_period else read_duration(self.recovery),
            next_period=next_period,
            critical=self.critical,
        )


class LossBreaker(BreakerSection):
    """Loss of equity, open positions at their marks; a profit never trips it."""

    limit: Share = None
    """Loss at which it trips, share of equity."""


class WindowLossBreaker(LossBreaker):
    """Loss of equity over a sliding window; while it is open only protection is sent."""

    window: Time = None
    """How far back it looks."""


class CountBreaker(BreakerSection):
    """A number of things in a row."""

    limit: Count = None
    """Number at which it trips."""


class WindowCountBreaker(CountBreaker):
    """A number of things within a sliding window."""

    window: Time = None
    """How far back it looks."""


class LatencyBreaker(BreakerSection):
    """How long the venue takes to answer."""

    limit: Time = None
    """Time at which it trips."""


class JumpBreaker(BreakerSection):
    """A price that moves too far too fast, either way; each symbol has its own."""

    limit: Share = None
    """Move at which it trips, share of the price."""
    window: Time = None
    """How far back it looks."""


class MarginSection(BreakerSection):
    """Used share of the margin: maintenance margin over equity."""

    soft: Share = None
    """Usage from which nothing is opened."""
    hard: Share = None
    """Usage at which positions are cut."""
    action: Literal["reduce", "close"] = "reduce"
    """What the hard limit does: reduce until usage is under the soft limit, or close everything."""

    @property
    def counted(self) -> int | None:
        """The hard limit, millionths."""
        return bound(self.hard)
