"""The section ``[simulation]``: the market step in people's units."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal, Self

from pydantic import Field, model_validator

from ...domain.market import CASH_SCALE
from ...domain.simulation.settings import (
    ACTION_SCALE,
    RATE_SCALE,
    ActionScheme,
    Execution,
    RewardKind,
    SimulationSettings,
    StopKind,
)
from .texts import Section
from .units import Cash, Rate, Weight, whole


class SimulationSection(Section):
    """The market step; docs/concepts/market-step.md says what each does."""

    initial_cash: Cash = Field(default=Decimal(10_000), gt=0, le=10_000_000_000)
    """Starting cash, quote currency."""
    scheme: Literal["target_weight", "threshold", "increment"] = "target_weight"
    """How an action becomes a weight."""
    allow_short: bool = False
    """Whether weights below zero are kept; needs leverage of 2 or more."""
    max_weight: Weight = Field(default=Decimal(1), gt=0, le=10)
    """Largest weight of one asset, share of equity."""
    gross_limit: Weight = Field(default=Decimal(1), gt=0, le=10)
    """Largest sum of all weights, share of equity."""
    threshold: Weight = Field(default=Decimal("0.3"), ge=0, le=1)
    """Action size beyond which the scheme `threshold` trades."""
    increment: Weight = Field(default=Decimal("0.25"), gt=0, le=1)
    """Weight that a full action of the scheme `increment` adds or removes."""
    rebalance_band: Weight = Field(default=Decimal(0), ge=0, le=1)
    """Changes smaller than this share of equity are not traded."""
    participation: Rate = Field(default=Decimal(0), ge=0, le=1)
    """Largest share of a bar's volume that one order may fill; 0 is no limit."""
    execution: Literal["taker", "maker"] = "taker"
    """Taker at the open, or maker first."""
    slippage: Rate = Field(default=Decimal("0.0005"), ge=0, le=Decimal("0.5"))
    """Distance from the open that a taker pays."""
    maker_offset: Rate = Field(default=Decimal(0), ge=0, le=Decimal("0.5"))
    """Distance of a resting limit from the close."""
    maker_wait: int = Field(default=120, ge=1, le=3600)
    """How long a resting limit waits, seconds."""
    stop_loss: Rate = Field(default=Decimal(0), ge=0, lt=1)
    """Distance of the stop from the average entry; 0 is none."""
    trailing_stop: Rate = Field(default=Decimal(0), ge=0, lt=1)
    """Distance of the trailing stop from the best price since entry; 0 is none."""
    stop_kind: Literal["market", "limit"] = "market"
    """What a reached stop sends."""
    stop_limit_offset: Rate = Field(default=Decimal("0.005"), ge=0, lt=1)
    """Distance of a stop-limit's limit beyond its level."""
    leverage: int = Field(default=1, ge=1, le=125)
    """1 is a cash account; above it the account is on margin."""
    maintenance_margin: Rate = Field(default=Decimal("0.005"), ge=0, le=Decimal("0.5"))
    """Share of the entry value at which a margin position is liquidated."""
    liquidation_fee: Rate = Field(default=Decimal("0.005"), ge=0, le=Decimal("0.5"))
    """Share of the notional taken at a liquidation."""
    soft_margin: Weight = Field(default=Decimal("0.8"), gt=0, le=1)
    """Margin usage at which nothing may be opened."""
    hard_margin: Weight = Field(default=Decimal("0.9"), gt=0, le=1)
    """Margin usage at which positions are reduced."""
    ruin_level: Weight = Field(default=Decimal("0.1"), ge=0, lt=1)
    """Share of the starting equity at or under which an episode ends."""
    reward: Literal["log_return", "differential_sharpe", "sortino", "excess"] = "log_return"
    """What the agent is paid."""
    reward_halflife: int = Field(default=256, ge=1, le=1_000_000)
    """Half-life of the running moments of the Sharpe and Sortino rewards, bars."""
    turnover_penalty: Rate = Field(default=Decimal(0), ge=0, le=1)
    """Reward taken per unit of turnover."""
    drawdown_penalty: Rate = Field(default=Decimal(0), ge=0, le=1)
    """Reward taken per unit of rise in drawdown."""

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.allow_short and self.leverage == 1:
            raise ValueError("simulation.allow_short needs simulation.leverage of 2 or more, was 1")
        if self.gross_limit > self.leverage:
            raise ValueError(
                f"simulation.gross_limit must not exceed simulation.leverage, "
                f"was {self.gross_limit} with leverage {self.leverage}"
            )
        if self.hard_margin < self.soft_margin:
            raise ValueError("simulation.hard_margin must not lie under simulation.soft_margin")
        return self

    def to_domain(self, capital: Decimal | None = None) -> SimulationSettings:
        """Return the integers of the step, exactly; ``capital`` replaces the starting cash."""
        cash = self.initial_cash if capital is None else capital
        weights = ("max_weight", "gross_limit", "threshold", "increment", "rebalance_band")
        margins = ("soft_margin", "hard_margin", "ruin_level")
        rates = (
            *("participation", "slippage", "maker_offset", "stop_loss", "trailing_stop"),
            *("stop_limit_offset", "maintenance_margin", "liquidation_fee"),
            *("turnover_penalty", "drawdown_penalty"),
        )
        return SimulationSettings(
            initial_cash=whole(cash, CASH_SCALE),
            scheme=ActionScheme[self.scheme.upper()],
            allow_short=self.allow_short,
            execution=Execution[self.execution.upper()],
            maker_wait=self.maker_wait,
            stop_kind=StopKind[self.stop_kind.upper()],
            leverage=self.leverage,
            reward=RewardKind[self.reward.upper()],
            reward_halflife=self.reward_halflife,
            **{name: whole(getattr(self, name), ACTION_SCALE) for name in (*weights, *margins)},
            **{name: whole(getattr(self, name), RATE_SCALE) for name in rates},
        )
