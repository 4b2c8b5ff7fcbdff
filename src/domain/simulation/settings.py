"""The settings of one market simulation: the same for training, backtest, arena and paper.

All are integers, so that every engine reads the same number: weights in ten-thousandths, rates in
millionths. The meaning of each is in docs/concepts/market-step.md, which is the contract of the
step.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from enum import IntEnum
from typing import Any, Self

from ..errors import ConfigError

ACTION_SCALE = 10_000
"""Actions and weights are whole ten-thousandths."""

RATE_SCALE = 1_000_000
"""Fees, slippage and distances are whole millionths."""

FUNDING_SCALE = 100_000_000
"""Funding rates are whole 1e-8."""

MAX_TICKS = 10**12
"""Largest price in ticks; a finer tick than this allows is refused at import."""


class ActionScheme(IntEnum):
    """How an action becomes a wanted weight."""

    TARGET_WEIGHT = 0
    THRESHOLD = 1
    INCREMENT = 2


class Execution(IntEnum):
    """How a wanted change becomes a fill."""

    TAKER = 0
    MAKER = 1


class StopKind(IntEnum):
    """What the venue does when a stop level is reached."""

    MARKET = 0
    LIMIT = 1


class RewardKind(IntEnum):
    """What the agent is paid."""

    LOG_RETURN = 0
    DIFFERENTIAL_SHARPE = 1
    SORTINO = 2
    EXCESS = 3


RANGES: dict[str, tuple[int, int]] = {
    "initial_cash": (1, 2**60),
    "max_weight": (1, 10 * ACTION_SCALE),
    "gross_limit": (1, 10 * ACTION_SCALE),
    "threshold": (0, ACTION_SCALE),
    "increment": (1, ACTION_SCALE),
    "rebalance_band": (0, ACTION_SCALE),
    "participation": (0, RATE_SCALE),
    "slippage": (0, RATE_SCALE // 2),
    "maker_offset": (0, RATE_SCALE // 2),
    "maker_wait": (1, 3600),
    "stop_loss": (0, RATE_SCALE - 1),
    "trailing_stop": (0, RATE_SCALE - 1),
    "stop_limit_offset": (0, RATE_SCALE - 1),
    "leverage": (1, 125),
    "maintenance_margin": (0, RATE_SCALE // 2),
    "liquidation_fee": (0, RATE_SCALE // 2),
    "soft_margin": (1, ACTION_SCALE),
    "hard_margin": (1, ACTION_SCALE),
    "ruin_level": (0, ACTION_SCALE - 1),
    "turnover_penalty": (0, RATE_SCALE),
    "drawdown_penalty": (0, RATE_SCALE),
    "reward_halflife": (1, 1_000_000),
}
"""The least and the greatest value of each number."""

_KINDS: dict[str, type[int]] = {
    "scheme": ActionScheme,
    "execution": Execution,
    "stop_kind": StopKind,
    "reward": RewardKind,
    "allow_short": bool,
}


@dataclass(frozen=True, slots=True)
class SimulationSettings:
    """Every choice of the step.

    Attributes:
        initial_cash: Starting cash in 1e-8 of the quote currency.
        scheme: How an action becomes a weight.
        allow_short: Whether weights below zero are kept; long-only clips them at zero.
        max_weight: Largest |weight| of one asset, 1e-4 of equity.
        gross_limit: Largest Σ|weight|, 1e-4 of equity.
        threshold: Action size beyond which ``THRESHOLD`` goes all-in or all-out, 1e-4.
        increment: Weight that a full ``INCREMENT`` action adds or removes, 1e-4 of equity.
        rebalance_band: Changes smaller than this, 1e-4 of equity, are not traded, exits excepted.
        participation: Largest share of a bar's volume that one order may fill, 1e-6; 0 is no limit.
        execution: Taker at the open, or maker first.
        slippage: Distance from the open that a taker pays, 1e-6.
        maker_offset: Distance of a resting limit from the close, 1e-6.
        maker_wait: How long a resting limit waits, seconds.
        stop_loss: Distance of the stop from the average entry, 1e-6; 0 is none.
        trailing_stop: Distance of the trailing stop from the best price since entry, 1e-6; 0 is
            none.
        stop_kind: Whether a reached stop sends a market or a limit order.
        stop_limit_offset: Distance of a stop-limit's limit beyond its level, 1e-6.
        leverage: 1 is a cash account; above it the account is on margin.
        maintenance_margin: Share of the entry value at which a margin position is liquidated, 1e-6.
        liquidation_fee: Share of the notional taken at a liquidation, 1e-6.
        soft_margin: Margin usage at which nothing may be opened, 1e-4.
        hard_margin: Margin usage at which positions are reduced under the soft limit, 1e-4.
        ruin_level: Share of the starting equity at or under which an episode ends, 1e-4.
        reward: What the agent is paid.
        reward_halflife: Half-life in bars of the running moments of the Sharpe and Sortino rewards.
        turnover_penalty: Reward taken per unit of turnover, 1e-6.
        drawdown_penalty: Reward taken per unit of rise in drawdown, 1e-6.
    """

    initial_cash: int = 10_000 * 100_000_000
    scheme: ActionScheme = ActionScheme.TARGET_WEIGHT
    allow_short: bool = False
    max_weight: int = ACTION_SCALE
    gross_limit: int = ACTION_SCALE
    threshold: int = 3_000
    increment: int = 2_500
    rebalance_band: int = 0
    participation: int = 0
    execution: Execution = Execution.TAKER
    slippage: int = 500
    maker_offset: int = 0
    maker_wait: int = 120
    stop_loss: int = 0
    trailing_stop: int = 0
    stop_kind: StopKind = StopKind.MARKET
    stop_limit_offset: int = 5_000
    leverage: int = 1
    maintenance_margin: int = 5_000
    liquidation_fee: int = 5_000
    soft_margin: int = 8_000
    hard_margin: int = 9_000
    ruin_level: int = 1_000
    reward: RewardKind = RewardKind.LOG_RETURN
    reward_halflife: int = 256
    turnover_penalty: int = 0
    drawdown_penalty: int = 0

    def __post_init__(self) -> None:
        for name, (low, high) in RANGES.items():
            value = getattr(self, name)
            if not isinstance(value, int) or not low <= value <= high:
                raise ConfigError(f"simulation.{name} must lie in {low} … {high}, was {value!r}")
        for name, kind in _KINDS.items():
            if not isinstance(value := getattr(self, name), kind):
                raise ConfigError(f"simulation.{name} must be a {kind.__name__}, was {value!r}")
        if self.leverage == 1 and self.allow_short:
            raise ConfigError(
                "simulation.allow_short needs a margin account, leverage was 1",
                mend="set simulation.leverage to 2 or more, or allow_short to false",
            )
        if self.gross_limit > self.leverage * ACTION_SCALE:
            raise ConfigError(
                f"simulation.gross_limit {self.gross_limit} exceeds leverage "
                f"{self.leverage} × {ACTION_SCALE}",
                mend="lower gross_limit or raise leverage",
            )
        if self.hard_margin < self.soft_margin:
            raise ConfigError(
                f"simulation.hard_margin {self.hard_margin} lies under "
                f"soft_margin {self.soft_margin}"
            )

    @property
    def on_margin(self) -> bool:
        """Whether the account may owe: cash then is a balance, not a limit."""
        return self.leverage > 1

    def to_dict(self) -> dict[str, int]:
        """Return plain integers, in the order of the fields; the inverse of :meth:`from_dict`."""
        return {name: int(value) for name, value in asdict(self).items()}

    @classmethod
    def from_dict(cls, values: dict[str, int]) -> Self:
        """Build from :meth:`to_dict`'s result.

        Raises:
            ConfigError: If a name is unknown or a value is out of range.
        """
        known = {field.name for field in fields(cls)}
        if unknown := sorted(set(values) - known):
            raise ConfigError(f"unknown simulation setting {unknown[0]!r}")
        try:
            kept: dict[str, Any] = {
                name: _KINDS[name](v) if name in _KINDS else v for name, v in values.items()
            }
        except (TypeError, ValueError) as error:
            raise ConfigError(f"simulation settings: {error}") from None
        return cls(**kept)
