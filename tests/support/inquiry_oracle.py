"""Random inquiries into one order, and what their findings must rest on."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from mettle.application.execution.ambiguity import Absent, Finding, Inquiry, Shown
from mettle.application.journal import OrderRecord
from mettle.application.ports.venue import (
    VenueCapabilities,
    VenueFill,
    VenueOrder,
    VenueOrderStatus,
)
from mettle.domain.errors import VenueError
from mettle.domain.market import Symbol
from mettle.domain.money import Money
from mettle.domain.orders import Opening, Side, Unknown

from .asking import AskedVenue

BTC = Symbol("BTC", "USDT")
BEGAN = 1_000_000
APART = 5_000
_QUESTIONS = ("order", "server_time", "open_orders", "orders_since", "fills_since", "account")
_THERE = VenueOrder("ours", "v1", BTC, 1, 3, 0, VenueOrderStatus.OPEN, 5, 100)
_FILL = VenueFill("t1", "ours", BTC, 1, 3, 100, Money.of("0", "USDT"), maker=True, occurred_at=9)


@dataclass(frozen=True, slots=True)
class Asked:
    """One question and the world as it was.

    Attributes:
        whole: Whether every part of it could be read.
        speaks: Whether a fill or a balance spoke for the order.
        listed: Whether a list or a look-up had it.
    """

    at: int
    server_time: int
    due: int
    whole: bool
    speaks: bool
    listed: bool
    finding: Finding


@dataclass(slots=True)
class Asking:
    """One inquiry from its first question to its last."""

    fence: int
    asked: list[Asked] = field(default_factory=list)


def inquire(seed: int) -> Asking:
    """Ask a venue that fails, lags and hides at random, until the finding or forty times."""
    chance = random.Random(seed)  # noqa: S311  seeded play
    fence = BEGAN + chance.choice([0, 60_000, 120_000])
    wish = Opening("a", BTC, Side.BUY, 10, 1)
    order = OrderRecord(
        "r", "ours", wish, Unknown(0, BEGAN), BEGAN, BEGAN, fence_at=fence, sent_at=BEGAN
    )
    venue = AskedVenue(VenueCapabilities(lookup_by_id=chance.random() < 0.5))
    inquiry, story, behind = Inquiry(BEGAN), Asking(fence), chance.choice([0, 0, 5_000, 90_000])
    for _ in range(40):
        now = inquiry.due + chance.choice([0, 0, 300, 4_000])
        venue.time = now - behind
        found = _ask(chance, venue, inquiry, order, now)
        story.asked.append(replace(found, server_time=venue.time))
        if isinstance(found.finding, (Shown, Absent)) or inquiry.due > BEGAN + 10**8:
            break
    return story


def _ask(
    chance: random.Random, venue: AskedVenue, inquiry: Inquiry, order: OrderRecord, now: int
) -> Asked:
    listed = chance.random() < 0.03
    venue.past = [_THERE] if listed else []
    venue.orders = venue.past if chance.random() < 0.5 else []
    venue.fills = [_FILL] if chance.random() < 0.15 else []
    moved = chance.random() < 0.15
    failing = chance.choice(_QUESTIONS) if chance.random() < 0.3 else ""
    venue.failing = {failing: VenueError("HTTP 503")} if failing else {}
    venue.asked.clear()

    def differs() -> bool:
        venue.account()
        return moved

    finding = inquiry.ask(venue, order, now, differs)
    whole = failing not in venue.asked
    speaks = bool(venue.fills) or moved
    return Asked(now, venue.time, inquiry.due, whole, speaks, listed, finding)


def absence_is_proven(story: Asking) -> None:
    """Two whole histories after the fence, 5 s apart, and nothing since the first that speaks."""
    *before, last = story.asked
    if not isinstance(last.finding, Absent):
        return
    assert _silent(last, story.fence)
    since = len(before)
    while since and not (before[since - 1].whole and before[since - 1].speaks):
        since -= 1
    firsts = [one for one in before[since:] if _silent(one, story.fence)]
    assert firsts
    assert last.at - firsts[0].at >= APART


def _silent(asked: Asked, fence: int) -> bool:
    """Return whether a question was a whole history, after the fence, without the order."""
    return asked.whole and asked.server_time > fence and not (asked.speaks or asked.listed)


def what_is_there_is_found(story: Asking) -> None:
    """A whole question finds an order that a list has."""
    for one in story.asked:
        if one.whole:
            assert isinstance(one.finding, Shown) is one.listed


def questions_go_on(story: Asking) -> None:
    """Each sets the next: not at once, never more than 15 s later."""
    for one in story.asked:
        assert 500 <= one.due - one.at <= 15_000


RULES: list[Callable[[Asking], None]] = [
    absence_is_proven,
    what_is_there_is_found,
    questions_go_on,
]
