"""Waits by a clock that may be set back: in the plan, in an inquiry, on the desk's board."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

import pytest
from mettle.application.execution.ambiguity import Absent, Inquiry, Unclear
from mettle.application.execution.board import Board, Working
from mettle.application.execution.gear import Ruling
from mettle.application.execution.listener import Listener
from mettle.application.journal import OrderRecord
from mettle.domain.market import Symbol
from mettle.domain.orders import (
    AttemptView,
    Cancel,
    Canceled,
    ExecutionPolicy,
    Leg,
    Open,
    Opening,
    Place,
    PlanKind,
    PlanStep,
    Purpose,
    Reduction,
    Side,
    Unknown,
    Wait,
    next_step,
)
from mettle.domain.waits import is_over
from tests.support.asking import AskedVenue
from tests.support.journal import intent

BTC = Symbol("BTC", "USDT")
NOW, HOUR = 10_000_000, 3_600_000
WISH = Opening("paper-1", BTC, Side.BUY, 10, HOUR)
EXIT = Reduction("paper-1", BTC, Side.SELL, 10, HOUR, Purpose.STOP)
POLICY = ExecutionPolicy()


@pytest.mark.parametrize(
    ("now", "over"), [(NOW - 1, True), (NOW, False), (NOW + 9, False), (NOW + 10, True)]
)
def test_a_wait_of_the_future_is_over(now: int, over: bool) -> None:
    """It begins at its first instant and ends at its last."""
    assert is_over(NOW, 10, now) is over


def maker(now: int) -> PlanStep:
    """Return what is due for a maker that rests since ``NOW``."""
    rests = AttemptView(Leg.MAKER, 1, Open(), NOW, 0)
    return next_step(PlanKind.MAKER_FIRST, WISH, [rests], now, POLICY)


def taker(now: int) -> PlanStep:
    """Return what is due for an exit whose first attempt ended with lots left."""
    ended = AttemptView(Leg.TAKER, 1, Canceled(0), NOW, 0)
    return next_step(PlanKind.TAKER, EXIT, [ended], now, POLICY)


def test_a_plan_does_not_wait_for_a_clock_that_was_set_back() -> None:
    """A maker is cancelled, an exit is tried again."""
    assert maker(NOW) == Wait(NOW + POLICY.maker_wait)
    assert maker(NOW - HOUR) == Cancel()
    assert taker(NOW) == Wait(NOW + POLICY.exit_retry)
    assert taker(NOW - HOUR) == Place(Leg.TAKER, 2, 10)


def test_an_inquiry_follows_the_clock() -> None:
    """What was due in half a second is due in half a second; absence needs time that passed."""
    order = OrderRecord("r", "ours", WISH, Unknown(0, NOW), NOW, NOW, fence_at=1, sent_at=NOW)
    venue, inquiry = AskedVenue(), Inquiry(NOW)
    venue.time = NOW + HOUR
    inquiry.set_back(HOUR)
    assert inquiry.due == NOW - HOUR + 500
    passed = venue.capabilities.fence_ms
    for at, found in ((passed, Unclear), (passed + 1, Unclear), (passed + 5_000, Unclear)):
        assert isinstance(inquiry.ask(venue, order, NOW - HOUR + at, lambda: False, at), found)
    inquiry.set_back(HOUR)
    at = passed + 5_001
    assert isinstance(inquiry.ask(venue, order, NOW - 2 * HOUR + at, lambda: False, at), Absent)


def test_the_board_follows_the_clock() -> None:
    """What waits for the venue alone still does; no wish for silence grows, or turns into none."""
    record = intent()
    waiting = Working(record, due=NOW, retry_at=NOW + 5, inquiry=Inquiry(NOW))
    patient = Working(replace(record, intent_id="other"), due=None, retry_at=7)
    board = Board()
    board.take(waiting, [])
    board.take(patient, [])
    board.set_back(HOUR)
    assert (waiting.due, waiting.retry_at) == (NOW - HOUR, NOW + 5 - HOUR)
    assert waiting.inquiry is not None
    assert waiting.inquiry.due == NOW - HOUR + 500
    assert (patient.due, patient.retry_at) == (None, 1)


def test_silence_follows_the_clock() -> None:
    """The venue asked for a time, not for an hour of the clock."""

    class Present:
        def now_ms(self) -> int:
            return NOW

    listener = Listener(AskedVenue(), cast("Ruling", None), Present())  # type: ignore[arg-type]  # no call is made
    listener.quiet_until = NOW + 9
    listener.set_back(HOUR)
    assert listener.quiet_until == NOW + 9 - HOUR
    listener.set_back(NOW)
    assert listener.quiet_until == 0
