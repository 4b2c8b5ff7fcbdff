"""What became of an order of unknown outcome: shown, proven absent, or not known yet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest
from mettle.application.execution.ambiguity import (
    Absent,
    Finding,
    Inquiry,
    Shown,
    Unclear,
    matches,
)
from mettle.application.journal import OrderRecord
from mettle.application.ports.venue import (
    OutcomeUnknown,
    RateLimited,
    VenueCapabilities,
    VenueFill,
    VenueOrder,
    VenueOrderStatus,
)
from mettle.domain.errors import VenueError
from mettle.domain.market import Symbol
from mettle.domain.money import Money
from mettle.domain.orders import Opening, Side, Unknown
from tests.support.asking import AskedVenue

BTC = Symbol("BTC", "USDT")
BEGAN = 1_000_000
FENCE = BEGAN + 60_000
WISH = Opening("paper-1", BTC, Side.BUY, 10, 3_600_000)
ORDER = OrderRecord(
    "r", "ours", WISH, Unknown(0, BEGAN), BEGAN - 9, BEGAN, fence_at=FENCE, sent_at=BEGAN - 5
)
OTHER = VenueOrder("other", "v9", BTC, 1, 3, 0, VenueOrderStatus.OPEN, 5, 100)
THERE = replace(OTHER, client_order_id="ours")
FILL = VenueFill("t1", "ours", BTC, 1, 3, 100, Money.of("0", "USDT"), True, BEGAN)


@dataclass
class Case:
    """One inquiry at one venue."""

    venue: AskedVenue = field(default_factory=AskedVenue)
    inquiry: Inquiry = field(default_factory=lambda: Inquiry(BEGAN))
    moved: bool = False

    def ask(self, at: int, moved: Callable[[], bool] | None = None) -> Finding:
        """Ask at a time that the venue's clock shows too."""
        self.venue.time = at
        return self.inquiry.ask(self.venue, ORDER, at, moved or (lambda: self.moved))

    def contested(self) -> bool:
        """Return whether the balance contradicts what else is known."""
        return self.inquiry.contested


def test_questions_come_at_their_times() -> None:
    """At 0.5, 1, 2, 5 and 10 s after it became unknown, then every 15 s."""
    case, asked = Case(), []
    for _ in range(8):
        asked.append(case.inquiry.due - BEGAN)
        case.inquiry.postpone(case.inquiry.due)
    assert asked == [500, 1_000, 2_000, 5_000, 10_000, 25_000, 40_000, 55_000]


def test_late_questions_do_not_pile_up() -> None:
    """One that was asked late still leaves half a second to the next."""
    inquiry = Inquiry(BEGAN)
    inquiry.postpone(BEGAN + 4_000)
    assert inquiry.due == BEGAN + 4_500
    inquiry.postpone(BEGAN + 4_400)
    assert inquiry.due == BEGAN + 4_900


def test_what_can_be_looked_up_is_shown() -> None:
    """By its id, without reading a history."""
    case = Case(AskedVenue(orders=[THERE]))
    assert case.ask(BEGAN + 500) == Shown(THERE)
    assert case.venue.asked == ["order"]
    assert case.inquiry.due == BEGAN + 1_000


@pytest.mark.parametrize("where", ["open", "past"])
@pytest.mark.parametrize("lookup", [True, False])
def test_histories_show_it_too(where: str, *, lookup: bool) -> None:
    """A list that has it is as good as a look-up that fails to find it."""
    venue = AskedVenue(VenueCapabilities(lookup_by_id=lookup))
    (venue.open if where == "open" else venue.past).extend([OTHER, THERE])
    assert Case(venue).ask(BEGAN + 500) == Shown(THERE)
    assert ("order" in venue.asked) is lookup


def test_histories_reach_back_before_the_sending() -> None:
    """Five minutes, from the sending, or from the writing where nobody knows of a sending."""
    case = Case()
    case.ask(BEGAN + 500)
    assert case.venue.since == [BEGAN - 5 - 300_000] * 2
    case.venue.since.clear()
    unsent = replace(ORDER, sent_at=None)
    case.inquiry.ask(case.venue, unsent, BEGAN + 1_000, lambda: False)
    assert case.venue.since == [BEGAN - 9 - 300_000] * 2


def test_a_clock_that_was_ahead_hides_nothing() -> None:
    """The venue's time bounds the history where the machine's was an hour ahead at the sending."""
    case, hour = Case(), 3_600_000
    fence_ms = case.venue.capabilities.fence_ms
    ahead = replace(ORDER, sent_at=BEGAN + hour, recorded_at=BEGAN + hour)
    case.inquiry.ask(case.venue, ahead, BEGAN + hour, lambda: False)
    assert case.venue.since == [FENCE - fence_ms - 300_000] * 2


def test_two_histories_after_the_fence_prove_absence() -> None:
    """At least 5 s apart, both after the fence."""
    case = Case()
    assert case.ask(FENCE + 1) == Unclear("one history without it")
    assert case.ask(FENCE + 1 + 4_999) == Unclear("two histories, too close together")
    assert case.ask(FENCE + 1 + 5_000) == Absent()


def test_the_second_history_is_not_put_off() -> None:
    """It comes 5 s after the first; a question between them moves it neither on nor back."""
    case = Case()
    for _ in range(5):
        case.inquiry.postpone(BEGAN)
    case.ask(FENCE + 1)
    assert case.inquiry.due == FENCE + 1 + 5_000
    case.ask(FENCE + 1 + 3_000)
    assert case.inquiry.due == FENCE + 1 + 5_000
    case.ask(FENCE + 1 + 4_800)
    assert case.inquiry.due == FENCE + 1 + 5_300
    case.inquiry.postpone(FENCE + 9_000)
    assert case.inquiry.due == FENCE + 9_500


@pytest.mark.parametrize("before", [60_000, 5_000, 1, 0])
def test_nothing_is_absent_before_the_fence(before: int) -> None:
    """The request may still be accepted, at the fence itself too; such a history never counts."""
    case = Case()
    for at in range(FENCE - before - 60_000, FENCE - before + 1, 5_000):
        assert case.ask(at) == Unclear("the request may still be accepted")
    assert case.ask(FENCE - before) == Unclear("the request may still be accepted")
    assert case.ask(FENCE + 6_000) == Unclear("one history without it")


def test_the_fence_is_the_venues_time() -> None:
    """However late it is here: a venue whose clock is behind may still accept it."""
    case = Case()
    case.venue.time = FENCE
    for at in (FENCE + 90_000, FENCE + 99_000):
        found = case.inquiry.ask(case.venue, ORDER, at, lambda: False)
        assert found == Unclear("the request may still be accepted")


QUESTIONS = ["order", "server_time", "open_orders", "orders_since", "fills_since"]


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize(
    "error", [VenueError("HTTP 503"), OutcomeUnknown("timed out"), RateLimited("slow down", 9_000)]
)
def test_a_failed_question_proves_nothing(question: str, error: VenueError) -> None:
    """Neither the first nor the second history counts if a part of it could not be read."""
    case = Case(AskedVenue(failing={question: error}))
    for at in (FENCE + 1, FENCE + 10_001, FENCE + 20_001):
        assert case.ask(at) == Unclear(f"the question failed: {error.message}")
        assert case.inquiry.due > at
    case.venue.failing.clear()
    assert case.ask(FENCE + 30_001) == Unclear("one history without it")
    case.venue.failing[question] = error
    assert isinstance(case.ask(FENCE + 40_001), Unclear)
    case.venue.failing.clear()
    assert case.ask(FENCE + 50_001) == Absent()


def test_balances_that_cannot_be_read_prove_nothing() -> None:
    """The question after the balances may fail like any other."""

    def failing() -> bool:
        raise VenueError("HTTP 503")

    case = Case()
    assert case.ask(FENCE + 1, failing) == Unclear("the question failed: HTTP 503")
    assert case.ask(FENCE + 10_001) == Unclear("one history without it")


def test_a_moved_balance_speaks_for_it() -> None:
    """While the books differ nothing is absent, and the counting begins anew."""
    case, spoken = Case(), Unclear("a fill or a balance speaks for it")
    assert case.ask(FENCE + 1) == Unclear("one history without it")
    case.moved = True
    assert case.ask(FENCE + 6_001) == spoken
    assert case.ask(FENCE + 60_001) == spoken
    case.moved = False
    assert case.ask(FENCE + 70_001) == Unclear("one history without it")
    assert case.ask(FENCE + 75_001) == Absent()


def test_a_balance_that_speaks_alone_is_contested() -> None:
    """Past the fence, twice five seconds apart, and with no fill: else it may be the order's."""
    case = Case(moved=True)
    case.ask(FENCE - 30_000)
    case.ask(FENCE - 1)
    assert not case.contested()
    case.ask(FENCE + 1)
    case.ask(FENCE + 4_000)
    assert not case.contested()
    case.ask(FENCE + 5_001)
    assert case.contested()
    case.venue.fills.append(FILL)
    case.ask(FENCE + 11_000)
    assert not case.contested()
    case.venue.fills.clear()
    case.ask(FENCE + 17_000)
    case.moved = False
    case.ask(FENCE + 30_000)
    assert not case.contested()
    assert case.ask(FENCE + 36_000) == Absent()


def test_a_fill_speaks_for_it() -> None:
    """A trade under its id, even if no list has the order; another order's says nothing."""
    case = Case()
    assert case.ask(FENCE + 1) == Unclear("one history without it")
    case.venue.fills.append(FILL)
    assert case.ask(FENCE + 6_001) == Unclear("a fill or a balance speaks for it")
    case.venue.fills[:] = [replace(FILL, client_order_id="other")]
    assert case.ask(FENCE + 12_001) == Unclear("one history without it")
    assert case.ask(FENCE + 17_001) == Absent()


def test_fills_belong_by_their_id() -> None:
    """And by nothing else."""
    assert matches(FILL, ORDER)
    assert not matches(replace(FILL, client_order_id=""), ORDER)


def test_an_order_may_show_up_between_two_histories() -> None:
    """Visible only after a delay: the second look finds it."""
    case = Case(AskedVenue(VenueCapabilities(lookup_by_id=False)))
    assert case.ask(FENCE + 1) == Unclear("one history without it")
    case.venue.past.append(THERE)
    assert case.ask(FENCE + 6_000) == Shown(THERE)
