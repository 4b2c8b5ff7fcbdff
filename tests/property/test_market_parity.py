"""The native market equals the plain Python reference: money exactly, floats to the bit.

Both use the same libm on one machine, so that rewards and observations agree to the bit too.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mettle.adapters.simulation.market_batch import BatchSettings, MarketBatch
from mettle.adapters.simulation.native_engine import NativeEngine
from mettle.adapters.simulation.reference import ReferenceEngine
from mettle.application.market import MarketPanel, asset_bars, asset_terms
from mettle.application.ports.feature_builder import FeatureTable
from mettle.domain.errors import InvalidValue
from mettle.domain.market import FeeSchedule, Instrument, Symbol, Timeframe
from mettle.domain.signals.features import FeatureSet, FeatureSpec
from mettle.domain.simulation import (
    Account,
    RewardState,
    advance,
    allowed_starts,
    episode_start,
    portfolio_part,
)
from mettle.domain.simulation.settings import (
    ActionScheme,
    Execution,
    RewardKind,
    SimulationSettings,
    StopKind,
)
from numpy.typing import NDArray

HOUR = 3_600_000
INDEX_FEATURE = FeatureSet((FeatureSpec("close_open"),))
QUICK = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])

simulation_settings = st.builds(
    lambda margin, **fields: SimulationSettings(
        **{
            **fields,
            "leverage": margin[0],
            "allow_short": margin[1] and margin[0] > 1,
            "gross_limit": min(fields["gross_limit"], margin[0] * 10_000),
            "hard_margin": max(fields["soft_margin"], fields["hard_margin"]),
        }
    ),
    margin=st.tuples(st.sampled_from([1, 1, 2, 5, 20]), st.booleans()),
    initial_cash=st.sampled_from([10**9, 10**12, 3 * 10**14]),
    scheme=st.sampled_from(ActionScheme),
    max_weight=st.sampled_from([2_500, 10_000, 50_000]),
    gross_limit=st.sampled_from([5_000, 10_000, 30_000]),
    threshold=st.sampled_from([0, 3_000]),
    increment=st.sampled_from([1, 2_500, 10_000]),
    rebalance_band=st.sampled_from([0, 0, 300]),
    participation=st.sampled_from([0, 0, 100_000]),
    execution=st.sampled_from(Execution),
    slippage=st.sampled_from([0, 500, 20_000]),
    maker_offset=st.sampled_from([0, 1_000]),
    maker_wait=st.sampled_from([120, 3600]),
    stop_loss=st.sampled_from([0, 0, 20_000, 100_000]),
    trailing_stop=st.sampled_from([0, 0, 30_000]),
    stop_kind=st.sampled_from(StopKind),
    stop_limit_offset=st.sampled_from([0, 5_000]),
    maintenance_margin=st.sampled_from([0, 5_000, 300_000]),
    liquidation_fee=st.sampled_from([0, 5_000]),
    soft_margin=st.sampled_from([3_000, 8_000]),
    hard_margin=st.sampled_from([3_000, 9_000]),
    ruin_level=st.sampled_from([0, 1_000, 8_000]),
    reward=st.sampled_from(RewardKind),
    reward_halflife=st.sampled_from([1, 16, 256]),
    turnover_penalty=st.sampled_from([0, 1_000]),
    drawdown_penalty=st.sampled_from([0, 100_000]),
)


@dataclass(frozen=True)
class World:
    """How a random market is drawn."""

    seed: int
    assets: int
    bars: int
    volatility: float
    ticks: int
    gaps: float
    perpetual: bool


# The settings for which the native step has code of its own, without branches.
plain_settings = st.builds(
    SimulationSettings,
    initial_cash=st.sampled_from([10**9, 10**12, 3 * 10**14, 10**16]),
    max_weight=st.sampled_from([2_500, 10_000, 50_000]),
    gross_limit=st.sampled_from([5_000, 10_000]),
    rebalance_band=st.sampled_from([0, 0, 0, 300]),
    slippage=st.sampled_from([0, 500, 20_000]),
    stop_loss=st.sampled_from([0, 0, 0, 20_000]),
    ruin_level=st.sampled_from([0, 8_000]),
    turnover_penalty=st.sampled_from([0, 1_000]),
)


worlds = st.builds(
    World,
    seed=st.integers(0, 2**32),
    assets=st.integers(1, 5),
    bars=st.integers(8, 60),
    volatility=st.sampled_from([0.002, 0.02, 0.15]),
    ticks=st.sampled_from([12, 4_000, 10**8]),
    gaps=st.sampled_from([0.0, 0.0, 0.1]),
    perpetual=st.booleans(),
)


plain_worlds = st.builds(
    World,
    seed=st.integers(0, 2**32),
    assets=st.sampled_from([1, 2, 3, 4, 4, 6]),
    bars=st.integers(8, 60),
    volatility=st.sampled_from([0.002, 0.02, 0.15]),
    ticks=st.sampled_from([12, 4_000, 10**8]),
    gaps=st.just(0.0),
    perpetual=st.just(False),
)


def make_panel(world: World) -> MarketPanel:
    """Return random bars with gaps, empty bars and funding."""
    rng = np.random.default_rng(world.seed)
    shape = (world.bars, world.assets)
    walk = np.exp(np.cumsum(rng.standard_t(3, shape) * world.volatility, axis=0))
    close = np.clip(np.rint(world.ticks * walk), 1, 10**11).astype(np.int64)
    gapped = np.rint(close * np.exp(rng.normal(0, world.volatility / 3, shape)))
    opening = np.concatenate([close[:1], np.clip(gapped[:-1], 1, 10**11).astype(np.int64)])
    spread = np.abs(rng.normal(0, world.volatility, (2, *shape)))
    high = np.rint(np.maximum(opening, close) * (1 + spread[0])).astype(np.int64)
    low = np.maximum(1, np.rint(np.minimum(opening, close) * (1 - spread[1]))).astype(np.int64)
    volume = rng.integers(0, 50_000, shape)
    state = rng.choice([1, 1, 1, 2], shape).astype(np.uint8)
    missing = rng.random(shape) < world.gaps
    missing[:2] = False
    for t in range(1, world.bars):
        for array in (opening, high, low, close):
            array[t, missing[t]] = close[t - 1, missing[t]]
    volume[missing] = 0
    state[missing] = 0
    rates = np.where(rng.random((2, *shape)) < 0.2, rng.integers(-90_000, 90_000, (2, *shape)), 0)
    rates = rates * world.perpetual
    return MarketPanel(
        Timeframe.parse("1h"),
        tuple(_instrument(world, i) for i in range(world.assets)),
        HOUR * np.arange(world.bars, dtype=np.int64),
        opening,
        high,
        low,
        close,
        volume,
        state,
        np.ascontiguousarray(rates[0]),
        np.ascontiguousarray(rates[1]),
    )


def _instrument(world: World, index: int) -> Instrument:
    settle = "USDT" if world.perpetual else ""
    return Instrument(
        Symbol(f"A{index}", "USDT", settle),
        tick_size=Decimal("0.01"),
        lot_size=[Decimal("0.001"), Decimal("0.5"), Decimal("0.000001")][index % 3],
        fees=FeeSchedule.flat(200 + index, 1_000 - index),
        min_notional=[Decimal(0), Decimal("0.5")][index % 2],
    )


def make_actions(world: World, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Return actions in [−1, 1], with corners, NaN, infinities and values out of range."""
    rng = np.random.default_rng(world.seed + 1)
    odd = np.array([np.nan, np.inf, -np.inf, 1.5, -1.0001, 1.0, -1.0, 0.0, -0.0, 0.3, -0.3])
    plain = rng.uniform(-1, 1, shape)
    return np.where(rng.random(shape) < 0.2, rng.choice(odd, shape), plain).astype(np.float32)


class Playback:
    """Plays given actions, found by the bar's number among the features; keeps what it saw."""

    name = "playback"
    feature_set = INDEX_FEATURE
    window = 1

    def __init__(self, actions: NDArray[np.float32]) -> None:
        self.actions = actions
        self.seen: list[bytes] = []

    def decide(
        self, features: NDArray[np.float64], portfolio: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Return the row of the bar."""
        self.seen.append(portfolio.tobytes())
        return np.asarray(self.actions[int(features[-1, 0, 0])])


def numbered(panel: MarketPanel) -> FeatureTable:
    """Return a table whose one feature is the bar's number."""
    values = np.broadcast_to(
        np.arange(len(panel), dtype=np.float64)[:, None, None], (*panel.close.shape, 1)
    )
    return FeatureTable(INDEX_FEATURE, np.ascontiguousarray(values), ~panel.missing, 0)


@QUICK
@given(world=worlds, chosen=simulation_settings)
def test_backtests_agree_exactly(world: World, chosen: SimulationSettings) -> None:
    """Cash, lots, equity, funding, fills, ruin and the portfolio part of every observation."""
    panel, actions = make_panel(world), make_actions(world, (world.bars, world.assets))
    plain, fast = Playback(actions), Playback(actions)
    table = numbered(panel)
    expected = ReferenceEngine().run(panel, table, plain, chosen, 1, len(panel))
    found = NativeEngine().run(panel, table, fast, chosen, 1, len(panel))
    assert found.fills.tolist() == expected.fills.tolist()
    for name in ("cash", "lots", "funding", "equity"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), name)
    np.testing.assert_array_equal(found.actions, expected.actions)
    assert found.ruined_at == expected.ruined_at
    assert fast.seen == plain.seen


class ReferenceEnvironment:
    """One environment in plain Python, as the document describes it."""

    def __init__(
        self, panel: MarketPanel, chosen: SimulationSettings, batch: BatchSettings, number: int
    ) -> None:
        self.panel, self.chosen, self.batch, self.number = panel, chosen, batch, number
        blocks = panel.blocks()
        self.last_of = {t: block.stop - 1 for block in blocks for t in range(*block)}
        valid = [not bool(row.any()) for row in panel.missing]
        self.starts = allowed_starts(blocks, valid, batch.window)
        self.terms = asset_terms(panel)
        self.episode = -1
        self.begin()

    def begin(self) -> None:
        """Begin the next episode."""
        self.episode += 1
        start = episode_start(self.starts, self.batch.seed, self.number, self.episode)
        self.bar, self.length, self.total = start, 0, 0.0
        self.account = Account.opened(self.terms, self.chosen.initial_cash)
        self.memory = RewardState(self.chosen.initial_cash)

    def portfolio(self) -> NDArray[np.float32]:
        """Return the portfolio part of the observation."""
        closes = self.panel.close[self.bar].tolist()
        return np.array(portfolio_part(self.account, closes), dtype=np.float32)

    def play(self, actions: NDArray[np.float32]) -> tuple[float, bool, bool]:
        """Advance by one bar; return reward, terminated and truncated."""
        wait = self.chosen.maker_wait
        bars = asset_bars(self.panel, self.bar, wait), asset_bars(self.panel, self.bar + 1, wait)
        result = advance(self.account, self.memory, actions.tolist(), bars, self.chosen)
        last = self.last_of[self.bar]
        self.bar += 1
        self.length += 1
        self.total += result.reward
        ended = self.bar == last or self.length == self.batch.episode_length
        return result.reward, result.ruined, ended and not result.ruined


def check_state(market: MarketBatch, index: int, plain: ReferenceEnvironment) -> None:
    """Compare one account."""
    state = market.state
    assert state["cash"][index] == plain.account.cash
    assert state["bar"][index] == plain.bar
    marks = ("high_water",) if plain.chosen.trailing_stop else ()  # nothing else reads them
    for name in ("lots", "basis", "bars_held", *marks):
        expected = [getattr(one, name) for one in plain.account.assets]
        assert state[name][index].tolist() == expected, name


@QUICK
@given(world=worlds, chosen=simulation_settings, length=st.sampled_from([0, 1, 7]))
def test_environments_agree_to_the_bit(
    world: World, chosen: SimulationSettings, length: int
) -> None:
    """Rewards, observations, ends and accounts of three environments over their episodes."""
    play_both(world, chosen, length)


@QUICK
@given(world=plain_worlds, chosen=plain_settings, length=st.sampled_from([0, 7]), odd=st.booleans())
def test_the_plain_market_agrees_to_the_bit(
    world: World, chosen: SimulationSettings, length: int, *, odd: bool
) -> None:
    """The same where the native step takes its short way, with and without actions that hold.

    Nine environments are two registers of them and a rest.
    """
    play_both(world, chosen, length, odd=odd, environments=9, steps=10)


def play_both(
    world: World,
    chosen: SimulationSettings,
    length: int,
    *,
    odd: bool = True,
    environments: int = 3,
    steps: int = 25,
) -> None:
    """Play both markets side by side and compare everything after every step."""
    panel = make_panel(world)
    batch = BatchSettings(
        environments, world.seed, length, threads=2, gaps="segment", first_environment=5
    )
    features = np.random.default_rng(world.seed).normal(size=(*panel.close.shape, 2))
    scaled = features.astype(np.float32)
    market = MarketBatch(panel, scaled, ~panel.missing, chosen, batch)
    plain = [ReferenceEnvironment(panel, chosen, batch, 5 + e) for e in range(environments)]
    output = market.reset(world.seed)
    played = make_actions(world, (steps, environments, world.assets))
    if not odd:
        played = np.clip(np.nan_to_num(played), -1, 1)
    for actions in played:
        for index, one in enumerate(plain):
            expected = np.concatenate([one.portfolio(), scaled[one.bar].ravel()])
            assert output.observations[index].tobytes() == expected.tobytes()
            check_state(market, index, one)
        output = market.step(actions)
        for index, one in enumerate(plain):
            reward, terminated, truncated = one.play(actions[index])
            assert output.rewards[index].tobytes() == np.float32(reward).tobytes()
            assert (output.terminated[index], output.truncated[index]) == (terminated, truncated)
            assert output.done[index] == (terminated or truncated)
            if output.done[index]:
                last = np.concatenate([one.portfolio(), scaled[one.bar].ravel()])
                assert market.finished.observations[index].tobytes() == last.tobytes()
                assert market.finished.returns[index] == one.total
                assert market.finished.lengths[index] == one.length
                one.begin()


@pytest.mark.parametrize("engine", [NativeEngine(), ReferenceEngine()])
def test_both_refuse_amounts_beyond_64_bits(engine: NativeEngine | ReferenceEngine) -> None:
    """A price that explodes under a large position is an error, never a wrong number."""
    world = World(1, 1, 8, 0.0, 1000, 0.0, perpetual=False)
    panel = make_panel(world)
    prices = np.array(panel.close)
    prices[4:] = 10**11
    panel = MarketPanel(
        panel.timeframe, panel.instruments, panel.open_time, *(prices,) * 4, panel.volume,
        panel.state, panel.funding_open, panel.funding_inside,
    )  # fmt: skip
    chosen = SimulationSettings(initial_cash=2**56)
    agent = Playback(np.ones((8, 1), dtype=np.float32))
    with pytest.raises(InvalidValue, match="64 bits"):
        engine.run(panel, numbered(panel), agent, chosen, 1, 8)
