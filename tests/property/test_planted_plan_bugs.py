"""The rules of the plan and of the questions are worth something: they find every planted bug."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from mettle.application.execution.ambiguity import Inquiry
from mettle.application.journal import OrderRecord
from mettle.domain.errors import MettleError, VenueError
from mettle.domain.orders import (
    AttemptView,
    Cancel,
    Canceled,
    Cancelling,
    ExecutionPolicy,
    Expired,
    Filled,
    Finish,
    Leg,
    NotPlaced,
    Open,
    OrderIntent,
    Partial,
    Place,
    PlanKind,
    PlanStep,
    Rejected,
    Unknown,
    Wait,
    filled_lots,
)
from tests.support import inquiry_oracle as asking
from tests.support import plan_oracle as oracle
from tests.support.asking import AskedVenue

SEEDS, TOUCHES, INQUIRIES = range(250), range(150), range(250)

planning = importlib.import_module("mettle.domain.orders.plan")
ambiguity = importlib.import_module("mettle.application.execution.ambiguity")

Rule = Callable[[Any], None]
Attempts = Sequence[AttemptView]

taker_price = planning.taker_price
right, after, unfinished = planning.next_step, planning._after, planning._unfinished
search, schedule = ambiguity.Inquiry._search, ambiguity.Inquiry._schedule


def _resend_on_unknown(
    kind: PlanKind,
    intent: OrderIntent,
    attempts: Attempts,
    now: int,
    policy: ExecutionPolicy,
    *,
    stopping: bool = False,
) -> PlanStep:
    """No answer, so send it again."""
    last = attempts[-1] if attempts else None
    if last is not None and isinstance(last.state, Unknown) and not stopping:
        return Place(last.leg, last.number + 1, intent.lots - sum(one.booked for one in attempts))
    found: PlanStep = right(kind, intent, attempts, now, policy, stopping=stopping)
    return found


def _unknown_is_rejected(
    kind: PlanKind,
    intent: OrderIntent,
    attempts: Attempts,
    now: int,
    policy: ExecutionPolicy,
    *,
    stopping: bool = False,
) -> PlanStep:
    aged = [
        replace(one, state=NotPlaced("old")) if isinstance(one.state, Unknown) else one
        for one in attempts
    ]
    found: PlanStep = right(kind, intent, aged, now, policy, stopping=stopping)
    return found


def _cancelling_is_cancelled(
    kind: PlanKind,
    intent: OrderIntent,
    attempts: Attempts,
    now: int,
    policy: ExecutionPolicy,
    *,
    stopping: bool = False,
) -> PlanStep:
    ended = [
        replace(one, state=Canceled(one.booked)) if isinstance(one.state, Cancelling) else one
        for one in attempts
    ]
    found: PlanStep = right(kind, intent, ended, now, policy, stopping=stopping)
    return found


def _books_do_not_matter(
    kind: PlanKind,
    intent: OrderIntent,
    attempts: Attempts,
    now: int,
    policy: ExecutionPolicy,
    *,
    stopping: bool = False,
) -> PlanStep:
    """Take the venue's count for the fills."""
    whole = [replace(one, booked=filled_lots(one.state)) for one in attempts]
    found: PlanStep = right(kind, intent, whole, now, policy, stopping=stopping)
    return found


def _the_whole_again(
    kind: PlanKind, last: AttemptView, remaining: int, now: int, policy: ExecutionPolicy
) -> PlanStep:
    """Forget what is filled."""
    step: PlanStep = after(kind, last, remaining, now, policy)
    return replace(step, lots=remaining + last.booked) if isinstance(step, Place) else step


def _forget_the_remainder(
    kind: PlanKind, last: AttemptView, remaining: int, now: int, policy: ExecutionPolicy
) -> PlanStep:
    step = after(kind, last, remaining, now, policy)
    if isinstance(step, Place) and last.booked:
        return Finish("filled enough")
    found: PlanStep = step
    return found


def _makers_for_ever(
    kind: PlanKind, last: AttemptView, remaining: int, now: int, policy: ExecutionPolicy
) -> PlanStep:
    found: PlanStep = after(kind, last, remaining, now, policy)
    if isinstance(found, Place) and last.leg is Leg.MAKER and found.leg is Leg.TAKER:
        return Place(Leg.MAKER, last.number + 1, remaining)
    return found


def _takers_for_ever(
    kind: PlanKind, last: AttemptView, remaining: int, now: int, policy: ExecutionPolicy
) -> PlanStep:
    found: PlanStep = after(PlanKind.TAKER, last, remaining, now, policy)
    return found


def _numbered_from_one(
    kind: PlanKind, last: AttemptView, remaining: int, now: int, policy: ExecutionPolicy
) -> PlanStep:
    """Give the same client order id to another attempt."""
    found: PlanStep = after(kind, last, remaining, now, policy)
    return replace(found, number=1) if isinstance(found, Place) else found


def _no_pause(
    kind: PlanKind, last: AttemptView, remaining: int, now: int, policy: ExecutionPolicy
) -> PlanStep:
    ahead = max(now, last.retry_at)
    found: PlanStep = after(kind, last, remaining, ahead, policy)
    return found


def _the_pause_stays(last: AttemptView, policy: ExecutionPolicy) -> bool:
    """Let an old pause repeat a maker that the venue had taken."""
    return bool(last.retry_at) or isinstance(last.state, NotPlaced)


def _cross_and_cross(last: AttemptView, policy: ExecutionPolicy) -> bool:
    return last.would_cross or isinstance(last.state, (Rejected, NotPlaced))


def _absent_is_over(last: AttemptView, policy: ExecutionPolicy) -> bool:
    """Give up what was never placed."""
    return last.would_cross or isinstance(last.state, Rejected)


def _every_refusal_is_final(last: AttemptView) -> bool:
    return isinstance(last.state, Rejected)


def _hammer(
    kind: PlanKind, last: AttemptView, remaining: int, now: int, policy: ExecutionPolicy
) -> PlanStep:
    found: PlanStep = after(kind, last, remaining, now, replace(policy, exit_retry=0))
    return found


def _the_pause_begins_anew(
    kind: PlanKind, last: AttemptView, remaining: int, now: int, policy: ExecutionPolicy
) -> PlanStep:
    """Count the pause of an exit from the last look instead of the last attempt."""
    found: PlanStep = after(kind, replace(last, sent_at=now), remaining, now, policy)
    return found


def _exits_give_up(
    kind: PlanKind, last: AttemptView, remaining: int, now: int, policy: ExecutionPolicy
) -> PlanStep:
    found: PlanStep = after(kind, last, remaining, now, replace(policy, exit_tries=1))
    return found


def _impatient(last: AttemptView, now: int, policy: ExecutionPolicy, *, stopping: bool) -> PlanStep:
    short = replace(policy, maker_wait=policy.maker_wait // 2)
    found: PlanStep = unfinished(last, now, short, stopping=stopping)
    return found


def _never_cancelled(
    last: AttemptView, now: int, policy: ExecutionPolicy, *, stopping: bool
) -> PlanStep:
    found: PlanStep = unfinished(last, now, policy, stopping=stopping)
    return Wait(now + 1_000) if isinstance(found, Cancel) else found


def _cancel_again(
    last: AttemptView, now: int, policy: ExecutionPolicy, *, stopping: bool
) -> PlanStep:
    found: PlanStep = unfinished(last, now, policy, stopping=stopping)
    return Cancel() if isinstance(last.state, Cancelling) else found


def _stopping_waits(
    last: AttemptView, now: int, policy: ExecutionPolicy, *, stopping: bool
) -> PlanStep:
    found: PlanStep = unfinished(last, now, policy, stopping=False)
    return found


def _lost_track(
    last: AttemptView, now: int, policy: ExecutionPolicy, *, stopping: bool
) -> PlanStep:
    """Wait for nothing in particular."""
    found: PlanStep = unfinished(last, now, policy, stopping=stopping)
    return Wait(None) if isinstance(last.state, (Open, Partial)) else found


def _stop_later(
    kind: PlanKind,
    intent: OrderIntent,
    attempts: Attempts,
    now: int,
    policy: ExecutionPolicy,
    *,
    stopping: bool = False,
) -> PlanStep:
    """Finish the plan first."""
    live = bool(attempts) and not isinstance(attempts[-1].state, (Canceled, Expired, Filled))
    found: PlanStep = right(kind, intent, attempts, now, policy, stopping=stopping and live)
    return found


def _at_the_other_touch(buying: bool, bid: int, ask: int, offset: int = 0) -> int:
    return ask if buying else bid


def _crossed_is_fine(buying: bool, bid: int, ask: int, offset: int = 0) -> int:
    return max(1, bid - bid * offset // 10**6) if buying else ask + -(-ask * offset // 10**6)


def _rounded_inwards(buying: bool, bid: int, ask: int, offset: int = 0) -> int:
    if buying:
        return max(1, min(bid - bid * offset // 10**6, ask - 1))
    return max(ask + ask * offset // 10**6, bid + 1)


def _ten_times_the_cap(buying: bool, bid: int, ask: int, cap: int) -> int:
    found: int = taker_price(buying, bid, ask, cap * 10)
    return found


def _rounded_beyond_the_cap(buying: bool, bid: int, ask: int, cap: int) -> int:
    return ask + -(-ask * cap // 10**6) if buying else max(1, bid - -(-bid * cap // 10**6))


def _one_history(
    self: Inquiry, venue: AskedVenue, order: OrderRecord, now: int, moved: Callable[[], bool]
) -> object:
    found = search(self, venue, order, now, moved)
    return ambiguity.Absent() if self._absent_since is not None else found


def _before_the_fence(
    self: Inquiry, venue: AskedVenue, order: OrderRecord, now: int, moved: Callable[[], bool]
) -> object:
    return search(self, venue, replace(order, fence_at=0), now, moved)


def _balances_do_not_matter(
    self: Inquiry, venue: AskedVenue, order: OrderRecord, now: int, moved: Callable[[], bool]
) -> object:
    return search(self, venue, order, now, lambda: False)


def _only_what_is_open(
    self: Inquiry, venue: AskedVenue, order: OrderRecord, now: int, moved: Callable[[], bool]
) -> object:
    past, venue.past = venue.past, []
    try:
        return search(self, venue, order, now, moved)
    finally:
        venue.past = past


def _fills_of_nobody(fill: object, order: object) -> bool:
    return False


def _failed_is_empty(
    self: Inquiry, venue: AskedVenue, order: OrderRecord, now: int, moved: Callable[[], bool]
) -> object:
    """Take a question that failed for one that found nothing."""
    try:
        return search(self, venue, order, now, moved)
    except VenueError:
        if self._absent_since is None:
            self._absent_since = now
            return ambiguity.Unclear("one history without it")
        return ambiguity.Absent()


def _by_age(
    self: Inquiry, venue: AskedVenue, order: OrderRecord, now: int, moved: Callable[[], bool]
) -> object:
    """Let UNKNOWN age into an answer."""
    found = search(self, venue, order, now, moved)
    old = now > self._began + 120_000
    return ambiguity.Absent() if old and isinstance(found, ambiguity.Unclear) else found


def _never_again(self: Inquiry, now: int) -> None:
    schedule(self, now)
    self.due += 10**9


def _all_the_time(self: Inquiry, now: int) -> None:
    schedule(self, now)
    self.due = now


PLAN_BUGS: list[tuple[str, Callable[..., object], Rule]] = [
    ("next_step", _resend_on_unknown, oracle.one_order_at_a_time),
    ("next_step", _resend_on_unknown, oracle.never_more_than_wanted),
    ("next_step", _unknown_is_rejected, oracle.never_more_than_wanted),
    ("next_step", _cancelling_is_cancelled, oracle.one_order_at_a_time),
    ("next_step", _books_do_not_matter, oracle.one_order_at_a_time),
    ("next_step", _stop_later, oracle.stopped_is_stopped),
    ("_after", _the_whole_again, oracle.never_more_than_wanted),
    ("_after", _forget_the_remainder, oracle.ends_have_a_reason),
    ("_after", _makers_for_ever, oracle.makers_come_first),
    ("_after", _takers_for_ever, oracle.makers_come_first),
    ("_after", _numbered_from_one, oracle.attempts_are_counted),
    ("_after", _no_pause, oracle.pauses_are_kept),
    ("_after", _hammer, oracle.exits_keep_their_pace),
    ("_after", _exits_give_up, oracle.ends_have_a_reason),
    ("_comes_again", _the_pause_stays, oracle.makers_come_first),
    ("_comes_again", _cross_and_cross, oracle.crossings_are_few),
    ("_comes_again", _absent_is_over, oracle.ends_have_a_reason),
    ("_is_refused", _every_refusal_is_final, oracle.ends_have_a_reason),
    ("_unfinished", _impatient, oracle.patience_is_kept),
    ("_unfinished", _never_cancelled, oracle.patience_is_kept),
    ("_unfinished", _cancel_again, oracle.patience_is_kept),
    ("_unfinished", _stopping_waits, oracle.patience_is_kept),
    ("_unfinished", _lost_track, oracle.waits_are_for_something),
    ("_after", _the_pause_begins_anew, oracle.every_story_ends),
    ("maker_price", _at_the_other_touch, oracle.makers_never_cross),
    ("maker_price", _crossed_is_fine, oracle.makers_never_cross),
    ("maker_price", _rounded_inwards, oracle.makers_never_cross),
    ("taker_price", _ten_times_the_cap, oracle.takers_keep_their_cap),
    ("taker_price", _rounded_beyond_the_cap, oracle.takers_keep_their_cap),
]

INQUIRY_BUGS: list[tuple[str, Callable[..., object], Rule]] = [
    ("_search", _one_history, asking.absence_is_proven),
    ("_search", _before_the_fence, asking.absence_is_proven),
    ("_search", _balances_do_not_matter, asking.absence_is_proven),
    ("_search", _failed_is_empty, asking.absence_is_proven),
    ("_search", _by_age, asking.absence_is_proven),
    ("_search", _only_what_is_open, asking.what_is_there_is_found),
    ("_schedule", _never_again, asking.questions_go_on),
    ("_schedule", _all_the_time, asking.questions_go_on),
]


def _is_caught(rule: Rule, stories: Callable[[], Sequence[Any]]) -> bool:
    try:
        for story in stories():
            rule(story)
    except (AssertionError, MettleError):
        return True
    return False


def _stories(rule: Rule) -> Callable[[], Any]:
    if rule in oracle.PRICE_RULES:
        return lambda: (oracle.touch(seed) for seed in TOUCHES)
    if rule in asking.RULES:
        return lambda: (asking.inquire(seed) for seed in INQUIRIES)
    return lambda: (oracle.play(seed) for seed in SEEDS)


ALL_RULES: list[Rule] = [*oracle.RULES, *oracle.PRICE_RULES, *asking.RULES]


@pytest.mark.parametrize("rule", ALL_RULES, ids=lambda rule: rule.__name__)
def test_the_order_path_itself_passes(rule: Rule) -> None:
    """On the same seeds the plan and the questions as they are break nothing."""
    for story in _stories(rule)():
        rule(story)


@pytest.mark.parametrize(
    ("name", "bug", "rule"),
    PLAN_BUGS,
    ids=[f"{rule.__name__}-{bug.__name__.strip('_')}" for _, bug, rule in PLAN_BUGS],
)
def test_a_bug_in_the_plan_is_caught(
    name: str, bug: Callable[..., object], rule: Rule, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong plan in the place of the right one breaks the very rule that guards it."""
    monkeypatch.setattr(planning, name, bug)
    assert _is_caught(rule, _stories(rule))


@pytest.mark.parametrize(
    ("name", "bug", "rule"),
    INQUIRY_BUGS,
    ids=[f"{rule.__name__}-{bug.__name__.strip('_')}" for _, bug, rule in INQUIRY_BUGS],
)
def test_a_bug_in_the_questions_is_caught(
    name: str, bug: Callable[..., object], rule: Rule, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A conclusion drawn too early breaks the rule that guards it."""
    monkeypatch.setattr(ambiguity.Inquiry, name, bug)
    assert _is_caught(rule, _stories(rule))


def test_fills_that_are_overlooked_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """A trade speaks for its order though no list has it."""
    monkeypatch.setattr(ambiguity, "matches", _fills_of_nobody)
    assert _is_caught(asking.absence_is_proven, _stories(asking.absence_is_proven))


def test_every_guard_is_shown_to_bite() -> None:
    """No rule goes without a bug that breaks it."""
    shown = {rule for _, _, rule in [*PLAN_BUGS, *INQUIRY_BUGS]}
    assert shown == set(ALL_RULES)
