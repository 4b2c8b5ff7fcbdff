"""How long a maker waits: in the market step by the bar, at the order desk by half of it."""

from __future__ import annotations

import pytest
from mettle.domain.market import Symbol
from mettle.domain.orders import (
    AttemptView,
    Cancel,
    ExecutionPolicy,
    Leg,
    Open,
    Opening,
    PlanKind,
    Side,
    Wait,
    next_step,
)
from mettle.domain.simulation import interpolate_wait

WISH = Opening("paper-1", Symbol("BTC", "USDT"), Side.BUY, 10, 3_600_000)
SENT = 1_000_000


def looked_at(bar_s: int, wait_s: int) -> float:
    """Return how many seconds of a bar the step lets a maker wait, read off a straight price."""
    return interpolate_wait(0, bar_s, 0, bar_s, wait_s, bar_s).price_sell


def waited(bar_s: int, wait_s: int) -> float:
    """Return after how many seconds the desk's plan cancels a maker that rests."""
    policy = ExecutionPolicy(maker_wait=wait_s * 1_000).within(bar_s * 1_000)
    rests = AttemptView(Leg.MAKER, 1, Open(), SENT, 0)
    step = next_step(PlanKind.MAKER_FIRST, WISH, [rests], SENT, policy)
    assert isinstance(step, Wait)
    assert step.until is not None
    assert next_step(PlanKind.MAKER_FIRST, WISH, [rests], step.until, policy) == Cancel()
    return (step.until - SENT) / 1_000


@pytest.mark.parametrize(
    ("bar_s", "wait_s", "step", "desk"),
    [
        (60, 120, 60, 30),
        (180, 120, 120, 90),
        (240, 120, 120, 120),
        (300, 120, 120, 120),
        (3_600, 120, 120, 120),
        (3_600, 3_600, 3_600, 1_800),
        (60, 30, 30, 30),
    ],
)
def test_the_waits_of_step_and_desk(bar_s: int, wait_s: int, step: int, desk: int) -> None:
    """They agree wherever the wait is half a bar at most (ADR 16)."""
    assert looked_at(bar_s, wait_s) == step
    assert waited(bar_s, wait_s) == desk
    assert (step == desk) is (2 * wait_s <= bar_s)
