"""What a venue shows is adopted as far as it proves something, and no further."""

from __future__ import annotations

import itertools

import pytest
from mettle.application.execution.adopt import shown_state, with_fills
from mettle.application.ports.venue import VenueOrder, VenueOrderStatus
from mettle.domain.market import Symbol
from mettle.domain.orders import (
    FINAL,
    Canceled,
    Cancelling,
    Denied,
    Evidence,
    Expired,
    Filled,
    NotPlaced,
    Open,
    OrderState,
    Partial,
    Rejected,
    Submitting,
    Unknown,
    filled_lots,
    move,
)

LOTS = 10
OPEN, FILLED, CANCELED = VenueOrderStatus.OPEN, VenueOrderStatus.FILLED, VenueOrderStatus.CANCELED
EXPIRED, REJECTED = VenueOrderStatus.EXPIRED, VenueOrderStatus.REJECTED

STATES: list[OrderState] = [
    Submitting(),
    *(Unknown(filled, 7) for filled in (0, 4)),
    Open(),
    Partial(4),
    *(Cancelling(filled) for filled in (0, 4)),
    Filled(10),
    *(Expired(filled, "late") for filled in (0, 4)),
    *(Canceled(filled) for filled in (0, 4)),
    Rejected("no"),
    NotPlaced("absent"),
    Denied("halted"),
]


def shown(status: VenueOrderStatus, filled: int = 0, reason: str = "") -> VenueOrder:
    """Return our order of ten lots as the venue has it."""
    symbol = Symbol("BTC", "USDT")
    return VenueOrder("o1", "v1", symbol, 1, LOTS, filled, status, 5, 100, reason)


@pytest.mark.parametrize(
    ("current", "seen", "wanted"),
    [
        (Submitting(), shown(OPEN), Open()),
        (Submitting(), shown(OPEN, 3), Partial(3)),
        (Unknown(0, 7), shown(OPEN), Open()),
        (Unknown(0, 7), shown(REJECTED, reason="minimum"), Rejected("minimum")),
        (Unknown(0, 7), shown(REJECTED), Rejected("rejected")),
        (Unknown(2, 7), shown(OPEN, 2), Partial(2)),
        (Unknown(2, 7), shown(CANCELED, 2), Canceled(2)),
        (Open(), shown(OPEN), None),
        (Open(), shown(CANCELED), Canceled(0)),
        (Open(), shown(EXPIRED, 3, "end of life"), Expired(3, "end of life")),
        (Partial(3), shown(OPEN, 5), Partial(5)),
        (Partial(3), shown(OPEN, 3), None),
        (Partial(3), shown(OPEN, 2), None),
        (Partial(3), shown(OPEN), None),
        (Partial(3), shown(CANCELED, 2), None),
        (Partial(3), shown(REJECTED), None),
        (Partial(3), shown(REJECTED, 4, "post"), Expired(4, "post")),
        (Cancelling(3), shown(OPEN, 3), None),
        (Cancelling(3), shown(OPEN, 4), Cancelling(4)),
        (Cancelling(3), shown(CANCELED, 4), Canceled(4)),
        (Cancelling(3), shown(EXPIRED, 3, "end of life"), Expired(3, "end of life")),
        (Cancelling(3), shown(FILLED, 10), Filled(10)),
        (Open(), shown(CANCELED, 10), Filled(10)),
        (Open(), shown(EXPIRED, 10, "end of life"), Filled(10)),
        (Open(), shown(CANCELED, 12), Filled(10)),
    ],
)
def test_a_report_moves_an_order(
    current: OrderState, seen: VenueOrder, wanted: OrderState | None
) -> None:
    """News moves it; what is old, known or takes fills away says nothing."""
    assert shown_state(current, LOTS, seen) == wanted


@pytest.mark.parametrize("count", [0, 4, 9, 10, 11])
@pytest.mark.parametrize(
    "current", [Submitting(), Unknown(0, 7), Open(), Partial(2), Cancelling(2)]
)
def test_filled_means_all_of_it(current: OrderState, count: int) -> None:
    """FILLED before its fills: all lots are awaited, so none of them is ever ordered again."""
    assert shown_state(current, LOTS, shown(FILLED, count)) == Filled(LOTS)


def test_what_is_being_cancelled_was_taken_once() -> None:
    """A late refusal ends it; there is no arrow back to a refusal."""
    found = shown_state(Cancelling(0), LOTS, shown(REJECTED, reason="margin"))
    assert found == Expired(0, "margin")


@pytest.mark.parametrize(
    ("current", "seen", "wanted"),
    [
        (Canceled(3), shown(CANCELED, 5), Canceled(5)),
        (Canceled(3), shown(EXPIRED, 5, "end of life"), Canceled(5)),
        (Expired(3, "late"), shown(CANCELED, 5), Expired(5, "late")),
        (Expired(3, "late"), shown(OPEN, 5), Expired(5, "late")),
        (Canceled(3), shown(FILLED, 10), Filled(10)),
        (Expired(3, "late"), shown(CANCELED, 10), Filled(10)),
        (Canceled(3), shown(CANCELED, 3), None),
        (Canceled(3), shown(OPEN, 3), None),
        (Canceled(3), shown(CANCELED, 2), None),
        (Canceled(3), shown(EXPIRED, 3, "end of life"), None),
        (Filled(10), shown(FILLED, 10), None),
        (Filled(10), shown(OPEN, 3), None),
        (Rejected("no"), shown(OPEN, 3), None),
        (Rejected("no"), shown(FILLED, 10), None),
        (NotPlaced("absent"), shown(OPEN), None),
    ],
)
def test_only_late_fills_amend_what_ended(
    current: OrderState, seen: VenueOrder, wanted: OrderState | None
) -> None:
    """How it ended stays; lots that came late are added; an old report reopens nothing."""
    assert shown_state(current, LOTS, seen) == wanted


@pytest.mark.parametrize(
    ("current", "status"), list(itertools.product(STATES, list(VenueOrderStatus)))
)
def test_whatever_is_shown_follows_an_arrow(current: OrderState, status: VenueOrderStatus) -> None:
    """No answer of a venue, however odd, leads off the drawing of the states."""
    for filled in range(LOTS + 3):
        new = shown_state(current, LOTS, shown(status, filled, "said so"))
        if new is not None:
            assert move(current, new, Evidence.QUERY) == new
            assert filled_lots(current) <= filled_lots(new) <= LOTS


@pytest.mark.parametrize(
    ("current", "booked", "wanted"),
    [
        (Submitting(), 3, Partial(3)),
        (Open(), 3, Partial(3)),
        (Open(), 0, None),
        (Open(), 10, Filled(10)),
        (Open(), 11, Filled(11)),
        (Partial(3), 4, Partial(4)),
        (Partial(3), 3, None),
        (Partial(3), 2, None),
        (Unknown(0, 7), 3, Unknown(3, 7)),
        (Unknown(0, 7), 10, Filled(10)),
        (Cancelling(1), 3, Cancelling(3)),
        (Cancelling(1), 10, Filled(10)),
        (Canceled(1), 3, Canceled(3)),
        (Expired(1, "late"), 3, Expired(3, "late")),
        (Expired(1, "late"), 10, Filled(10)),
        (Filled(10), 10, None),
        (Filled(10), 11, None),
        (Rejected("no"), 3, None),
        (NotPlaced("absent"), 3, None),
    ],
)
def test_trades_move_an_order(current: OrderState, booked: int, wanted: OrderState | None) -> None:
    """A trade proves that the order was there, not that it still is."""
    assert with_fills(current, LOTS, booked) == wanted


@pytest.mark.parametrize("current", [one for one in STATES if not isinstance(one, Denied)])
@pytest.mark.parametrize("booked", range(LOTS + 3))
def test_whatever_is_booked_follows_an_arrow(current: OrderState, booked: int) -> None:
    """Trades never lead off the drawing; what fits no state leaves a gap that is asked about."""
    new = with_fills(current, LOTS, booked)
    if new is not None:
        assert filled_lots(move(current, new, Evidence.FILLS)) == booked
    elif isinstance(current, FINAL) and booked > filled_lots(current):
        assert isinstance(current, (Filled, Rejected, NotPlaced))
