"""Rule strategies decide the same in a batch and alone, and are found by name."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mettle.adapters.features.native import NativeFeatures
from mettle.application.strategies import (
    STRATEGIES,
    BuyAndHold,
    EmaCross,
    make_strategy,
    parse_strategy,
)
from mettle.domain.errors import InvalidValue, NotFound
from tests.support.feature_panels import random_panel

NO_PORTFOLIO = np.zeros(0, dtype=np.float32)


@pytest.mark.parametrize("allow_short", [False, True])
def test_ema_cross_follows_the_averages(allow_short: bool) -> None:
    """A share of 1/A while the fast average is above, nothing or its opposite below."""
    features = np.array([[[2.0, 1.0], [1.0, 2.0], [1.5, 1.5], [0.0, 0.0]]])
    actions = EmaCross(allow_short=allow_short).decide(features, NO_PORTFOLIO)
    np.testing.assert_array_equal(actions, np.array([0.25, -0.25 if allow_short else 0, 0, 0]))
    assert actions.dtype == np.float32


@given(st.integers(0, 2**32 - 1), st.integers(1, 7), st.booleans())
def test_batches_and_single_bars_agree(seed: int, assets: int, allow_short: bool) -> None:
    """Every row of a batch has the bits of the row alone."""
    features = np.random.default_rng(seed).integers(0, 4, (50, assets, 2)).astype(np.float64)
    for agent in (EmaCross(allow_short=allow_short), BuyAndHold()):
        given_features = features[:, :, : len(agent.feature_set)]
        batch = agent.decide_batch(given_features)
        assert batch.dtype == np.float32
        for i, row in enumerate(batch):
            alone = agent.decide(given_features[i : i + 1], NO_PORTFOLIO)
            assert alone.tobytes() == row.tobytes()


def test_strategies_wait_for_their_features() -> None:
    """Over real tables: nothing before the warm-up, and a share of 1/A at most after it."""
    panel = random_panel(80, 3, seed=8, gaps=0.1)
    for agent in (EmaCross(3, 9), BuyAndHold()):
        table = NativeFeatures(threads=1).table(panel, agent.feature_set)
        actions = agent.decide_batch(table.values)
        seen = np.cumsum(~panel.missing, axis=0)
        assert not actions[seen <= table.warmup].any()
        assert set(np.unique(actions)) <= {np.float32(0), np.float32(1 / 3)}
        assert actions.any()
        assert agent.window == 1


def test_names_tell_strategies_apart() -> None:
    """Parameters that change decisions are in the name."""
    assert EmaCross().name == "ema-cross-12-26"
    assert EmaCross(5, 8, allow_short=True).name == "ema-cross-5-8-short"
    assert BuyAndHold().name == "buy-and-hold"


def test_registry_makes_what_it_lists() -> None:
    """Each listed strategy is built with its defaults, by name and by text."""
    for name in STRATEGIES:
        assert make_strategy(name).name.startswith(name)
        assert parse_strategy(name).feature_set == make_strategy(name).feature_set
    made = parse_strategy("ema-cross: fast=5, slow=9, allow_short=yes")
    assert made == EmaCross(5, 9, allow_short=True)
    assert make_strategy("ema-cross", {"fast": 5, "slow": 9, "allow_short": True}) == made


@pytest.mark.parametrize(
    ("text", "error", "says"),
    [
        ("ema-cros", NotFound, "did you mean ema-cross?"),
        ("zzz", NotFound, "known: ema-cross, buy-and-hold"),
        ("ema-cross:fats=3", InvalidValue, "did you mean fast?"),
        ("buy-and-hold:fast=3", InvalidValue, "known: none"),
        ("ema-cross:fast", InvalidValue, "'fast' is not a parameter"),
        ("ema-cross:fast=many", InvalidValue, "must be a whole number, was 'many'"),
        ("ema-cross:allow_short=2", InvalidValue, "must be true or false, was '2'"),
        ("ema-cross:fast=30", InvalidValue, "fast must be below slow, were 30 and 26"),
        ("ema-cross:fast=0", InvalidValue, "from 1 to 5000, was 0"),
        ("ema-cross:slow=9999", InvalidValue, "from 1 to 5000, was 9999"),
    ],
)
def test_mistakes_name_their_mend(text: str, error: type[Exception], says: str) -> None:
    """A wrong name, parameter, type or value is refused with what to do about it."""
    with pytest.raises(error) as caught:
        parse_strategy(text)
    assert says in str(caught.value)


def test_wrong_types_are_refused() -> None:
    """A truth value is no number, and a number no truth value."""
    with pytest.raises(InvalidValue, match="whole number, was True"):
        make_strategy("ema-cross", {"fast": True})
    with pytest.raises(InvalidValue, match="true or false, was 1"):
        make_strategy("ema-cross", {"allow_short": 1})
