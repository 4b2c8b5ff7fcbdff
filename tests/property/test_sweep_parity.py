"""A sweep equals single backtests of its rules: trades and money exactly, figures to 1e-9."""

from __future__ import annotations

import dataclasses
from decimal import Decimal
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from mettle import _native
from mettle.adapters.features.native import NativeFeatures
from mettle.adapters.simulation.native_engine import NativeEngine
from mettle.adapters.simulation.native_sweep import Level, NativeSweep
from mettle.application.market import MarketPanel
from mettle.application.ports.backtest_engine import EngineRun
from mettle.application.ports.sweep_engine import SweepFigures
from mettle.application.strategies import EmaCross
from mettle.domain.errors import DataError, InvalidValue
from mettle.domain.market import FeeSchedule, Instrument, Symbol, Timeframe
from mettle.domain.performance.drawdown import max_drawdown
from mettle.domain.performance.returns import simple_returns
from mettle.domain.simulation.settings import ActionScheme, Execution, SimulationSettings

HOUR = 3_600_000
START = 40
LEVELS = cast("list[Level]", _native.sweep_levels())


@dataclasses.dataclass(frozen=True)
class World:
    """How a random market is drawn."""

    seed: int
    bars: int = 300
    volatility: float = 0.02
    ticks: int = 4_000
    gaps: float = 0.0
    perpetual: bool = False
    least: str = "0"


worlds = st.builds(
    World,
    seed=st.integers(0, 2**32),
    bars=st.sampled_from([60, 300]),
    volatility=st.sampled_from([0.002, 0.02, 0.15]),
    ticks=st.sampled_from([12, 4_000, 10**8]),
    gaps=st.sampled_from([0.0, 0.0, 0.1]),
    perpetual=st.booleans(),
    least=st.sampled_from(["0", "0.5", "50"]),
)

rules_of_play = st.builds(
    lambda leverage, **fields: SimulationSettings(
        leverage=leverage, allow_short=leverage > 1, gross_limit=10_000 * leverage, **fields
    ),
    leverage=st.sampled_from([1, 1, 1, 1, 3]),
    initial_cash=st.sampled_from([10**9, 10**12, 10**15, 10**16]),
    max_weight=st.sampled_from([3_333, 9_999, 10_000, 10_000]),
    scheme=st.sampled_from([ActionScheme.TARGET_WEIGHT] * 4 + list(ActionScheme)),
    execution=st.sampled_from([Execution.TAKER] * 3 + [Execution.MAKER]),
    rebalance_band=st.sampled_from([0, 0, 300, 2_000]),
    slippage=st.sampled_from([0, 500, 20_000]),
    stop_loss=st.sampled_from([0, 0, 0, 20_000]),
    trailing_stop=st.sampled_from([0, 0, 0, 30_000]),
    participation=st.sampled_from([0, 0, 0, 100_000]),
    ruin_level=st.sampled_from([0, 8_000]),
)


def make_panel(world: World) -> MarketPanel:
    """Return one market's random bars, with gaps and funding where the world has them."""
    rng = np.random.default_rng(world.seed)
    bars = world.bars
    walk = np.exp(np.cumsum(rng.standard_t(3, bars) * world.volatility))
    close = np.clip(np.rint(world.ticks * walk), 1, 10**11).astype(np.int64)
    gapped = np.rint(close * np.exp(rng.normal(0, world.volatility / 3, bars)))
    opening = np.concatenate([close[:1], np.clip(gapped[:-1], 1, 10**11).astype(np.int64)])
    missing = (rng.random(bars) < world.gaps) & (np.arange(bars) > 1)
    for t in np.flatnonzero(missing):
        opening[t] = close[t] = close[t - 1]
    reach = np.rint(np.abs(rng.normal(0, world.volatility, (2, bars))) * close).astype(np.int64)
    high = np.maximum(opening, close) + np.where(missing, 0, reach[0])
    low = np.maximum(1, np.minimum(opening, close) - np.where(missing, 0, reach[1]))
    volume = np.where(missing, 0, rng.integers(0, 50_000, bars))
    rates = np.where(rng.random((2, bars)) < 0.1, rng.integers(-90_000, 90_000, (2, bars)), 0)
    instrument = Instrument(
        Symbol("A", "USDT", "USDT" if world.perpetual else ""),
        tick_size=Decimal("0.01"),
        lot_size=Decimal("0.001"),
        fees=FeeSchedule.flat(200, 1_000),
        min_notional=Decimal(world.least),
    )
    columns = [opening, high, low, close, volume, np.where(missing, 0, 1).astype(np.uint8)]
    columns += [one * world.perpetual for one in rates]
    whole: list[Any] = [np.ascontiguousarray(one[:, None]) for one in columns]
    return MarketPanel(
        Timeframe.parse("1h"),
        (instrument,),
        HOUR * np.arange(bars, dtype=np.int64),
        *whole,
    )


def rules(seed: int, short: bool, count: int) -> list[EmaCross]:
    """Return random pairs that are warm at bar ``START`` of a world with gaps."""
    rng = np.random.default_rng(seed)
    slow = rng.integers(2, 21, count)
    return [EmaCross(int(rng.integers(1, one)), int(one), short) for one in slow]


def single(panel: MarketPanel, rule: EmaCross, play: SimulationSettings) -> EngineRun:
    """Backtest one rule."""
    table = NativeFeatures(1).table(panel, rule.feature_set)
    return NativeEngine().run(panel, table, rule, play, START, len(panel))


def compare(found: SweepFigures, number: int, run: EngineRun, panel: MarketPanel) -> None:
    """Hold one rule's figures against its backtest."""
    unit = 10**8 // 100 // 1000
    fills = run.fills
    worth = sum(
        lots * ticks * unit
        for lots, ticks in zip(fills["lots"].tolist(), fills["ticks"].tolist(), strict=True)
    )
    nav = run.equity / run.equity[0]
    returns = simple_returns(nav)
    assert found.equity[number] == run.equity[-1]
    assert found.fees[number] == fills["fee"].sum()
    assert found.fills[number] == len(fills)
    assert found.ruined_at[number] == run.ruined_at
    assert found.turnover[number] == float(worth)
    assert found.mean[number] == pytest.approx(returns.mean(), rel=1e-9, abs=1e-13)
    assert found.deviation[number] == pytest.approx(returns.std(ddof=1), rel=1e-9, abs=1e-13)
    assert found.drawdown[number] == pytest.approx(max_drawdown(nav), rel=1e-9, abs=1e-13)


@given(world=worlds, play=rules_of_play, short=st.booleans(), count=st.sampled_from([1, 5, 19]))
@example(world=World(1, perpetual=True), play=SimulationSettings(), short=False, count=19)
@example(world=World(2, ticks=10**8), play=SimulationSettings(), short=False, count=19)
@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_equals_single_backtests(
    world: World, play: SimulationSettings, short: bool, count: int
) -> None:
    """Every level of instructions gives each rule what its own backtest gives."""
    panel, wanted = make_panel(world), rules(world.seed, short, count)
    try:
        runs = [single(panel, rule, play) for rule in wanted]
    except InvalidValue:
        for level in LEVELS:
            with pytest.raises(InvalidValue, match="64 bits"):
                NativeSweep(1, level).sweep(panel, wanted, play, START, len(panel))
        return
    for level in LEVELS:
        found = NativeSweep(1, level).sweep(panel, wanted, play, START, len(panel))
        for number, run in enumerate(runs):
            compare(found, number, run, panel)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("threads", [2, 3, 7])
def test_threads_change_nothing(level: Level, threads: int) -> None:
    """All figures are the same bits for any number of threads."""
    panel = make_panel(World(3, bars=2_000, ticks=10**6))
    wanted = rules(5, False, 100)
    one = NativeSweep(1, level).sweep(panel, wanted, SimulationSettings(), START, len(panel))
    many = NativeSweep(threads, level).sweep(panel, wanted, SimulationSettings(), START, len(panel))
    assert one.fills.sum() > 1_000
    for field in dataclasses.fields(one):
        assert np.array_equal(getattr(one, field.name), getattr(many, field.name))


def test_levels_agree_on_money() -> None:
    """The whole-number figures of a long sweep are the same on every level."""
    panel = make_panel(World(4, bars=3_000, ticks=10**7, volatility=0.005))
    wanted, play = rules(6, False, 40), SimulationSettings(initial_cash=10**15)
    found = [NativeSweep(1, one).sweep(panel, wanted, play, START, 3_000) for one in LEVELS]
    assert found[0].fills.sum() > 1_000
    for other in found[1:]:
        for name in ("equity", "fees", "fills", "turnover", "mean", "deviation", "drawdown"):
            assert np.array_equal(getattr(found[0], name), getattr(other, name))


def test_refuses_what_it_cannot_play() -> None:
    """Warm-ups, stretches, mixed rules and unknown levels are refused by name."""
    panel, engine, play = make_panel(World(0)), NativeSweep(1), SimulationSettings()
    with pytest.raises(DataError, match="warm-up: 41 bars came up to it, 50 are needed"):
        engine.sweep(panel, [EmaCross(3, 50)], play, START, 300)
    with pytest.raises(DataError, match="at least two"):
        engine.sweep(panel, [EmaCross(3, 7)], play, 299, 300)
    with pytest.raises(InvalidValue, match="all of them short or none"):
        engine.sweep(panel, [EmaCross(3, 7), EmaCross(3, 8, True)], play, START, 300)
    with pytest.raises(InvalidValue, match="one rule or more"):
        engine.sweep(panel, [], play, START, 300)
    with pytest.raises(InvalidValue, match="this machine has no level sse"):
        NativeSweep(1, "sse").sweep(panel, [EmaCross(3, 7)], play, START, 300)  # type: ignore[arg-type]
