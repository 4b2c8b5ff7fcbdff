"""The venue is overheard: its silence is kept, its failures and its slowness are told."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from mettle.application.execution.listener import Listener
from mettle.application.journal import FillRecord
from mettle.application.ports.unit_of_work import UnitOfWork
from mettle.application.ports.venue import (
    Accepted,
    CancelAnswer,
    OrderRequest,
    OutcomeUnknown,
    RateLimited,
    RefusalKind,
    Refused,
    VenueAccount,
    VenueOrder,
    VenueOrderStatus,
)
from mettle.domain.errors import InvalidValue, VenueError
from mettle.domain.market import Symbol
from mettle.domain.orders import Opening, OrderIntent, OrderTerms, Side
from mettle.domain.risk import Mode, Verdict
from tests.support.asking import AskedVenue

BTC = Symbol("BTC", "USDT")
START = 1_000_000
REQUEST = OrderRequest("ours", OrderTerms(BTC, Side.BUY, 1, limit=100))


@dataclass
class SlowClock:
    """A clock on which each look at the seconds takes 70 ms; implements ``Clock``."""

    time: int = START
    seconds: float = 5.0

    def now_ms(self) -> int:
        """Return the time."""
        return self.time

    def monotonic(self) -> float:
        """Return seconds, 70 ms later each time."""
        self.seconds += 0.0701
        return self.seconds

    def sleep_until(self, time_ms: int) -> None:
        """Go there."""
        self.time = time_ms


@dataclass
class Ear:
    """Notes what is told of calls; implements ``Ruling``."""

    told: list[tuple[bool, int, int]] = field(default_factory=list)

    def heard(self, *, failed: bool, latency_ms: int, now: int) -> None:
        """Note it."""
        self.told.append((failed, latency_ms, now))

    def mode(self, symbol: Symbol) -> Mode:
        """Say that all is well."""
        return Mode.ACTIVE

    def judge(self, intent: OrderIntent, now: int) -> Verdict:
        """Is never asked here."""
        raise AssertionError(intent)

    def lost_sight(self, symbol: Symbol, since: int, what: str, now: int) -> None:
        """Hear nothing of it."""

    def found_again(self, symbol: Symbol, now: int) -> None:
        """Hear nothing of it."""

    def opening(self, opening: Opening, now: int) -> None:
        """Hear nothing of it."""

    def unfilled(self, opening: Opening, now: int) -> None:
        """Hear nothing of it."""

    def booked(self, fill: FillRecord, earned: int | None, now: int) -> None:
        """Hear nothing of it."""

    @property
    def is_written(self) -> bool:
        """Have nothing to write."""
        return True

    def commit(self, unit: UnitOfWork) -> None:
        """Write nothing of its own."""
        unit.commit()


@dataclass
class Line:
    """A listener and both its ends."""

    venue: AskedVenue = field(default_factory=AskedVenue)
    ear: Ear = field(default_factory=Ear)
    clock: SlowClock = field(default_factory=SlowClock)

    def __post_init__(self) -> None:
        self.listener = Listener(self.venue, self.ear, self.clock)


QUESTIONS: dict[str, Callable[[Listener], object]] = {
    "order": lambda one: one.order(BTC, "ours"),
    "open_orders": lambda one: one.open_orders(),
    "orders_since": lambda one: one.orders_since(7),
    "fills_since": lambda one: one.fills_since(7),
    "funding_since": lambda one: one.funding_since(7),
    "account": lambda one: one.account(),
    "quote": lambda one: one.quote(BTC),
    "server_time": lambda one: one.server_time(),
}
COMMANDS: dict[str, Callable[[Listener], object]] = {
    "create": lambda one: one.create(REQUEST),
    "cancel": lambda one: one.cancel(BTC, "ours"),
}
CALLS = {**QUESTIONS, **COMMANDS}


@pytest.mark.parametrize("name", sorted(CALLS))
def test_every_call_is_passed_on_and_told(name: str) -> None:
    """Once to the venue, once to the ruling, with its latency in whole milliseconds."""
    line = Line()
    CALLS[name](line.listener)
    assert line.venue.asked == [name]
    assert line.ear.told == [(False, 70, START)]


def test_answers_come_back_as_they_are() -> None:
    """The listener adds nothing and takes nothing away."""
    there = VenueOrder("ours", "v1", BTC, 1, 3, 0, VenueOrderStatus.OPEN, 5, 100)
    line = Line(AskedVenue(orders=[there], open=[there], past=[there], time=77))
    listener = line.listener
    assert listener.order(BTC, "ours") == there
    assert (listener.open_orders(), listener.orders_since(3)) == ([there], [there])
    assert line.venue.since == [3]
    assert (listener.fills_since(4), listener.funding_since(4)) == ([], ())
    assert (listener.server_time(), listener.quote(BTC).at) == (77, 77)
    assert listener.account() == VenueAccount({})
    assert listener.create(REQUEST) == Accepted("v1")
    assert listener.cancel(BTC, "ours") is CancelAnswer.TAKEN
    assert (listener.name, listener.capabilities) == ("asked", line.venue.capabilities)


@pytest.mark.parametrize("name", sorted(CALLS))
@pytest.mark.parametrize("error", [VenueError("HTTP 503"), OutcomeUnknown("timed out")])
def test_failures_are_told_and_passed_on(name: str, error: VenueError) -> None:
    """A call that failed counts, and stays a failure; nothing goes quiet for it."""
    line = Line(AskedVenue(failing={name: error}))
    with pytest.raises(type(error)) as caught:
        CALLS[name](line.listener)
    assert caught.value is error
    assert line.ear.told == [(True, 70, START)]
    assert line.listener.quiet_until == 0


def test_a_defect_is_no_failure_of_the_venue() -> None:
    """Only what the venue does counts as its failure."""
    line = Line(AskedVenue(failing={"quote": InvalidValue("a defect")}))  # type: ignore[dict-item]  # on purpose
    with pytest.raises(InvalidValue):
        line.listener.quote(BTC)
    assert line.ear.told == []


@pytest.mark.parametrize("asked", sorted(CALLS))
def test_silence_is_kept(asked: str) -> None:
    """A 429 to any call: then no question leaves us until its end, to the millisecond."""
    line = Line(AskedVenue(failing={asked: RateLimited("slow down", 9_000)}))
    with pytest.raises(RateLimited):
        CALLS[asked](line.listener)
    assert line.ear.told == [(True, 70, START)]
    assert line.listener.quiet_until == START + 9_000
    line.venue.failing.clear()
    line.venue.asked.clear()
    for at, left in ((START, 9_000), (START + 8_999, 1)):
        line.clock.time = at
        for ask in QUESTIONS.values():
            with pytest.raises(
                RateLimited, match=f"asked wants silence for {left / 1000:g} s"
            ) as caught:
                ask(line.listener)
            assert caught.value.retry_after_ms == left
    assert line.venue.asked == []
    assert len(line.ear.told) == 1
    line.clock.time = START + 9_000
    for ask in QUESTIONS.values():
        ask(line.listener)
    assert line.venue.asked == list(QUESTIONS)


def test_cancellations_break_the_silence() -> None:
    """What may still fill is cancelled whatever the venue wants; pushes are read as well."""
    line = Line()
    line.listener.quiet_until = START + 9_000
    assert line.listener.cancel(BTC, "ours") is CancelAnswer.TAKEN
    assert line.listener.drain() == ()
    assert line.venue.asked == ["cancel", "drain"]
    assert len(line.ear.told) == 1


def test_a_refusal_may_ask_for_silence() -> None:
    """A create that is refused with a pause hushes the questions; the call itself went well."""
    limited = Refused("too many", RefusalKind.RATE_LIMIT, 4_000)
    line = Line(AskedVenue(answer=limited))
    assert line.listener.create(REQUEST) == limited
    assert line.listener.quiet_until == START + 4_000
    assert line.ear.told == [(False, 70, START)]
    with pytest.raises(RateLimited):
        line.listener.server_time()


def test_a_refusal_without_a_pause_hushes_nothing() -> None:
    """Nor does an order that is taken."""
    line = Line(AskedVenue(answer=Refused("minimum", RefusalKind.FILTER)))
    line.listener.create(REQUEST)
    assert line.listener.quiet_until == 0


def test_a_shorter_silence_does_not_end_a_longer_one() -> None:
    """The latest end counts."""
    line = Line(AskedVenue(failing={"cancel": RateLimited("slow down", 9_000)}))
    with pytest.raises(RateLimited):
        line.listener.cancel(BTC, "ours")
    line.venue.failing["cancel"] = RateLimited("slow down", 1_000)
    with pytest.raises(RateLimited):
        line.listener.cancel(BTC, "ours")
    assert line.listener.quiet_until == START + 9_000
