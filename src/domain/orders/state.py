"""The states of an order, as a union of small classes, and the moves between them.

INTENDED ─→ SUBMITTING ─→ OPEN ─→ PARTIAL ─→ FILLED
   └→ DENIED     └→ REJECTED  └──────┴────→ EXPIRED | CANCELED

FILLED, EXPIRED, CANCELED, REJECTED and DENIED are final. Only the venue's word leads to a final
state; DENIED, refused here and never sent, is the one exception.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import InvalidValue


@dataclass(frozen=True, slots=True)
class Intended:
    """Written down, not yet handed to the sender."""


@dataclass(frozen=True, slots=True)
class Submitting:
    """On its way: written down before the request, so that a crash cannot hide it."""


@dataclass(frozen=True, slots=True)
class Open:
    """The venue has it and nothing is filled."""


@dataclass(frozen=True, slots=True)
class Partial:
    """Some lots are filled and the rest is live."""

    filled: int


@dataclass(frozen=True, slots=True)
class Filled:
    """All lots are filled."""

    filled: int


@dataclass(frozen=True, slots=True)
class Expired:
    """The venue ended it by its own rule (no volume, no cash, no trading); a part may be filled."""

    filled: int
    reason: str


@dataclass(frozen=True, slots=True)
class Canceled:
    """Cancelled at our request; a part may be filled."""

    filled: int


@dataclass(frozen=True, slots=True)
class Rejected:
    """The venue refused it in so many words."""

    reason: str


@dataclass(frozen=True, slots=True)
class Denied:
    """Refused here; it was never sent."""

    reason: str


OrderState = (
    Intended | Submitting | Open | Partial | Filled | Expired | Canceled | Rejected | Denied
)

FINAL = (Filled, Expired, Canceled, Rejected, Denied)

_ENDINGS = frozenset({Filled, Expired, Canceled})

_MOVES: dict[type[OrderState], frozenset[type[OrderState]]] = {
    Intended: frozenset({Submitting, Denied}),
    Submitting: frozenset({Open, Partial, Rejected}) | _ENDINGS,
    Open: frozenset({Partial}) | _ENDINGS,
    Partial: frozenset({Partial}) | _ENDINGS,
}


def filled_lots(state: OrderState) -> int:
    """Return how many lots a state has filled."""
    return state.filled if isinstance(state, (Partial, Filled, Expired, Canceled)) else 0


def move(current: OrderState, new: OrderState) -> OrderState:
    """Return ``new`` if an order may go there from ``current``.

    Raises:
        InvalidValue: If the move does not exist or filled lots would shrink.
    """
    if type(new) not in _MOVES.get(type(current), frozenset()):
        raise InvalidValue(f"an order cannot go from {current} to {new}")
    if filled_lots(new) < filled_lots(current):
        raise InvalidValue(f"filled lots cannot shrink from {current} to {new}")
    return new
