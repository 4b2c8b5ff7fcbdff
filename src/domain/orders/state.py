"""The states of an order, as a union of small classes, and the moves between them.

INTENDED → SUBMITTING → OPEN | REJECTED | UNKNOWN          INTENDED → DENIED
OPEN ↔ PARTIAL → FILLED | EXPIRED                          UNKNOWN → whatever the venue shows,
OPEN | PARTIAL → CANCELLING → CANCELED | FILLED | UNKNOWN            or NOT_PLACED

SUBMITTING, OPEN and PARTIAL may go wherever the venue's word takes them, a cancellation that nobody
asked for included. FILLED, CANCELED, EXPIRED, REJECTED, NOT_PLACED and DENIED are final; a fill
that arrives late amends a final order and nothing else does. Only evidence leads to a final state;
DENIED, refused here and never sent, is the one exception. UNKNOWN never becomes REJECTED by age.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from ..errors import InvalidValue


class Evidence(Enum):
    """What the venue showed; a failed query shows nothing and so has no name here."""

    ACKNOWLEDGEMENT = "acknowledgement"
    """Its answer to the request itself."""
    STREAM = "stream"
    """A message that it pushed."""
    QUERY = "query"
    """Its answer to a question about the order."""
    FILLS = "fills"
    """Trades that add up to the order."""
    ABSENCE = "absence"
    """Two full histories without it, after the fence, and no fill or balance that matches."""


@dataclass(frozen=True, slots=True)
class Intended:
    """Written down, not yet handed to the sender."""


@dataclass(frozen=True, slots=True)
class Submitting:
    """On its way: written down before the request, so that a crash cannot hide it."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nobody knows whether the venue has it, or what became of it.

    Attributes:
        filled: Lots known to be filled.
        since: When we lost sight of it, Unix milliseconds UTC.
    """

    filled: int
    since: int


@dataclass(frozen=True, slots=True)
class Open:
    """The venue has it and nothing is filled."""


@dataclass(frozen=True, slots=True)
class Partial:
    """Some lots are filled and the rest is live."""

    filled: int


@dataclass(frozen=True, slots=True)
class Cancelling:
    """We asked to end it; it may still fill."""

    filled: int


@dataclass(frozen=True, slots=True)
class Filled:
    """All lots are filled."""

    filled: int


@dataclass(frozen=True, slots=True)
class Expired:
    """The venue ended it by its own rule (no volume, no cash, end of life); part may be filled."""

    filled: int
    reason: str


@dataclass(frozen=True, slots=True)
class Canceled:
    """Cancelled, at our request or by somebody else; a part may be filled."""

    filled: int


@dataclass(frozen=True, slots=True)
class Rejected:
    """The venue refused it in so many words."""

    reason: str


@dataclass(frozen=True, slots=True)
class NotPlaced:
    """Proven never to have reached the venue."""

    reason: str


@dataclass(frozen=True, slots=True)
class Denied:
    """Refused here; it was never sent."""

    reason: str


OrderState = (
    Intended
    | Submitting
    | Unknown
    | Open
    | Partial
    | Cancelling
    | Filled
    | Expired
    | Canceled
    | Rejected
    | NotPlaced
    | Denied
)

FINAL = (Filled, Expired, Canceled, Rejected, NotPlaced, Denied)
POSSIBLY_LIVE = (Submitting, Unknown, Open, Partial, Cancelling)
"""States in which the venue may hold the order."""

_ENDED = frozenset({Filled, Expired, Canceled})
_SHOWN = frozenset({Open, Partial, Rejected}) | _ENDED

_MOVES: dict[type[OrderState], frozenset[type[OrderState]]] = {
    Intended: frozenset({Submitting, Denied}),
    Submitting: _SHOWN | {Unknown},
    Unknown: _SHOWN | {Unknown, NotPlaced},
    Open: _SHOWN | {Cancelling, Unknown},
    Partial: _SHOWN | {Cancelling, Unknown},
    Cancelling: _ENDED | {Cancelling, Unknown},
    # A late fill amends what had ended.
    Expired: frozenset({Expired, Filled}),
    Canceled: frozenset({Canceled, Filled}),
}
_WITHOUT_EVIDENCE = frozenset({Submitting, Unknown, Cancelling, Denied})


def filled_lots(state: OrderState) -> int:
    """Return how many lots a state has filled."""
    if isinstance(state, (Unknown, Partial, Cancelling, Filled, Expired, Canceled)):
        return state.filled
    return 0


def move(current: OrderState, new: OrderState, evidence: Evidence | None = None) -> OrderState:
    """Return ``new`` if an order may go there from ``current``.

    Args:
        evidence: What the venue showed; needed by every state that speaks about the venue.

    Raises:
        InvalidValue: If the move does not exist, filled lots would shrink, a final state would be
            amended by anything but a further fill, or evidence is missing.
    """
    if type(new) not in _MOVES.get(type(current), frozenset()):
        raise InvalidValue(f"an order cannot go from {current} to {new}")
    if filled_lots(new) < filled_lots(current):
        raise InvalidValue(f"filled lots cannot shrink from {current} to {new}")
    if isinstance(current, FINAL) and filled_lots(new) == filled_lots(current):
        raise InvalidValue(f"only a further fill amends {current}, not {new}")
    if evidence is None and type(new) not in _WITHOUT_EVIDENCE:
        raise InvalidValue(f"no evidence of the venue leads from {current} to {new}")
    if isinstance(new, NotPlaced) and evidence is not Evidence.ABSENCE:
        raise InvalidValue(f"only absence shows that an order was never placed, not {evidence}")
    return new
