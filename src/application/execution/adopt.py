"""From what a venue shows of an order to the state that we write down."""

from __future__ import annotations

from dataclasses import replace

from ...domain.orders import (
    FINAL,
    Canceled,
    Cancelling,
    Expired,
    Filled,
    NotPlaced,
    Open,
    OrderState,
    Partial,
    Rejected,
    Unknown,
    filled_lots,
)
from ..ports.venue import VenueOrder, VenueOrderStatus


def shown_state(current: OrderState, lots: int, shown: VenueOrder) -> OrderState | None:
    """Return the state that ``shown`` leads to; None if it says nothing new or contradicts itself.

    A report may be old: it never takes fills away and never reopens what has ended.

    Args:
        lots: Size of our order.
    """
    # "Filled" means all of it, whatever the count beside it says: the fills may be on their way.
    done = shown.status is VenueOrderStatus.FILLED
    filled = lots if done else min(shown.filled, lots)
    if filled < filled_lots(current):
        return None
    new = _state(current, filled, lots, shown)
    return None if new == current else new


def _state(current: OrderState, filled: int, lots: int, shown: VenueOrder) -> OrderState:
    if isinstance(current, FINAL):
        return _amended(current, filled, lots)
    if shown.status is VenueOrderStatus.OPEN:
        live = Partial(filled) if filled else Open()
        return Cancelling(filled) if isinstance(current, Cancelling) else live
    if filled == lots:
        return Filled(filled)
    if shown.status is VenueOrderStatus.CANCELED:
        return Canceled(filled)
    # What we asked to end had been taken: it cannot be refused any more, only ended.
    taken = filled or isinstance(current, Cancelling)
    if shown.status is VenueOrderStatus.REJECTED and not taken:
        return Rejected(shown.reason or "rejected")
    return Expired(filled, shown.reason)


def _amended(current: OrderState, filled: int, lots: int) -> OrderState:
    """Return an ended order with the fills that came late; how it ended stays as it was."""
    if not isinstance(current, (Expired, Canceled)):
        return current
    return Filled(filled) if filled == lots else replace(current, filled=filled)


def with_fills(current: OrderState, lots: int, booked: int) -> OrderState | None:
    """Return the state once ``booked`` lots are in the books; None if that changes nothing.

    Trades of an order that was refused, or more of them than it had lots, fit no state: what is
    booked then differs from what the state says, and so the order stays unclear.
    """
    if booked <= filled_lots(current) or isinstance(current, (Filled, Rejected, NotPlaced)):
        return None
    if booked >= lots:
        return Filled(booked)
    if isinstance(current, (Expired, Canceled, Cancelling, Unknown)):
        # A fill proves that the venue had the order, not that it is still open.
        return replace(current, filled=booked)
    return Partial(booked)
