"""The section ``[risk]``: a named profile, and what is changed of it."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Literal, Self

from pydantic import model_validator

from ...domain.errors import ConfigError
from ...domain.risk import KINDS, ConfidenceSource, MarginAction, RiskProfile
from .breakers import (
    CountBreaker,
    JumpBreaker,
    LatencyBreaker,
    LossBreaker,
    MarginSection,
    WindowCountBreaker,
    WindowLossBreaker,
)
from .layers import merge
from .limits import Count, Share, bound
from .risk_profiles import DEFAULT, UNSAID, risk_profile_values
from .texts import Section


class RiskSection(Section):
    """What may be risked: a named risk profile, and below it what you change of it.

    Every limit may be `none`. A limit that an opening would break cuts the opening down or refuses
    it; exits always pass. docs/concepts/risk.md says what each does.
    """

    profile: str = DEFAULT
    """Named risk profile: strict, integration, activation, timeline, daily or perpetual."""
    position: Share = None
    """Largest value of one symbol, share of equity; like all values in the worst case."""
    position_low: Share = None
    """How far down an optimiser may choose a strategy's own cap, share of equity."""
    asset: Share = None
    """Largest value of all symbols of one base asset, share of equity."""
    exposure: Share = None
    """Largest value of all symbols, share of equity."""
    leverage: Share = Decimal(1)
    """Largest value of all symbols where the venue lends, times equity; above 1 needs a margin
    account."""
    risk_per_trade: Share = None
    """Largest loss at the stop, share of equity; without a stop the whole value is at risk."""
    stop_loss: Share = None
    """Distance of each position's stop from its entry."""
    trailing_stop: Share = None
    """Distance of each position's trailing stop from the best price since entry."""
    atr_stop_low: Share = None
    """Least multiple of the average true range at which a strategy may place its stop."""
    atr_stop_high: Share = None
    """Greatest such multiple."""
    atr_trail_low: Share = None
    """Least multiple of the average true range for a trailing stop."""
    atr_trail_high: Share = None
    """Greatest such multiple."""
    trades_per_day: Count = None
    """Openings in one UTC day."""
    drawdown_review: Share = None
    """Drawdown that calls for a review and stops nothing."""
    confidence_source: Literal["", "conviction", "readiness", "action"] = ""
    """What the confidence floor is held against; entries only."""
    confidence_floor: Share = None
    """Least confidence of an entry."""
    trips_above: bool = False
    """Whether breakers trip above their limits instead of at them."""
    daily_loss: LossBreaker = LossBreaker()
    """Loss since 00:00 UTC."""
    rolling_loss: WindowLossBreaker = WindowLossBreaker()
    """Loss within a window."""
    weekly_loss: LossBreaker = LossBreaker()
    """Loss since Monday, 00:00 UTC."""
    drawdown: LossBreaker = LossBreaker()
    """Loss from the highest equity."""
    consecutive_losses: CountBreaker = CountBreaker()
    """Closed trades that lost, one after the other."""
    api_failures: WindowCountBreaker = WindowCountBreaker()
    """Calls to the venue that failed."""
    api_latency: LatencyBreaker = LatencyBreaker()
    """Slow answers of the venue."""
    price_jump: JumpBreaker = JumpBreaker()
    """Jumps of a price."""
    bad_actions: WindowCountBreaker = WindowCountBreaker()
    """Outputs of a policy that are not numbers, or out of range."""
    margin: MarginSection = MarginSection()
    """Margin usage."""

    @model_validator(mode="before")
    @classmethod
    def _over_profile(cls, given: Any) -> Any:  # noqa: ANN401  what somebody wrote, checked next
        if not isinstance(given, Mapping):
            return given
        name = given.get("profile", DEFAULT)
        try:
            below = risk_profile_values(str(name))
        except ConfigError as error:
            raise ValueError(f"{error.message}; {error.mend}") from None
        return merge(merge(UNSAID, below), given)

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.leverage is None:
            raise ValueError("risk.leverage must be a number of 1 or more, was 'none'")
        try:
            self.to_domain()
        except ConfigError as error:
            raise ValueError(error.message) from None
        return self

    def to_domain(self) -> RiskProfile:
        """Return the profile in whole millionths and milliseconds.

        Raises:
            ConfigError: If a limit breaks a rule, or two limits do not agree.
        """
        shares = (
            *("position", "position_low", "asset", "exposure", "leverage", "risk_per_trade"),
            *("stop_loss", "trailing_stop", "atr_stop_low", "atr_stop_high", "atr_trail_low"),
            *("atr_trail_high", "drawdown_review", "confidence_floor"),
        )
        limits: dict[str, Any] = {name: bound(getattr(self, name)) for name in shares}
        rules: dict[str, Any] = {name: getattr(self, name).to_domain() for name in KINDS}
        return RiskProfile(
            self.profile,
            trades_per_day=self.trades_per_day,
            margin_soft=bound(self.margin.soft),
            margin_action=MarginAction(self.margin.action),
            confidence_source=ConfidenceSource(self.confidence_source),
            trips_above=self.trips_above,
            **limits,
            **rules,
        )
