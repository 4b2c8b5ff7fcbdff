"""What is sent to a venue, and under which name."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

from ..errors import InvalidValue
from ..market import Symbol
from .intent import OrderIntent, intent_id
from .side import Side

_NAMESPACE = uuid.UUID("6f0d5a5e-6b1e-5a0f-9c55-6d6574746c65")
"""Client order ids are UUIDv5 of this name space: the same attempt gets the same id again."""
_TAG = 8
"""Hex digits that all ids of one account share, so that its orders are known for ours."""


class Leg(Enum):
    """Which part of an execution plan an attempt is."""

    BAR = "bar"
    """One order for the next bar, at a venue that lives on bars."""
    MAKER = "maker"
    """Post-only at the own side's touch."""
    TAKER = "taker"
    """Marketable, for what the maker leg left."""
    STOP = "stop"
    """Rests behind a trigger and protects a position."""


class OrderKind(Enum):
    """How a venue is to execute an order."""

    LIMIT = "limit"
    NEXT_OPEN = "next open"
    """By the market step, in the next bar; simulated venues only."""
    LAST_CLOSE = "last close"
    """At once at the last close less slippage: what a ruin costs; simulated venues only."""


class TimeInForce(Enum):
    """How long an order lives."""

    GTC = "good till cancelled"
    GTD = "good till date"
    IOC = "immediate or cancel"


@dataclass(frozen=True, slots=True)
class OrderTerms:
    """Everything about an order but its name.

    Attributes:
        lots: Whole lots, positive.
        limit: Ticks; None only for orders that live on bars.
        expires_at: For GTD, Unix milliseconds UTC.
        reduce_only: Ask the venue never to open or turn a position with it; honoured where the
            venue can.
        trigger: Ticks at which a stop becomes the limit order that it is; None for an order that
            may trade at once.
    """

    symbol: Symbol
    side: Side
    lots: int
    kind: OrderKind = OrderKind.LIMIT
    limit: int | None = None
    time_in_force: TimeInForce = TimeInForce.GTC
    expires_at: int | None = None
    post_only: bool = False
    reduce_only: bool = False
    trigger: int | None = None

    def __post_init__(self) -> None:
        if self.lots <= 0:
            raise InvalidValue(f"{self.symbol}: an order needs a positive size, had {self.lots}")
        if (self.limit is None) == (self.kind is OrderKind.LIMIT):
            raise InvalidValue(f"{self.symbol}: a {self.kind.value} order with limit {self.limit}")
        if self.limit is not None and self.limit <= 0:
            raise InvalidValue(f"{self.symbol}: a limit must be positive, was {self.limit} ticks")
        if (self.expires_at is None) == (self.time_in_force is TimeInForce.GTD):
            raise InvalidValue(f"{self.symbol}: only a GTD order has an end, had {self.expires_at}")
        if self.post_only and self.time_in_force is TimeInForce.IOC:
            raise InvalidValue(f"{self.symbol}: an order cannot be post-only and immediate")
        if self.trigger is not None and (self.trigger <= 0 or not self._may_rest):
            raise InvalidValue(
                f"{self.symbol}: a stop rests as a limit order behind a positive trigger, was "
                f"{self.kind.value}, {self.time_in_force.value}, trigger {self.trigger}"
            )

    @property
    def _may_rest(self) -> bool:
        """Whether it can wait at a venue for its trigger."""
        immediate = self.time_in_force is TimeInForce.IOC or self.post_only
        return self.kind is OrderKind.LIMIT and not immediate

    @property
    def payload_hash(self) -> str:
        """SHA-256 of all terms: one client order id never carries two of them."""
        return hashlib.sha256(repr(self).encode()).hexdigest()


def client_order_id(
    intent: OrderIntent, *, venue: str, environment: str = "paper", leg: Leg, attempt: int
) -> str:
    """Return the id that the venue sees.

    A pure function of what is sent for, so a restart finds its own orders again. ``attempt`` rises
    only after the attempt before it has ended by evidence. The first digits are the account's, so
    that an order of ours is known as such even if the journal has lost it.
    """
    scope = f"{environment}|{venue}|{intent.account}"
    name = f"{scope}|{intent_id(intent)}|{leg.value}|{attempt}"
    return _tag(scope) + str(uuid.uuid5(_NAMESPACE, name))[_TAG:]


def is_ours(order_id: str, account: str, *, venue: str, environment: str = "paper") -> bool:
    """Return whether a client order id was made for the account by :func:`client_order_id`."""
    try:
        version = uuid.UUID(order_id).version
    except ValueError:
        return False
    return version == 5 and order_id.startswith(_tag(f"{environment}|{venue}|{account}"))


@lru_cache(maxsize=64)
def _tag(scope: str) -> str:
    return uuid.uuid5(_NAMESPACE, scope).hex[:_TAG]
