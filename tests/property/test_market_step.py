"""The market step keeps its rules in random markets with random actions."""

from __future__ import annotations

import struct
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st
from mettle.domain.simulation import (
    Account,
    ActionScheme,
    AssetBar,
    AssetTerms,
    FillReason,
    RewardState,
    SimulationSettings,
    advance,
    plan_changes,
    portfolio_part,
)
from tests.support.market_oracle import check_step
from tests.support.markets import play_market

seeds = st.integers(0, 2**32)


@settings(max_examples=150, deadline=None)
@given(seeds)
def test_every_rule_holds_in_random_markets(seed: int) -> None:
    """Identity, sizes, fills, stops, funding, margin, reward and ruin, after every step."""
    for played in play_market(seed):
        check_step(played)


def test_random_markets_reach_every_reason() -> None:
    """The generator is no good if it never liquidates, cuts or ruins."""
    found = Counter(
        (fill.reason, fill.maker)
        for seed in range(120)
        for played in play_market(seed)
        for fill in played.result.fills
    )
    assert {reason for reason, _ in found} == set(FillReason)
    assert found[FillReason.REBALANCE, True] > 50


@settings(max_examples=60, deadline=None)
@given(seeds)
def test_a_cash_account_is_never_overdrawn(seed: int) -> None:
    """Without funding its cash stays at or above zero whatever is wanted."""
    for played in play_market(seed, leverage=1, allow_short=False, gross_limit=10_000):
        if any(played.result.funding):
            return
        assert played.after.cash >= 0


@settings(max_examples=60, deadline=None)
@given(seeds)
def test_observations_are_finite_float32(seed: int) -> None:
    """The portfolio part is finite and exactly what float32 can hold."""
    for played in play_market(seed, steps=10):
        part = portfolio_part(played.after, [bar.close for bar in played.following])
        assert len(part) == 1 + 3 * len(played.actions)
        assert [struct.unpack("<f", struct.pack("<f", value))[0] for value in part] == part


@settings(max_examples=80, deadline=None)
@given(
    scheme=st.sampled_from(ActionScheme),
    weight=st.integers(1, 10_000),
    increment=st.integers(1, 10_000),
    leverage=st.sampled_from([1, 3]),
    close=st.integers(1, 10**6),
    unit=st.integers(1, 10**4),
)
def test_an_exit_is_always_expressible(
    scheme: ActionScheme, weight: int, increment: int, leverage: int, close: int, unit: int
) -> None:
    """In every scheme some sequence of actions leads from any position to a flat account."""
    chosen = SimulationSettings(
        initial_cash=10**10,
        scheme=scheme,
        increment=increment,
        leverage=leverage,
        allow_short=leverage > 1,
        slippage=0,
        threshold=0,
        soft_margin=10_000,
        hard_margin=10_000,
        maintenance_margin=0,
    )
    account = Account.opened([AssetTerms(unit)], 10**10)
    memory = RewardState(10**10)
    bar = AssetBar(close, close, close, close)
    side = -1 if leverage > 1 and weight % 2 else 1
    advance(account, memory, [side * weight / 10_000], ([bar], [bar]), chosen)
    leave = {
        ActionScheme.TARGET_WEIGHT: 0.0,
        ActionScheme.THRESHOLD: -float(side),
        ActionScheme.INCREMENT: -float(side),
    }[scheme]
    for _ in range(10_000 // increment + 2):
        if account.lots == (0,):
            break
        plan = plan_changes([leave], account, [bar], chosen)
        assert abs(account.lots[0] + plan.changes[0]) <= abs(account.lots[0])
        advance(account, memory, [leave], ([bar], [bar]), chosen)
    assert account.lots == (0,)
