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
    filled = min(shown.filled, lots)
    if filled < filled_lots(current):
        return None
    new = _state(current, filled, lots, shown)
    if new == current or (isinstance(current, FINAL) and not _amends(current, new)):
        return None
    return new


def _state(current: OrderState, filled: int, lots: int, shown: VenueOrder) -> OrderState:
    if shown.status is VenueOrderStatus.OPEN:
        if isinstance(current, Cancelling):
            return Cancelling(filled)
        return Partial(filled) if filled else Open()
    if shown.status is VenueOrderStatus.FILLED or filled == lots:
        return Filled(filled)
    if shown.status is VenueOrderStatus.CANCELED:
        return Canceled(filled)
    if shown.status is VenueOrderStatus.REJECTED and not filled:
        return Rejected(shown.reason or "rejected")
    return Expired(filled, shown.reason)


def with_fills(current: OrderState, lots: int, booked: int) -> OrderState | None:
    """Return the state once ``booked`` lots are in the books; None if that changes nothing."""
    if booked <= filled_lots(current) or isinstance(current, (Rejected, NotPlaced)):
        return None
    if booked >= lots:
        return Filled(booked)
    if isinstance(current, (Expired, Canceled, Cancelling, Unknown)):
        # A fill proves that the venue had the order, not that it is still open.
        return replace(current, filled=booked)
    return Partial(booked)


def _amends(current: OrderState, new: OrderState) -> bool:
    if not isinstance(current, (Expired, Canceled)) or not isinstance(new, FINAL):
        return False
    return filled_lots(new) > filled_lots(current)
