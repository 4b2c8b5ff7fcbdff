"""What a session means to trade, before anything is sent.

An exit is a type of its own, not a flag: it may only lower a position, so later checks (conviction,
readiness, cool-downs, sizing) let it pass by its type and can never block it by mistake.
"""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass
from enum import Enum

from ..errors import InvalidValue
from ..market import Symbol
from .side import Side

_NAMESPACE = uuid.UUID("6f0d5a5e-6b1e-5a0f-9c55-6d6574746c65")
"""Client order ids are UUIDv5 of this name space: the same order gets the same id again."""


class Purpose(Enum):
    """Why an order exists; part of its identity."""

    REBALANCE = "rebalance"
    MARGIN = "margin"
    STOP = "stop"
    TRAILING_STOP = "trailing stop"
    LIQUIDATION = "liquidation"
    RUIN = "ruin"


@dataclass(frozen=True, slots=True)
class Rebalance:
    """A change toward a target weight; it may raise exposure.

    Attributes:
        account: The account it trades, one per run.
        lots: Whole lots to trade, positive.
        decided_at: Close of the bar it was decided on, Unix milliseconds UTC.
    """

    account: str
    symbol: Symbol
    side: Side
    lots: int
    decided_at: int

    def __post_init__(self) -> None:
        _check_lots(self.symbol, self.lots)

    @property
    def purpose(self) -> Purpose:
        """Always a rebalance."""
        return Purpose.REBALANCE


@dataclass(frozen=True, slots=True)
class Exit:
    """A reduction of a position: a stop, a margin cut, a ruin. It never raises exposure.

    Attributes:
        purpose: What forces the exit.
    """

    account: str
    symbol: Symbol
    side: Side
    lots: int
    decided_at: int
    purpose: Purpose

    def __post_init__(self) -> None:
        _check_lots(self.symbol, self.lots)
        if self.purpose is Purpose.REBALANCE:
            raise InvalidValue(f"{self.symbol}: a rebalance is not an exit")


OrderIntent = Rebalance | Exit


def intent_id(intent: OrderIntent) -> str:
    """Return the identity of an intent: account, symbol, closed bar and purpose, hashed.

    Size and model take no part, so that one bar can never ask twice for the same purpose.
    """
    key = f"{intent.account}|{intent.symbol}|{intent.decided_at}|{intent.purpose.value}"
    return hashlib.sha256(key.encode()).hexdigest()[:32]


def client_order_id(intent: OrderIntent, *, venue: str, attempt: int = 1) -> str:
    """Return the id that the venue sees; it rises with ``attempt`` and with nothing else."""
    name = f"{venue}|{intent.account}|{intent_id(intent)}|{attempt}"
    return str(uuid.uuid5(_NAMESPACE, name))


def _check_lots(symbol: Symbol, lots: int) -> None:
    if lots < 1:
        raise InvalidValue(f"{symbol}: an order needs at least one lot, was {lots}")
