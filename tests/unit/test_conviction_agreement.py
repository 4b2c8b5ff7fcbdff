"""Agreement of an ensemble: 0.6 for the same sign, 0.4 for closeness."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mettle.domain.conviction import SINGLE, agreement
from mettle.domain.errors import InvalidValue

ACTIONS = st.lists(st.floats(-1.0, 1.0), min_size=1, max_size=12)


@pytest.mark.parametrize(
    ("actions", "expected"),
    [
        ([0.7], SINGLE),
        ([0.5, 0.5, 0.5], 1.0),
        ([1.0, -1.0], 0.0),  # the mean has a sign that nobody has
        ([0.4, 0.2], 0.6 + 0.4 * (1 - 2 * 0.1)),
        ([0.9, 0.9, -0.3], 0.6 * 2 / 3 + 0.4 * max(0.0, 1 - 2 * math.sqrt(0.32))),
        ([0.0, 0.0], 1.0),
    ],
)
def test_agreement_by_hand(actions: list[float], expected: float) -> None:
    """One model says nothing, equals agree, opposites do not."""
    assert agreement(actions) == pytest.approx(expected)


@given(ACTIONS)
def test_agreement_is_a_share_and_blind_to_order(actions: list[float]) -> None:
    """It lies in 0 … 1 and does not depend on who is asked first, or on the side."""
    found = agreement(actions)
    assert 0.0 <= found <= 1.0
    assert agreement(actions[::-1]) == pytest.approx(found)
    assert agreement([-one for one in actions]) == pytest.approx(found)


@pytest.mark.parametrize("actions", [[], [math.nan, 0.1], [math.inf]])
def test_what_is_no_action_is_refused(actions: list[float]) -> None:
    """Nothing, and what is not finite."""
    with pytest.raises(InvalidValue, match="finite actions"):
        agreement(actions)
