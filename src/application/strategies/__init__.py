"""Rule strategies: agents that are written, not trained."""

from .buy_and_hold import BuyAndHold
from .ema_cross import EmaCross
from .registry import STRATEGIES, StrategyDefinition, make_strategy, parse_strategy

__all__ = [
    "STRATEGIES",
    "BuyAndHold",
    "EmaCross",
    "StrategyDefinition",
    "make_strategy",
    "parse_strategy",
]
