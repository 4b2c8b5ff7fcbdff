"""How an intent is worked: every branch of the plan, after "Maker-first execution".

Long because the plan has many branches, and one table shows that none is missing.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from mettle.domain.market import Symbol
from mettle.domain.orders import (
    AttemptView,
    Cancel,
    Canceled,
    Cancelling,
    Clarify,
    Denied,
    ExecutionPolicy,
    Expired,
    Filled,
    Finish,
    Intended,
    Leg,
    NotPlaced,
    Open,
    Opening,
    OrderIntent,
    OrderState,
    Partial,
    Place,
    PlanKind,
    PlanStep,
    Purpose,
    Reduction,
    Rejected,
    Side,
    Submitting,
    Unknown,
    Wait,
    filled_lots,
    is_urgent,
    maker_price,
    next_step,
    plan_for,
    stop_limit,
    taker_price,
)

BTC = Symbol("BTC", "USDT")
WISH = Opening("paper-1", BTC, Side.BUY, 10, 3_600_000)
POLICY = ExecutionPolicy()
SENT = 1_000_000
MAKER, TAKER, BAR, STOP = Leg.MAKER, Leg.TAKER, Leg.BAR, Leg.STOP
FIRST, EXIT, BARS = PlanKind.MAKER_FIRST, PlanKind.TAKER, PlanKind.BAR
RESTING = PlanKind.RESTING


def reduction(purpose: Purpose = Purpose.REBALANCE) -> Reduction:
    """Return an intent to sell ten lots."""
    return Reduction("paper-1", BTC, Side.SELL, 10, 3_600_000, purpose)


def attempt(
    state: OrderState,
    leg: Leg = MAKER,
    number: int = 1,
    booked: int | None = None,
    *,
    crossed: bool = False,
    retry_at: int = 0,
) -> AttemptView:
    """Return an attempt sent at ``SENT`` whose fills are booked unless it says otherwise."""
    lots = filled_lots(state) if booked is None else booked
    return AttemptView(leg, number, state, SENT, lots, crossed, retry_at)


def step(
    *attempts: AttemptView,
    kind: PlanKind = FIRST,
    now: int = SENT,
    policy: ExecutionPolicy = POLICY,
    stopping: bool = False,
) -> PlanStep:
    """Return what is due for ten lots."""
    return next_step(kind, WISH, attempts, now, policy, stopping=stopping)


def test_the_numbers_are_those_of_the_specification() -> None:
    """120 s at the touch, +5 s for a dead process, 30 s to cancel, three reprices, 30 bps."""
    wanted = ExecutionPolicy(
        maker_wait=120_000,
        outlive=5_000,
        cancel_wait=30_000,
        reprices=3,
        taker_cap=3_000,
        drift=10_000,
        exit_retry=1_000,
        exit_tries=20,
    )
    assert ExecutionPolicy() == wanted


def test_a_maker_waits_half_a_bar_at_most() -> None:
    """Of a minute's bar 30 s, so that the rest can be taken in time; of long bars what is set."""
    policy = ExecutionPolicy(maker_wait=120_000)
    waits = [policy.within(minutes * 60_000).maker_wait for minutes in (1, 3, 4, 5, 1440)]
    assert waits == [30_000, 90_000, 120_000, 120_000, 120_000]
    assert policy.within(300_000) == policy
    assert policy.within(1).maker_wait == 1
    assert policy.within(60_001).maker_wait == 30_000


@pytest.mark.parametrize("purpose", list(Purpose))
def test_only_the_agent_can_wait(purpose: Purpose) -> None:
    """A reduction for any purpose but a rebalance takes at once; openings never do."""
    urgent = purpose is not Purpose.REBALANCE
    assert is_urgent(reduction(purpose)) is urgent
    assert plan_for(reduction(purpose), bar_orders=False) is (EXIT if urgent else FIRST)
    assert plan_for(reduction(purpose), bar_orders=True) is BARS


def test_openings_are_made_first() -> None:
    """Nothing about an opening is urgent."""
    assert not is_urgent(WISH)
    assert plan_for(WISH, bar_orders=False) is FIRST
    assert plan_for(WISH, bar_orders=True) is BARS


@pytest.mark.parametrize(
    ("kind", "leg"), [(FIRST, MAKER), (EXIT, TAKER), (BARS, BAR), (RESTING, STOP)]
)
def test_the_first_attempt_is_for_everything(kind: PlanKind, leg: Leg) -> None:
    """All lots, on the plan's own leg; nothing at all if it is to stop."""
    assert step(kind=kind) == Place(leg, 1, 10)
    assert step(kind=kind, stopping=True) == Finish("stopped before it was sent")


@pytest.mark.parametrize("kind", list(PlanKind))
@pytest.mark.parametrize("leg", list(Leg))
@pytest.mark.parametrize("stopping", [False, True])
@pytest.mark.parametrize("state", [Intended(), Submitting(), Unknown(0, 5), Unknown(4, 5)])
def test_nothing_follows_what_is_not_known(
    state: OrderState, leg: Leg, kind: PlanKind, *, stopping: bool
) -> None:
    """UNKNOWN is asked about for ever: never a taker, never a cancellation, however late."""
    for now in (SENT, SENT + 10**9):
        found = step(attempt(state, leg), kind=kind, now=now, stopping=stopping)
        assert found == Clarify()


@pytest.mark.parametrize("stopping", [False, True])
@pytest.mark.parametrize("leg", list(Leg))
def test_an_order_is_cancelled_once(leg: Leg, *, stopping: bool) -> None:
    """While the venue ends it the plan waits for the venue, however late."""
    for state in (Cancelling(0), Cancelling(4)):
        found = step(attempt(state, leg), now=SENT + 10**9, stopping=stopping)
        assert found == Wait(None)


@pytest.mark.parametrize("state", [Open(), Partial(4)])
@pytest.mark.parametrize(
    ("leg", "kind", "patience"),
    [(MAKER, FIRST, 120_000), (TAKER, FIRST, 1_000), (TAKER, EXIT, 1_000)],
)
def test_an_order_rests_so_long_and_no_longer(
    state: OrderState, leg: Leg, kind: PlanKind, patience: int
) -> None:
    """A maker waits 120 s, a marketable order that rests a second; to the millisecond."""
    live, due = attempt(state, leg), SENT + patience
    assert step(live, kind=kind, now=SENT) == Wait(due)
    assert step(live, kind=kind, now=due - 1) == Wait(due)
    assert step(live, kind=kind, now=due) == Cancel()
    assert step(live, kind=kind, now=due + 1) == Cancel()


def test_fills_on_their_way_do_not_disturb_what_rests() -> None:
    """A live order whose fills are not booked yet goes on resting."""
    assert step(attempt(Partial(4), booked=1)) == Wait(SENT + 120_000)


def test_an_order_of_a_bar_waits_for_its_bar() -> None:
    """No clock ends it."""
    assert step(attempt(Open(), BAR), kind=BARS, now=SENT + 10**9) == Wait(None)


@pytest.mark.parametrize("state", [Open(), Partial(4)])
def test_a_stop_rests_until_it_is_wanted_no_more(state: OrderState) -> None:
    """No clock ends it; asked to end, it is cancelled, and nothing follows."""
    late = SENT + 10**9
    assert step(attempt(state, STOP), kind=RESTING, now=late) == Wait(None)
    assert step(attempt(state, STOP), kind=RESTING, now=late, stopping=True) == Cancel()
    ended = attempt(Canceled(4), STOP)
    assert step(ended, kind=RESTING, now=late, stopping=True) == Finish("stopped, 6 lots left")


@pytest.mark.parametrize("state", [Open(), Partial(4)])
@pytest.mark.parametrize("leg", list(Leg))
def test_what_is_to_stop_is_cancelled_now(state: OrderState, leg: Leg) -> None:
    """Stopping does not wait for the patience to end."""
    assert step(attempt(state, leg), stopping=True) == Cancel()


ENDED: list[OrderState] = [
    Filled(10),
    Canceled(4),
    Expired(4, "end of life"),
    Rejected("minimum"),
    NotPlaced("absent"),
]


@pytest.mark.parametrize("state", ENDED)
@pytest.mark.parametrize("error", [-1, 1])
@pytest.mark.parametrize("kind", list(PlanKind))
@pytest.mark.parametrize("stopping", [False, True])
def test_fills_must_add_up_first(
    state: OrderState, error: int, kind: PlanKind, *, stopping: bool
) -> None:
    """One lot too few or too many in the books: nothing follows, not even an end."""
    odd = attempt(state, booked=filled_lots(state) + error)
    late = SENT + 10**9
    assert step(odd, kind=kind, now=late, stopping=stopping) == Clarify()


def test_fills_of_earlier_attempts_must_add_up_too() -> None:
    """Two mistakes that cancel out are two mistakes."""
    first = attempt(Canceled(4), booked=3)
    second = attempt(Expired(2, ""), TAKER, booked=3)
    assert step(first, second) == Clarify()
    assert step(first, attempt(Expired(2, ""), TAKER)) == Clarify()
    assert step(attempt(Canceled(4)), second) == Clarify()


@pytest.mark.parametrize("kind", list(PlanKind))
@pytest.mark.parametrize("stopping", [False, True])
def test_what_is_filled_is_done(kind: PlanKind, *, stopping: bool) -> None:
    """By one attempt, by several, by more than was wanted."""
    finished = Finish("filled")
    assert step(attempt(Filled(10)), kind=kind, stopping=stopping) == finished
    both = (attempt(Canceled(4)), attempt(Filled(6), TAKER))
    assert step(*both, kind=kind, stopping=stopping) == finished
    assert step(attempt(Canceled(7)), attempt(Filled(6), TAKER), kind=kind) == finished


@pytest.mark.parametrize(
    ("state", "left"), [(Canceled(0), 10), (Expired(9, ""), 1), (Rejected("no"), 10)]
)
@pytest.mark.parametrize("kind", list(PlanKind))
def test_what_is_stopped_leaves_a_remainder(kind: PlanKind, state: OrderState, left: int) -> None:
    """After the live attempt has ended nothing more is placed, and what is left is named."""
    found = step(attempt(state), kind=kind, now=SENT + 10**9, stopping=True)
    assert found == Finish(f"stopped, {left} lots left")


@pytest.mark.parametrize(
    ("state", "lots"),
    [
        (Canceled(0), 10),
        (Canceled(4), 6),
        (Expired(0, "end of life"), 10),
        (Expired(9, "end of life"), 1),
    ],
)
def test_the_taker_takes_the_remainder_only(state: OrderState, lots: int) -> None:
    """What the maker leg left, in one marketable order, at once."""
    assert step(attempt(state, number=2)) == Place(TAKER, 1, lots)


def test_the_remainder_counts_all_attempts() -> None:
    """Cumulative fills of every attempt are taken off the intent."""
    first, second = attempt(Canceled(3)), attempt(Canceled(4), number=2)
    assert step(first, second) == Place(TAKER, 1, 3)


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_maker_that_would_cross_is_priced_again(number: int) -> None:
    """Three times, as a maker."""
    crossing = attempt(Rejected("would take"), number=number, crossed=True)
    assert step(crossing) == Place(MAKER, number + 1, 10)


@pytest.mark.parametrize("retry_at", [0, SENT - 1])
def test_a_fourth_crossing_takes(retry_at: int) -> None:
    """After three reprices the market has run: the remainder is taken, pause or no pause."""
    crossing = attempt(Rejected("would take"), number=4, crossed=True, retry_at=retry_at)
    assert step(crossing) == Place(TAKER, 1, 10)
    never = replace(POLICY, reprices=0)
    first = attempt(Rejected("would take"), crossed=True, retry_at=retry_at)
    assert step(first, policy=never) == Place(TAKER, 1, 10)


@pytest.mark.parametrize("leg", [MAKER, TAKER])
@pytest.mark.parametrize("kind", [FIRST, EXIT])
def test_a_pause_is_kept(leg: Leg, kind: PlanKind) -> None:
    """Nothing before the venue wants to hear from us again; then the same leg."""
    paused = attempt(Rejected("too many"), leg, 5, retry_at=SENT + 700)
    assert step(paused, kind=kind, now=SENT) == Wait(SENT + 700)
    assert step(paused, kind=kind, now=SENT + 699) == Wait(SENT + 700)
    assert step(paused, kind=kind, now=SENT + 700) == Place(leg, 6, 10)


@pytest.mark.parametrize("state", [Canceled(4), Expired(4, "end of life")])
def test_a_pause_that_is_over_repeats_nothing(state: OrderState) -> None:
    """The pause of an earlier refusal never turns a maker that rested into another maker."""
    rested = attempt(state, number=2, retry_at=SENT - 1)
    assert step(rested) == Place(TAKER, 1, 6)
    took = attempt(Expired(1, "no liquidity"), TAKER, retry_at=SENT - 1)
    assert step(rested, took) == Finish("expired: no liquidity, 5 lots left")
    assert step(attempt(state, retry_at=SENT + 9)) == Wait(SENT + 9)


@pytest.mark.parametrize("leg", [MAKER, TAKER])
@pytest.mark.parametrize("kind", [FIRST, EXIT])
def test_what_was_never_placed_is_sent_anew(leg: Leg, kind: PlanKind) -> None:
    """As a new attempt of the same leg, after the proof and never before."""
    assert step(attempt(NotPlaced("absent"), leg, 7), kind=kind) == Place(leg, 8, 10)


@pytest.mark.parametrize("kind", list(PlanKind))
@pytest.mark.parametrize("leg", list(Leg))
def test_a_refusal_is_an_end(leg: Leg, kind: PlanKind) -> None:
    """A structured refusal that is neither a crossing nor a pause is not tried again."""
    found = step(attempt(Rejected("minimum"), leg), kind=kind, now=SENT + 10**9)
    assert found == Finish("rejected: minimum")
    denied = step(attempt(Denied("halted"), leg), kind=kind, now=SENT + 10**9)
    assert denied == Finish("denied: halted")


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (Canceled(4), "cancelled"),
        (Expired(4, ""), "expired"),
        (Expired(4, "no cash"), "expired: no cash"),
        (Filled(4), "filled"),
        (NotPlaced("absent"), "ended"),
    ],
)
def test_a_bar_asks_once(state: OrderState, words: str) -> None:
    """One order a bar or stop, whatever it filled; its end is said in words."""
    assert step(attempt(state, BAR), kind=BARS, now=SENT + 10**9) == Finish(words)
    assert step(attempt(state, STOP), kind=RESTING, now=SENT + 10**9) == Finish(words)
    paused = attempt(Rejected("too many"), STOP, retry_at=SENT + 10)
    assert step(paused, kind=RESTING, now=SENT + 10**9) == Finish("rejected: too many")


@pytest.mark.parametrize(
    ("state", "words"),
    [(Canceled(2), "cancelled, 4 lots left"), (Expired(2, "cap"), "expired: cap, 4 lots left")],
)
def test_one_taker_is_enough_for_the_agent(state: OrderState, words: str) -> None:
    """What a marketable order at the cap leaves is left to the next decision."""
    made = attempt(Canceled(4))
    assert step(made, attempt(state, TAKER), now=SENT + 10**9) == Finish(words)


def test_exits_try_again_and_again() -> None:
    """A second after the sending, for what is left, up to the number of tries."""
    short = [attempt(Expired(4, "cap"), TAKER)]
    assert step(*short, kind=EXIT, now=SENT + 999) == Wait(SENT + 1_000)
    assert step(*short, kind=EXIT, now=SENT + 1_000) == Place(TAKER, 2, 6)
    nothing = [attempt(Expired(0, "cap"), TAKER, number) for number in range(1, 21)]
    late = SENT + 10**9
    assert step(*nothing[:19], kind=EXIT, now=late) == Place(TAKER, 20, 10)
    assert step(*nothing, kind=EXIT, now=late) == Finish("expired: cap, 10 lots left")
    done = Finish("cancelled, 6 lots left")
    assert step(attempt(Canceled(4), TAKER, 21), kind=EXIT, now=late) == done


@pytest.mark.parametrize(
    ("bid", "ask", "offset", "buying", "selling"),
    [
        (9_999, 10_001, 0, 9_999, 10_001),
        (9_999, 10_000, 0, 9_999, 10_000),
        (10_000, 10_000, 0, 9_999, 10_001),
        (10_005, 10_000, 0, 9_999, 10_006),
        (10_000, 10_001, 500, 9_995, 10_007),
        (9_999, 10_001, 1, 9_998, 10_002),
        (1, 2, 0, 1, 2),
        (1, 2, 900_000, 1, 4),
        (1, 1, 0, 1, 2),
        (4_000_000_000, 4_000_000_001, 500, 3_998_000_000, 4_002_000_002),
    ],
)
def test_a_maker_joins_its_own_side(
    bid: int, ask: int, offset: int, buying: int, selling: int
) -> None:
    """At the touch, further away by the offset rounded outwards, never at the other side."""
    assert maker_price(True, bid, ask, offset) == buying
    assert maker_price(False, bid, ask, offset) == selling


def test_a_maker_asks_for_the_touch_itself() -> None:
    """The offset is nothing unless it is asked for."""
    assert (maker_price(True, 90, 110), maker_price(False, 90, 110)) == (90, 110)


@pytest.mark.parametrize(
    ("bid", "ask", "cap", "buying", "selling"),
    [
        (9_999, 10_001, 3_000, 10_031, 9_970),
        (10_000, 20_000, 3_000, 20_060, 9_970),
        (100, 101, 3_000, 101, 100),
        (100, 101, 0, 101, 100),
        (1, 2, 1_000_000, 4, 1),
        (333, 334, 3_000, 335, 333),
    ],
)
def test_a_taker_pays_no_more_than_its_cap(
    bid: int, ask: int, cap: int, buying: int, selling: int
) -> None:
    """Beyond the other side's touch by 30 bps at most, rounded towards the touch."""
    assert taker_price(True, bid, ask, cap) == buying
    assert taker_price(False, bid, ask, cap) == selling


@pytest.mark.parametrize(
    ("trigger", "cap", "buying", "selling"),
    [(10_000, 20_000, 10_200, 9_800), (99, 20_000, 100, 98), (1, 999_999, 1, 1), (7, 0, 7, 7)],
)
def test_a_stop_has_a_limit_beyond_its_trigger(
    trigger: int, cap: int, buying: int, selling: int
) -> None:
    """By the cap at most, rounded towards the trigger, and a price at any rate."""
    assert stop_limit(True, trigger, cap) == buying
    assert stop_limit(False, trigger, cap) == selling


def test_steps_read_the_clock_they_are_given() -> None:
    """A clock that stepped back ends a wait: who knows by how much it did."""
    intent: OrderIntent = WISH
    live = attempt(Open())
    assert next_step(FIRST, intent, [live], SENT - 5_000, POLICY) == Cancel()
    assert next_step(FIRST, intent, [live], SENT, POLICY) == Wait(SENT + 120_000)
