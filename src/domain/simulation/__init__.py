"""The reference of the market step: plain integers, one rule a function."""

from .account import Account, AssetState, Worth, move_position, released_basis
from .episodes import allowed_starts, episode_hash, episode_start
from .fills import Order, Quote, fee_of, fillable, quote
from .observation import index_part, portfolio_part, portfolio_values
from .records import (
    AssetBar,
    AssetTerms,
    FillReason,
    SimulatedFill,
    StepResult,
    Wait,
    interpolate_wait,
)
from .rewards import RewardState
from .settings import (
    ActionScheme,
    Execution,
    RewardKind,
    SimulationSettings,
    StopKind,
)
from .sizing import Plan, plan_changes
from .step import advance, close_position, inside_bar, open_bar, play

__all__ = [
    "Account",
    "ActionScheme",
    "AssetBar",
    "AssetState",
    "AssetTerms",
    "Execution",
    "FillReason",
    "Order",
    "Plan",
    "Quote",
    "RewardKind",
    "RewardState",
    "SimulatedFill",
    "SimulationSettings",
    "StepResult",
    "StopKind",
    "Wait",
    "Worth",
    "advance",
    "allowed_starts",
    "close_position",
    "episode_hash",
    "episode_start",
    "fee_of",
    "fillable",
    "index_part",
    "inside_bar",
    "interpolate_wait",
    "move_position",
    "open_bar",
    "plan_changes",
    "play",
    "portfolio_part",
    "portfolio_values",
    "quote",
    "released_basis",
]
