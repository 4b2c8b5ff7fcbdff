"""Whatever a venue answers, the plan sends nothing twice and comes to an end."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st
from mettle.domain.orders import Finish, Leg, NotPlaced, Place, PlanKind, Unknown
from tests.support import plan_oracle as oracle

SEEDS = st.integers(0, 2**32)


@settings(max_examples=300, deadline=None)
@given(SEEDS)
def test_stories_keep_every_rule(seed: int) -> None:
    """Random answers, losses, late fills, refusals and pauses."""
    story = oracle.play(seed)
    for rule in oracle.RULES:
        rule(story)


@settings(max_examples=300, deadline=None)
@given(SEEDS)
def test_prices_stay_on_their_side(seed: int) -> None:
    """Any touch, locked and crossed ones included."""
    for rule in oracle.PRICE_RULES:
        rule(oracle.touch(seed))


def test_the_stories_are_worth_something() -> None:
    """They contain what the rules speak of, each often enough."""
    seen: Counter[str] = Counter()
    for seed in range(400):
        story = oracle.play(seed)
        seen[story.kind.value] += 1
        last = story.turns[-1]
        finish = last.step
        assert isinstance(finish, Finish)
        seen[finish.outcome.split(":")[0].split(",")[0]] += 1
        for turn in story.turns:
            state = turn.attempts[-1].state if turn.attempts else None
            seen["unknown"] += isinstance(state, Unknown)
            seen["not placed"] += isinstance(state, NotPlaced)
            seen["crossed"] += bool(turn.attempts) and turn.attempts[-1].would_cross
            step = turn.step
            took = isinstance(step, Place) and step.leg is Leg.TAKER
            seen["takers"] += took and story.kind is PlanKind.MAKER_FIRST
    wanted = {
        "bar", "maker first", "taker", "filled", "stopped", "rejected", "expired", "unknown",
        "not placed", "crossed", "takers", "cancelled",
    }  # fmt: skip
    assert {name for name in wanted if seen[name] < 5} == set()
