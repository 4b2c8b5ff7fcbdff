"""What a session means to trade, before anything is sent.

A reduction is a type of its own, not a flag: it may only lower a position, so later checks
(conviction, readiness, cool-downs, sizing, breakers) let it pass by its type and can never block it
by mistake.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from enum import Enum

from ..errors import InvalidValue
from ..market import Symbol
from .side import Side


class Purpose(Enum):
    """Why an order exists; part of its identity, and so a source of its own."""

    REBALANCE = "rebalance"
    MARGIN = "margin"
    STOP = "stop"
    TRAILING_STOP = "trailing stop"
    LIQUIDATION = "liquidation"
    RUIN = "ruin"
    OPERATOR = "operator"
    FLATTEN = "flatten"


@dataclass(frozen=True, slots=True)
class Opening:
    """A change that raises exposure, or turns it round.

    Attributes:
        account: The account it trades; a paper run is an account of its own.
        lots: Whole lots to trade, positive.
        decided_at: Close of the bar it was decided on, Unix milliseconds UTC.
        closes: How many of the lots close a position of the other side first. If the opening is
            refused, :meth:`reduction` still goes through.
    """

    account: str
    symbol: Symbol
    side: Side
    lots: int
    decided_at: int
    closes: int = 0

    def __post_init__(self) -> None:
        _check_lots(self.symbol, self.lots)
        if not 0 <= self.closes < self.lots:
            raise InvalidValue(
                f"{self.symbol}: an opening of {self.lots} lots must close fewer, not {self.closes}"
            )

    @property
    def purpose(self) -> Purpose:
        """Always a rebalance: nothing but the agent may raise exposure."""
        return Purpose.REBALANCE

    def reduction(self) -> Reduction | None:
        """Return the part that only closes; None if it closes nothing."""
        if not self.closes:
            return None
        return Reduction(
            self.account, self.symbol, self.side, self.closes, self.decided_at, self.purpose
        )


@dataclass(frozen=True, slots=True)
class Reduction:
    """A change that lowers exposure: the agent's own, a stop, a margin cut, a ruin, a person's.

    Attributes:
        purpose: What asks for it.
    """

    account: str
    symbol: Symbol
    side: Side
    lots: int
    decided_at: int
    purpose: Purpose

    def __post_init__(self) -> None:
        _check_lots(self.symbol, self.lots)


OrderIntent = Opening | Reduction


def intent_for(
    account: str, symbol: Symbol, held: int, change: int, decided_at: int, purpose: Purpose
) -> OrderIntent:
    """Return the intent that takes a position of ``held`` lots by ``change`` lots.

    Raises:
        InvalidValue: If ``change`` is zero, or raises exposure for another purpose than a
            rebalance.
    """
    side = Side.BUY if change > 0 else Side.SELL
    closes = min(abs(held), abs(change)) if held * change < 0 else 0
    if closes == abs(change):
        return Reduction(account, symbol, side, abs(change), decided_at, purpose)
    if purpose is not Purpose.REBALANCE:
        raise InvalidValue(
            f"{symbol}: a {purpose.value} of {change} lots does not reduce a position of {held}"
        )
    return Opening(account, symbol, side, abs(change), decided_at, closes)


def resized(intent: OrderIntent, lots: int) -> OrderIntent:
    """Return an intent for the lots that are left of it; what it was to close goes first."""
    if isinstance(intent, Opening):
        closed = intent.lots - lots
        closes = min(max(0, intent.closes - closed), lots - 1)
        return replace(intent, lots=lots, closes=closes)
    return replace(intent, lots=lots)


def intent_id(intent: OrderIntent) -> str:
    """Return the identity of an intent: account, symbol, closed bar and purpose, hashed.

    Size and model take no part, so that one bar can never ask twice for the same purpose.
    """
    key = f"{intent.account}|{intent.symbol}|{intent.decided_at}|{intent.purpose._value_}"
    return hashlib.sha256(key.encode()).hexdigest()[:32]


def _check_lots(symbol: Symbol, lots: int) -> None:
    if lots <= 0:
        raise InvalidValue(f"{symbol}: an order must have a positive number of lots, had {lots}")
