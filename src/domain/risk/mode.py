"""What may still be sent: one mode an account and symbol, the worst over all causes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

from ..orders import Opening, OrderIntent, Purpose

EVERY_SYMBOL = ""


class Mode(IntEnum):
    """From free to nothing, in order of severity."""

    ACTIVE = 0
    """Everything."""
    REDUCING = 1
    """Reductions only, the agent's included."""
    PAUSED = 2
    """Cancellations, protective reductions and a person's own; not the agent's."""
    KILLED = 3
    """Cancellations and the flatten; ends only when a person re-arms."""


@dataclass(frozen=True, slots=True)
class ModeCause:
    """One reason to be less than ACTIVE; causes are independent and each ends by its own rule.

    Attributes:
        symbol: :data:`EVERY_SYMBOL` for the whole account.
        cause: ``operator``, ``kill``, ``reconciliation``, ``unknown order``, ``breaker daily_loss``
            …; one row an account, symbol and cause.
        since: Unix milliseconds UTC.
    """

    account: str
    symbol: str
    cause: str
    mode: Mode
    since: int
    reason: str


def effective(causes: Iterable[ModeCause], symbol: str = EVERY_SYMBOL) -> Mode:
    """Return the worst mode that holds for ``symbol``."""
    found = [one.mode for one in causes if one.symbol in {EVERY_SYMBOL, symbol}]
    return max(found, default=Mode.ACTIVE)


_PROTECTIVE = frozenset({Purpose.STOP, Purpose.TRAILING_STOP, Purpose.MARGIN, Purpose.RUIN})


def permits(mode: Mode, intent: OrderIntent) -> bool:
    """Return whether an intent may be sent in a mode."""
    if mode is Mode.ACTIVE:
        return True
    if isinstance(intent, Opening):
        return False
    if mode is Mode.REDUCING:
        return True
    if mode is Mode.PAUSED:
        return intent.purpose in _PROTECTIVE | {Purpose.OPERATOR, Purpose.FLATTEN}
    return intent.purpose is Purpose.FLATTEN
