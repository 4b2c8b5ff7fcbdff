"""How an intent is worked: maker first, then at once for the remainder; pure, one step at a time.

The plan never looks at the venue. It sees the attempts so far and says what is due; whoever carries
it out writes each attempt down before it is sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum

from ..waits import is_over
from .intent import OrderIntent, Purpose, Reduction
from .state import (
    FINAL,
    Canceled,
    Cancelling,
    Denied,
    Expired,
    Filled,
    NotPlaced,
    Open,
    OrderState,
    Partial,
    Rejected,
    filled_lots,
)
from .terms import Leg


class PlanKind(Enum):
    """Which way an intent is worked."""

    BAR = "bar"
    """One order for the next bar, at a venue that lives on bars."""
    MAKER_FIRST = "maker first"
    TAKER = "taker"
    """At once, again and again until the position is gone: for exits that cannot wait."""
    RESTING = "resting stop"
    """One protective stop that rests at the venue until it is touched or no longer wanted."""


@dataclass(frozen=True, slots=True)
class ExecutionPolicy:
    """The numbers of the plan; times in milliseconds, ratios in millionths.

    Attributes:
        maker_wait: How long a post-only order may rest.
        outlive: How much longer a GTD order lives than that, should the process die.
        cancel_wait: How long a cancellation may take before its order counts as UNKNOWN.
        reprices: How often a post-only order that would cross is priced again.
        taker_cap: How far beyond the touch the marketable limit goes.
        drift: How far the price may have run from the arrival price for a new opening attempt.
        exit_retry: Pause between the attempts of an exit that found no liquidity.
        exit_tries: After how many attempts an exit is left to the next decision.
        stop_cap: How far beyond its trigger the limit of a stop that rests lies; what gaps further
            is left to the exit that the session sends.
    """

    maker_wait: int = 120_000
    outlive: int = 5_000
    cancel_wait: int = 30_000
    reprices: int = 3
    taker_cap: int = 3_000
    drift: int = 10_000
    exit_retry: int = 1_000
    exit_tries: int = 20
    stop_cap: int = 20_000

    def within(self, bar_ms: int) -> ExecutionPolicy:
        """Return the policy for bars of that length: a maker waits half a bar at most.

        A signal is too old for another attempt when its bar has passed; whoever waited longer for a
        maker's price would never come to take.
        """
        return replace(self, maker_wait=min(self.maker_wait, max(1, bar_ms // 2)))


_URGENT = frozenset(
    {
        Purpose.STOP,
        Purpose.TRAILING_STOP,
        Purpose.LIQUIDATION,
        Purpose.MARGIN,
        Purpose.RUIN,
        Purpose.OPERATOR,
        Purpose.FLATTEN,
    }
)


def is_urgent(intent: OrderIntent) -> bool:
    """Return whether an intent must not wait for a maker's price."""
    return isinstance(intent, Reduction) and intent.purpose in _URGENT


def plan_for(intent: OrderIntent, *, bar_orders: bool) -> PlanKind:
    """Return how an intent is worked."""
    if bar_orders:
        return PlanKind.BAR
    return PlanKind.TAKER if is_urgent(intent) else PlanKind.MAKER_FIRST


@dataclass(frozen=True, slots=True)
class AttemptView:
    """What the plan needs to know of one attempt.

    Attributes:
        sent_at: Unix milliseconds UTC.
        booked: Lots of its fills that are in the books.
        would_cross: Whether it was refused as a post-only order that would take.
        retry_at: Before this nothing new may be sent: the venue asked for a pause. An attempt that
            was refused with it is sent again; one that was taken and ended is not.
    """

    leg: Leg
    number: int
    state: OrderState
    sent_at: int
    booked: int
    would_cross: bool = False
    retry_at: int = 0


@dataclass(frozen=True, slots=True)
class Place:
    """Send a new attempt, once risk, age and drift have been checked again."""

    leg: Leg
    number: int
    lots: int


@dataclass(frozen=True, slots=True)
class Cancel:
    """Ask to end the live attempt."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Do nothing before ``until``; None waits for the venue alone."""

    until: int | None


@dataclass(frozen=True, slots=True)
class Clarify:
    """The outcome of the last attempt, or of its fills, is not known: ask until it is."""


@dataclass(frozen=True, slots=True)
class Finish:
    """No attempt follows."""

    outcome: str


PlanStep = Place | Cancel | Wait | Clarify | Finish


def next_step(
    kind: PlanKind,
    intent: OrderIntent,
    attempts: Sequence[AttemptView],
    now: int,
    policy: ExecutionPolicy,
    *,
    stopping: bool = False,
) -> PlanStep:
    """Return what is due for an intent.

    Args:
        attempts: Oldest first; at most the last one may be live.
        stopping: End it: cancel what is live, place nothing more.
    """
    if not attempts:
        return Finish("stopped before it was sent") if stopping else _first(kind, intent)
    last = attempts[-1]
    if not isinstance(last.state, FINAL):
        return _unfinished(last, now, policy, stopping=stopping)
    if any(one.booked != filled_lots(one.state) for one in attempts):
        return Clarify()
    remaining = intent.lots - sum(one.booked for one in attempts)
    if remaining <= 0:
        return Finish("filled")
    if stopping:
        return Finish(f"stopped, {remaining} lots left")
    return _after(kind, last, remaining, now, policy)


_FIRST_LEG = {
    PlanKind.BAR: Leg.BAR,
    PlanKind.MAKER_FIRST: Leg.MAKER,
    PlanKind.TAKER: Leg.TAKER,
    PlanKind.RESTING: Leg.STOP,
}


def _first(kind: PlanKind, intent: OrderIntent) -> PlanStep:
    return Place(_FIRST_LEG[kind], 1, intent.lots)


_PATIENT = frozenset({Leg.BAR, Leg.STOP})
"""Legs that wait for the venue, however long."""


def _unfinished(
    last: AttemptView, now: int, policy: ExecutionPolicy, *, stopping: bool
) -> PlanStep:
    if isinstance(last.state, Cancelling):
        return Wait(None)
    if not isinstance(last.state, (Open, Partial)):
        return Clarify()
    if stopping:
        return Cancel()
    if last.leg in _PATIENT:
        return Wait(None)
    patience = policy.maker_wait if last.leg is Leg.MAKER else policy.exit_retry
    over = is_over(last.sent_at, patience, now)
    return Cancel() if over else Wait(last.sent_at + patience)


_ASKED_ONCE = frozenset({PlanKind.BAR, PlanKind.RESTING})
"""Plans of one attempt: what is left is decided anew."""


def _after(
    kind: PlanKind, last: AttemptView, remaining: int, now: int, policy: ExecutionPolicy
) -> PlanStep:
    """Return what follows an attempt that ended with lots left."""
    if kind in _ASKED_ONCE or _is_refused(last):
        return Finish(_words(last.state))
    if now < last.retry_at:
        return Wait(last.retry_at)
    if _comes_again(last, policy):
        return Place(last.leg, last.number + 1, remaining)
    if last.leg is Leg.MAKER:
        return Place(Leg.TAKER, 1, remaining)
    if kind is PlanKind.MAKER_FIRST or last.number >= policy.exit_tries:
        return Finish(f"{_words(last.state)}, {remaining} lots left")
    again = Place(Leg.TAKER, last.number + 1, remaining)
    over = is_over(last.sent_at, policy.exit_retry, now)
    return again if over else Wait(last.sent_at + policy.exit_retry)


def _is_refused(last: AttemptView) -> bool:
    """Return whether an attempt was refused for good: sending it again would end the same way."""
    if isinstance(last.state, Denied):
        return True
    return isinstance(last.state, Rejected) and not (last.would_cross or last.retry_at)


def _comes_again(last: AttemptView, policy: ExecutionPolicy) -> bool:
    """Return whether the venue never took an attempt, so that its leg is still to do."""
    if last.would_cross:
        return last.number <= policy.reprices
    return isinstance(last.state, (Rejected, NotPlaced))


def _words(state: OrderState) -> str:
    if isinstance(state, Rejected):
        return f"rejected: {state.reason}"
    if isinstance(state, Denied):
        return f"denied: {state.reason}"
    if isinstance(state, Expired):
        return f"expired: {state.reason}" if state.reason else "expired"
    if isinstance(state, Canceled):
        return "cancelled"
    return "filled" if isinstance(state, Filled) else "ended"


def maker_price(buying: bool, bid: int, ask: int, offset: int = 0) -> int:
    """Return the own side's touch, ``offset`` millionths further away, in ticks.

    Rounded away from the other side, and never at or beyond it.
    """
    if buying:
        return max(1, min(bid - -(-bid * offset // 1_000_000), ask - 1))
    return max(ask + -(-ask * offset // 1_000_000), bid + 1)


def stop_limit(buying: bool, trigger: int, cap: int) -> int:
    """Return the limit of a stop that rests, ``cap`` millionths beyond its trigger, in ticks."""
    return taker_price(buying, trigger, trigger, cap)


def taker_price(buying: bool, bid: int, ask: int, cap: int) -> int:
    """Return the marketable limit, at most ``cap`` millionths beyond the touch, in ticks."""
    if buying:
        return ask + ask * cap // 1_000_000
    return max(1, bid - bid * cap // 1_000_000)
