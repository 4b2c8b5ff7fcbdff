"""Requests to trade and what became of them."""

from .fill import Fill
from .intent import Exit, OrderIntent, Purpose, Rebalance, client_order_id, intent_id
from .side import Side
from .state import (
    FINAL,
    Canceled,
    Denied,
    Expired,
    Filled,
    Intended,
    Open,
    OrderState,
    Partial,
    Rejected,
    Submitting,
    filled_lots,
    move,
)

__all__ = [
    "FINAL",
    "Canceled",
    "Denied",
    "Exit",
    "Expired",
    "Fill",
    "Filled",
    "Intended",
    "Open",
    "OrderIntent",
    "OrderState",
    "Partial",
    "Purpose",
    "Rebalance",
    "Rejected",
    "Side",
    "Submitting",
    "client_order_id",
    "filled_lots",
    "intent_id",
    "move",
]
