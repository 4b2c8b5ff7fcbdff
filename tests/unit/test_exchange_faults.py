"""Each fault of requests and answers, struck on purpose: what happens, and what we hear."""

from __future__ import annotations

import pytest
from mettle.adapters.venues.exchange import (
    ExchangeRules,
    Fault,
    FaultPlan,
    Strike,
)
from mettle.application.ports.venue import (
    Accepted,
    CancelAnswer,
    RateLimited,
    RefusalKind,
    Refused,
    RepeatedId,
    VenueOrderStatus,
)
from mettle.domain.orders import TimeInForce
from tests.support.exchanges import (
    BTC,
    IMPATIENT,
    QUIET,
    START,
    bench,
    fired,
    lasting,
    request,
    struck,
    unknown,
)

MINUTE = 60_000
OPEN, FILLED = VenueOrderStatus.OPEN, VenueOrderStatus.FILLED
CANCELED = VenueOrderStatus.CANCELED


@pytest.mark.parametrize(
    "fault", [Fault.RESPONSE_LOST, Fault.GATEWAY_TIMEOUT, Fault.GARBLED_ACK, Fault.ERROR_THEN_FILL]
)
def test_an_order_lives_though_its_answer_was_lost(fault: Fault) -> None:
    """Nobody told us, and a question finds it."""
    world = struck(fault)
    unknown(lambda: world.client.create(request("a")))
    found = world.client.order(BTC, "a")
    assert found is not None
    assert found.status is OPEN
    assert world.exchange.faults.fired == {(fault, "absent"): 1}


def test_a_lost_answer_takes_the_whole_time_out() -> None:
    """Ten seconds, less nothing."""
    world = struck(Fault.RESPONSE_LOST)
    unknown(lambda: world.client.create(request("a")))
    assert world.clock.now_ms() == START + 10_000


def test_a_lost_request_places_nothing() -> None:
    """The exchange never hears of it."""
    world = struck(Fault.REQUEST_LOST)
    unknown(lambda: world.client.create(request("a")))
    world.at(600)
    assert world.client.orders_since(0) == []


def test_a_late_request_arrives_before_its_fence() -> None:
    """Not there when the time-out comes, there within the fence."""
    world = struck(Fault.ARRIVES_LATE)
    unknown(lambda: world.client.create(request("a")))
    world.at(60)
    assert world.client.order(BTC, "a") is not None


def test_a_late_request_with_an_old_stamp_is_dropped() -> None:
    """Where stamps are checked, what comes after the fence is not taken, whatever the delay."""
    rules = ExchangeRules(RepeatedId.UNIQUE_AMONG_OPEN, stamped=True, fence_ms=1_000)
    world = struck(Fault.ARRIVES_LATE, rules=rules)
    unknown(lambda: world.client.create(request("a")))
    world.at(600)
    assert world.client.orders_since(0) == []


def test_a_restart_of_the_exchange_loses_what_is_on_its_way() -> None:
    """Its clock steps past the fence: the late request must not arrive after all."""
    world = struck(Fault.ARRIVES_LATE)
    world.exchange.floor.timeline.at(START + 1_000, lambda: world.exchange.set_skew(90_000))
    unknown(lambda: world.client.create(request("a")))
    world.at(600)
    assert world.client.orders_since(0) == []


def test_an_order_shows_only_after_a_delay() -> None:
    """It locks money at once, no query shows it, then all do; within the fence."""
    world = struck(Fault.VISIBLE_LATE, latency=IMPATIENT)
    unknown(lambda: world.client.create(request("a")))
    assert world.client.order(BTC, "a") is None
    assert [*world.client.open_orders(), *world.client.orders_since(0)] == []
    assert world.client.cancel(BTC, "a") is CancelAnswer.NOT_FOUND
    assert world.free("USDT") < world.held("USDT")
    world.at(60)
    assert world.client.order(BTC, "a") is not None
    assert len(world.client.open_orders()) == 1


def test_an_error_on_ack_fills_later() -> None:
    """Within a minute of the error."""
    world = struck(Fault.ERROR_THEN_FILL)
    unknown(lambda: world.client.create(request("a")))
    world.at(61)
    assert sum(one.lots for one in world.client.fills_since(0)) == 100


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (Fault.POST_ONLY_ERROR, None),
        (Fault.POST_ONLY_REJECTED, VenueOrderStatus.REJECTED),
        (Fault.POST_ONLY_LATE_CANCEL, CANCELED),
    ],
)
def test_post_only_is_refused_though_it_would_rest(
    fault: Fault, status: VenueOrderStatus | None
) -> None:
    """In each of the three shapes, and only where an order is post-only."""
    world = struck(fault, times=2)
    assert isinstance(world.client.create(request("plain")), Accepted)
    answer = world.client.create(request("a", post_only=True))
    world.at(5)
    found = world.client.order(BTC, "a")
    assert isinstance(answer, Refused if status is None else Accepted)
    assert (found.status if found else None) is status
    assert fired(world, fault) == 1


def test_a_fill_comes_before_the_cancellation() -> None:
    """The answer is too late or unknown; the order is filled."""
    world = struck(Fault.FILL_BEFORE_CANCEL)
    world.client.create(request("a"))
    answer = world.client.cancel(BTC, "a")
    assert answer in {CancelAnswer.TOO_LATE, CancelAnswer.NOT_FOUND}
    assert [one.lots for one in world.client.fills_since(0)] == [100]
    assert world.exchange.faults.fired == {(Fault.FILL_BEFORE_CANCEL, "open"): 1}


def test_part_fills_before_the_cancellation() -> None:
    """Some, never all; the rest is cancelled."""
    world = struck(Fault.PARTIAL_THEN_CANCEL)
    world.client.create(request("a"))
    assert world.client.cancel(BTC, "a") is CancelAnswer.TAKEN
    found = world.client.order(BTC, "a")
    assert found is not None
    assert found.status is CANCELED
    assert 0 < found.filled < 100


def test_a_cancellation_of_an_order_that_is_there_is_unknown() -> None:
    """Whether it was cancelled all the same, the answer does not say."""
    seen = set()
    for seed in range(8):
        world = struck(Fault.CANCEL_UNKNOWN, seed=seed)
        world.client.create(request("a"))
        assert world.client.cancel(BTC, "a") is CancelAnswer.NOT_FOUND
        found = world.client.order(BTC, "a")
        seen.add(found.status if found else None)
    assert seen == {OPEN, CANCELED}


@pytest.mark.parametrize(
    ("fault", "status"), [(Fault.CANCEL_LOST, OPEN), (Fault.CANCEL_RESPONSE_LOST, CANCELED)]
)
def test_a_cancellation_gets_lost(fault: Fault, status: VenueOrderStatus) -> None:
    """On its way there nothing happens, on the way back it has."""
    world = struck(fault)
    world.client.create(request("a"))
    unknown(lambda: world.client.cancel(BTC, "a"))
    found = world.client.order(BTC, "a")
    assert found is not None
    assert found.status is status


def test_a_question_times_out() -> None:
    """An error, not an empty answer; the next one is answered."""
    world = struck(Fault.READ_TIMEOUT)
    unknown(world.client.open_orders)
    assert world.client.open_orders() == []


def test_the_fill_history_is_cut() -> None:
    """The oldest fills are missing once, and there the next time."""
    world = struck(Fault.FILLS_TRUNCATED)
    for name in "abc":
        life = TimeInForce.IOC
        world.client.create(request(name, limit=1_002, lots=50, life=life))
    assert len(world.client.fills_since(0)) < 3
    assert len(world.client.fills_since(0)) == 3


def test_tickers_are_stale_or_zero() -> None:
    """An old touch has its old time; a zero has no price at all."""
    world = struck(Fault.STALE_TICKER)
    world.at(3 * 3_600)
    assert world.client.quote(BTC).at < world.clock.now_ms() - MINUTE
    assert world.client.quote(BTC).bid == 1_000
    assert struck(Fault.ZERO_PRICE).client.quote(BTC).bid == 0


def test_an_answer_is_slow() -> None:
    """More than a second, and still an answer."""
    world = struck(Fault.SLOW_ANSWER)
    world.client.server_time()
    assert world.clock.now_ms() >= START + 1_000


def test_429_asks_for_a_pause_and_418_bans_who_gives_none() -> None:
    """Reads raise, orders are refused with a wait; pressing on is banned; patience is enough."""
    world = struck(Fault.RATE_LIMIT_429)
    with pytest.raises(RateLimited) as found:
        world.client.open_orders()
    assert 0 < found.value.retry_after_ms <= 20_000
    for _ in range(3):
        answer = world.client.create(request("a"))
        assert isinstance(answer, Refused)
        assert (answer.kind, answer.retry_after_ms > 0) == (RefusalKind.RATE_LIMIT, True)
    with pytest.raises(RateLimited, match="418"):
        world.client.open_orders()
    assert fired(world, Fault.BANNED_418) == 1
    world.at(150)
    assert world.client.orders_since(0) == []


def test_another_process_of_the_key_presses_on() -> None:
    """Who waits as he is told is banned all the same where the plan says so; in the end it ends."""
    plan = FaultPlan({Fault.BANNED_418: 1.0}, (Strike(Fault.RATE_LIMIT_429, START),))
    world = bench(*QUIET, faults=plan)
    with pytest.raises(RateLimited, match="429") as found:
        world.client.open_orders()
    world.clock.advance(found.value.retry_after_ms)
    with pytest.raises(RateLimited, match="418") as found:
        world.client.open_orders()
    world.clock.advance(found.value.retry_after_ms)
    assert world.client.open_orders() == []


@pytest.mark.parametrize(
    "fault", [Fault.DNS_GONE, Fault.MAINTENANCE_503, Fault.EMPTY_BODY, Fault.HTML_BODY]
)
def test_nothing_can_be_asked_while_the_exchange_is_away(fault: Fault) -> None:
    """Every call fails, its orders live on, and it is back when the time is over."""
    world = lasting(fault)
    world.client.create(request("a"))
    world.at(1)
    for call in (world.client.open_orders, world.client.account, world.client.server_time):
        unknown(call)
    unknown(lambda: world.client.create(request("b")))
    world.at(601)
    assert [one.client_order_id for one in world.client.open_orders()] == ["a"]
    assert fired(world, fault) == 4
