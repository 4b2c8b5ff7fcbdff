"""A risk profile: every limit of an account, each of them optional, checked as a whole.

All numbers are integers: shares, distances and multiples in millionths, times in milliseconds.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum

from ..errors import ConfigError
from ..money import plain
from .rules import KINDS, SHARE, BreakerRule, percent


class MarginAction(Enum):
    """What the hard margin limit does."""

    REDUCE = "reduce"
    """Cut the largest risk first until usage lies under the soft limit."""
    CLOSE = "close"
    """Close every position."""


class ConfidenceSource(Enum):
    """Which figure a confidence floor is held against; the decider applies it, to entries only."""

    NONE = ""
    CONVICTION = "conviction"
    READINESS = "readiness"
    """Its states are the floor: not_ready enters nothing."""
    ACTION = "action"


GREATEST = {
    "position": 10 * SHARE,
    "position_low": 10 * SHARE,
    "exposure": 125 * SHARE,
    "asset": 125 * SHARE,
    "risk_per_trade": SHARE,
    "stop_loss": SHARE - 1,
    "trailing_stop": SHARE - 1,
    "atr_stop_low": 100 * SHARE,
    "atr_stop_high": 100 * SHARE,
    "atr_trail_low": 100 * SHARE,
    "atr_trail_high": 100 * SHARE,
    "drawdown_review": SHARE,
    "margin_soft": SHARE,
    "confidence_floor": SHARE,
}
"""The greatest value of each share; the least is one millionth."""

RISING = (
    ("position_low", "position"),
    ("position", "asset"),
    ("position", "exposure"),
    ("asset", "exposure"),
    ("position", "leverage"),
    ("asset", "leverage"),
    ("exposure", "leverage"),
    ("risk_per_trade", "position"),
    ("risk_per_trade", "daily_loss.limit"),
    ("atr_stop_low", "atr_stop_high"),
    ("atr_trail_low", "atr_trail_high"),
    ("daily_loss.limit", "rolling_loss.limit"),
    ("daily_loss.limit", "weekly_loss.limit"),
    ("daily_loss.limit", "drawdown.limit"),
    ("rolling_loss.limit", "drawdown.limit"),
    ("weekly_loss.limit", "drawdown.limit"),
)
"""The first of each pair must not exceed the second, where both are set."""

STRICTLY_RISING = (("drawdown_review", "drawdown.limit"), ("margin.soft", "margin.hard"))

NEEDS = (
    ("atr_stop_low", "atr_stop_high"),
    ("atr_stop_high", "atr_stop_low"),
    ("atr_trail_low", "atr_trail_high"),
    ("atr_trail_high", "atr_trail_low"),
    ("position_low", "position"),
    ("drawdown_review", "drawdown.limit"),
    ("margin.hard", "margin.soft"),
)
"""The first of each pair says nothing without the second."""


@dataclass(frozen=True, slots=True)
class RiskProfile:
    """The limits of one account; None is no limit.

    Attributes:
        position: Largest worst-case value of one symbol, share of equity.
        position_low: How far down a strategy may choose its own cap; data for optimisers.
        exposure: Largest worst-case value of all symbols.
        asset: Largest worst-case value of all symbols of one base asset.
        risk_per_trade: Largest loss at the stop; without a stop the whole value is at risk.
        stop_loss, trailing_stop: Distances of the stops from entry and best price.
        atr_stop_low, atr_stop_high: Between which multiples of the ATR a strategy's stop may lie.
        atr_trail_low, atr_trail_high: The same of its trailing stop.
        trades_per_day: Openings in one UTC day.
        leverage: Largest worst-case value of all symbols where the venue allows it; 1 unless a
            profile allows more.
        drawdown_review: Drawdown that calls for a review, and stops nothing.
        margin_soft: Margin usage from which nothing may be opened.
        margin_action: What the hard margin limit does, which is that of the breaker ``margin``.
        trips_above: Whether breakers trip above their limits instead of at them.
    """

    name: str
    position: int | None = None
    position_low: int | None = None
    exposure: int | None = None
    asset: int | None = None
    risk_per_trade: int | None = None
    stop_loss: int | None = None
    trailing_stop: int | None = None
    atr_stop_low: int | None = None
    atr_stop_high: int | None = None
    atr_trail_low: int | None = None
    atr_trail_high: int | None = None
    trades_per_day: int | None = None
    leverage: int | None = SHARE
    drawdown_review: int | None = None
    margin_soft: int | None = None
    margin_action: MarginAction = MarginAction.REDUCE
    confidence_source: ConfidenceSource = ConfidenceSource.NONE
    confidence_floor: int | None = None
    trips_above: bool = False
    daily_loss: BreakerRule | None = None
    rolling_loss: BreakerRule | None = None
    weekly_loss: BreakerRule | None = None
    drawdown: BreakerRule | None = None
    consecutive_losses: BreakerRule | None = None
    api_failures: BreakerRule | None = None
    api_latency: BreakerRule | None = None
    price_jump: BreakerRule | None = None
    bad_actions: BreakerRule | None = None
    margin: BreakerRule | None = None

    def __post_init__(self) -> None:
        for name, greatest in GREATEST.items():
            value: int | None = getattr(self, name)
            if value is not None and not 0 < value <= greatest:
                raise ConfigError(
                    f"risk.{_key(name)} must lie above 0 and at most at {percent(greatest)}, "
                    f"was {percent(value)}"
                )
        if self.trades_per_day is not None and not 0 < self.trades_per_day <= 100_000:
            raise ConfigError(
                f"risk.trades_per_day must lie in 1 … 100000, was {self.trades_per_day}"
            )
        if self.leverage is not None and not SHARE <= self.leverage <= 125 * SHARE:
            raise ConfigError(f"risk.leverage must lie in 1 … 125, was {_times(self.leverage)}")
        for name, rule in self.rules():
            rule.check(name)
        self._check_pairs()
        self._check_stops()
        self._check_confidence()

    def rules(self) -> Iterator[tuple[str, BreakerRule]]:
        """Yield the breakers that are set, by name."""
        for name in KINDS:
            if (rule := self.rule(name)) is not None:
                yield name, rule

    def rule(self, name: str) -> BreakerRule | None:
        """Return what the breaker ``name`` is told; None if it is not set."""
        found: BreakerRule | None = getattr(self, name)
        return found

    def _value(self, key: str) -> int | None:
        if key == "margin.soft":
            return self.margin_soft
        name, _, part = key.partition(".")
        if not part:
            value: int | None = getattr(self, name)
            return value
        rule = self.rule(name)
        return None if rule is None else rule.limit

    def _check_pairs(self) -> None:
        for low, high in NEEDS:
            if (value := self._value(low)) is not None and self._value(high) is None:
                raise ConfigError(
                    f"risk.{low} needs risk.{high}, was {percent(value)} without it",
                    mend=f"set risk.{high}, or risk.{low} to none",
                )
        rising = [(*pair, False) for pair in RISING]
        for low, high, strictly in rising + [(*pair, True) for pair in STRICTLY_RISING]:
            least, most = self._value(low), self._value(high)
            if least is None or most is None or least < most or (least == most and not strictly):
                continue
            rule = "must lie under" if strictly else "must not exceed"
            raise ConfigError(
                f"risk.{low} {rule} risk.{high}, were {percent(least)} and {percent(most)}",
                mend=f"lower risk.{low} or raise risk.{high}",
            )

    def _check_stops(self) -> None:
        for name in ("stop_loss", "trailing_stop"):
            distance = self._value(name)
            if distance and self.leverage and distance * self.leverage >= SHARE * SHARE:
                raise ConfigError(
                    f"risk.{name} must lie nearer than the liquidation that risk.leverage "
                    f"{_times(self.leverage)} brings, was {percent(distance)}",
                    mend=f"lower risk.{name} or risk.leverage",
                )
        if not (self.stop_loss and self.position and self.daily_loss):
            return
        if self.stop_loss * self.position > self.daily_loss.limit * SHARE:
            raise ConfigError(
                f"risk.stop_loss {percent(self.stop_loss)} of risk.position "
                f"{percent(self.position)} must not lose more than risk.daily_loss.limit, "
                f"which was {percent(self.daily_loss.limit)}",
                mend="lower risk.stop_loss or risk.position, or raise risk.daily_loss.limit",
            )

    def _check_confidence(self) -> None:
        floor, source = self.confidence_floor, self.confidence_source
        scored = source in {ConfidenceSource.CONVICTION, ConfidenceSource.ACTION}
        if floor is not None and not scored:
            raise ConfigError(
                f"risk.confidence_floor {percent(floor)} needs risk.confidence_source conviction "
                f"or action, was {source.value!r}"
            )
        if scored and floor is None:
            raise ConfigError(
                f"risk.confidence_source {source.value} needs risk.confidence_floor, was none"
            )


def _key(name: str) -> str:
    return "margin.soft" if name == "margin_soft" else name


def _times(leverage: int) -> str:
    return plain(Decimal(leverage).scaleb(-6))
