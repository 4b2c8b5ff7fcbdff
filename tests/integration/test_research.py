"""Cross-validation, stress and look-ahead over rule strategies and a small policy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mettle.adapters.features.native import NativeFeatures
from mettle.adapters.market_data.synthetic import CalibratedSyntheticMarket, synthetic_panel
from mettle.adapters.simulation.native_engine import NativeEngine
from mettle.adapters.system import PhiloxRandomness
from mettle.application.backtest import BacktestRequest, WalkForward
from mettle.application.ports.agent import Agent
from mettle.application.research import (
    SCENARIOS,
    Ground,
    StressTools,
    Tools,
    best_on,
    cross_validate,
    expand_grid,
    find_decision_leaks,
    judge_family,
    run_stress,
)
from mettle.application.strategies import EmaCross
from mettle.domain.errors import DataError, InvalidValue, NotFound
from mettle.domain.performance.selection import CombinatorialPurged, Span
from mettle.domain.signals.features import FeatureSet
from mettle.domain.simulation import SimulationSettings
from mettle.entrypoints.workspace import Workspace, open_workspace
from numpy.typing import NDArray

TOOLS = Tools(NativeFeatures(1), NativeEngine(), PhiloxRandomness(5))


def _request(bars: int = 1500, **more: Any) -> BacktestRequest:  # noqa: ANN401  fields of the request
    request = BacktestRequest(
        synthetic_panel(2, assets=1, bars=bars), EmaCross(5, 20), SimulationSettings(), resamples=50
    )
    return replace(request, **more)


def _ground(agents: Sequence[Agent], **more: Any) -> Ground:  # noqa: ANN401  the same
    return Ground.of(_request(**more), agents, TOOLS)


def test_every_block_begins_and_ends_flat_with_costs() -> None:
    """A path is its groups played one by one; getting out of the last position is paid for."""
    agents = expand_grid("ema-cross", {"fast": [3, 8], "slow": [20, 40]})
    ground = _ground(agents)
    plan = CombinatorialPurged(horizon=1, lookback=ground.lookback(agents[-1]), embargo=5)
    found = cross_validate(ground, plan, best_on(ground, agents))
    assert (len(found.splits), len(found.paths)) == (15, 5)
    by_name = {one.name: one for one in agents}
    spans = plan.group_spans(ground.first, ground.stop)
    for path, chosen in zip(found.paths, plan.paths(), strict=True):
        pieces = [
            ground.play(by_name[found.splits[split].agent], spans[group]).returns
            for group, split in enumerate(chosen)
        ]
        np.testing.assert_array_equal(path.returns, np.concatenate(pieces))
        assert path.returns.size == ground.stop - ground.first - 6
        assert path.total_return == pytest.approx(np.prod(1.0 + path.returns) - 1.0)
    held = next(
        one
        for one in range(ground.first + 50, ground.stop)
        if _holds_at_end(ground, agents[0], one)
    )
    short = ground.play(agents[0], Span(ground.first, held)).returns
    long = ground.play(agents[0], Span(ground.first, held + 1)).returns
    np.testing.assert_array_equal(short[:-1], long[: short.size - 1])
    fee = ground.panel.instruments[0].fees.tiers[0].taker_ppm / 1e6
    assert short[-1] < long[short.size - 1] - 0.9 * fee


def _holds_at_end(ground: Ground, agent: Agent, stop: int) -> bool:
    run = TOOLS.engine.run(
        ground.panel, ground.table(agent), agent, ground.settings, ground.first, stop + 1
    )
    return bool(run.lots[-1].any() and run.lots[-2].any() and run.lots[-3].any())


def test_learning_sees_the_training_blocks_alone() -> None:
    """What a way of learning is given is what the plan left of each split."""
    ground = _ground([EmaCross(5, 20)])
    plan = CombinatorialPurged(horizon=10, lookback=19, embargo=7)
    seen: list[tuple[Span, ...]] = []

    def fit(training: tuple[Span, ...]) -> Agent:
        seen.append(training)
        return EmaCross(5, 20)

    done: list[tuple[int, int]] = []
    found = cross_validate(ground, plan, fit, lambda now, of: done.append((now, of)))
    assert seen == [one.training for one in plan.splits(ground.first, ground.stop)]
    assert done[-1] == (15, 15)
    assert len({path.returns.tobytes() for path in found.paths}) == 1
    assert found.training_share >= 0.5
    assert found.losing_paths in (0, 5)
    assert found.median_path.sharpe.interval is not None


def test_the_choice_is_the_best_in_training() -> None:
    """Among the members, on the blocks given."""
    agents = expand_grid("ema-cross", {"fast": [3, 8, 12], "slow": [20, 40]})
    ground = _ground(agents)
    span = Span(ground.first, ground.first + 600)
    chosen = best_on(ground, agents)((span, Span(ground.stop - 1, ground.stop)))
    scores = {one.name: ground.play(one, span).returns for one in agents}
    ratios = {name: one.mean() / one.std(ddof=1) for name, one in scores.items()}
    assert chosen.name == max(ratios, key=lambda name: ratios[name])


def test_a_family_counts_all_its_trials() -> None:
    """Also those that others started on the same bars."""
    agents = expand_grid("ema-cross", {"fast": [3, 8], "slow": [20, 40]})
    ground = _ground(agents)
    verdict = judge_family(ground, agents, started=40)
    assert verdict.started == 40
    assert verdict.completed == 4
    assert verdict.sharpe.interval is not None
    assert verdict.words.startswith("not distinguishable from luck: 40 trials")


def test_grids_leave_out_what_the_strategy_refuses() -> None:
    """Fast above slow; nothing left is an error, too much as well."""
    assert len(expand_grid("ema-cross", {"fast": [5, 30], "slow": [20, 40]})) == 3
    with pytest.raises(InvalidValue, match="below slow"):
        expand_grid("ema-cross", {"fast": [50], "slow": [20]})
    with pytest.raises(InvalidValue, match="combinations"):
        expand_grid("ema-cross", {"fast": range(200), "slow": range(200)})


@dataclass(frozen=True, slots=True)
class Prophet:
    """Decides many bars at once, and looks one ahead."""

    name: str = "prophet"
    feature_set: FeatureSet = EmaCross(5, 20).feature_set
    window: int = 1

    def decide(
        self, features: NDArray[np.float64], portfolio: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Return what it would without its gift."""
        row: NDArray[np.float32] = self.decide_batch(features)[-1]
        return row

    def decide_batch(self, features: NDArray[np.float64]) -> NDArray[np.float32]:
        """Buy where the next average is higher."""
        later = np.concatenate((features[1:, :, 0], features[-1:, :, 0]))
        return (later > features[..., 0]).astype(np.float32)


def test_an_agent_that_peeks_is_found() -> None:
    """Its last decision before a cut differs; an honest one's never does."""
    ground = _ground([EmaCross(5, 20)])
    leaks = find_decision_leaks(ground, Prophet(), cuts=6)
    assert leaks
    assert leaks[0].bar == leaks[0].cut - 1
    assert "prophet decides" in str(leaks[0])
    assert find_decision_leaks(ground, EmaCross(5, 20)) == ()


def test_every_scenario_is_what_it_says() -> None:
    """Dearer costs, deeper falls, missing bars, other markets; the base is the period as it was."""
    tools = StressTools(TOOLS, CalibratedSyntheticMarket())
    request = _request(bars=1200)
    found = {one.scenario.name: one.result for one in run_stress(request, tools)}
    assert set(found) == set(SCENARIOS)
    base = found["base"]
    assert base.panel.data_hash == request.panel.data_hash
    assert found["fees"].costs.fee > base.costs.fee * 19 / 10
    assert found["slippage"].settings.slippage == 3 * base.settings.slippage
    fallen = found["crash"].panel.close[-1, 0] / base.panel.close[-1, 0]
    assert fallen == pytest.approx(0.6, rel=1e-3)
    moved = found["crash"].panel
    np.testing.assert_array_equal(moved.open[1:], moved.close[:-1])
    assert found["outages"].panel.missing.any()
    assert any("held through" in one for one in found["outages"].warnings)
    growth = np.log(base.panel.close[-1, 0] / base.panel.open[0, 0])
    for name, factor in (("calm", 0.5), ("wild", 2.0)):
        panel = found[name].panel
        assert np.log(panel.close[-1, 0] / panel.open[0, 0]) == pytest.approx(growth * factor, 1e-3)
    hashes = {one.panel.data_hash for one in found.values()}
    assert len(hashes) == len(SCENARIOS) - 2  # fees and slippage leave the bars alone
    jumps = found["jumps"].panel
    gaps = np.abs(np.log(jumps.open[1:, 0] / jumps.close[:-1, 0]))
    assert gaps.max() == pytest.approx(-np.log(0.95), rel=1e-3)
    assert found["martingale"].panel.symbols == request.panel.symbols


def test_unknown_scenarios_and_short_grounds_are_refused() -> None:
    """Each with its mend; the base is always there."""
    tools = StressTools(TOOLS, CalibratedSyntheticMarket())
    with pytest.raises(NotFound, match="no scenario 'flood'"):
        run_stress(_request(), tools, ["flood"])
    assert [one.scenario.name for one in run_stress(_request(300), tools, ["fees"])] == [
        "base",
        "fees",
    ]
    ground = _ground([EmaCross(5, 20)])
    with pytest.raises(DataError, match="cannot be cut"):
        find_decision_leaks(replace(ground, stop=ground.first + 3), EmaCross(5, 20))


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A workspace whose trainings are small."""
    return open_workspace(
        tmp_path / "bot",
        settings={
            "training.ppo.environments": 8,
            "training.ppo.rollout": 16,
            "training.ppo.batch_size": 64,
            "training.ppo.epochs": 1,
            "training.ppo.hidden": [4],
            "training.frames": 128,
            "training.episode_length": 32,
            "training.features": ["price_change"],
            "backtest.resamples": 20,
        },
    )


def test_a_model_is_trained_anew_in_every_split(workspace: Workspace) -> None:
    """With its own settings, on the blocks; the verdict is that of its median path."""
    data = workspace.data.synth(assets=1, bars=900)
    model = workspace.train(data, study="small").best()
    found = workspace.research.cpcv(model, data, groups=3, tested=1, frames=128)
    assert found.result.plan.horizon == 32
    assert len(found.result.splits) == 3
    assert found.members == 1
    assert found.verdict.bars == found.result.median_path.returns.size
    plan = WalkForward(train=300, test=250, purge=32)
    joined = workspace.research.walk_forward(model, data, plan=plan, frames=128)
    assert len(joined.windows) == 2
    assert workspace.research.lookahead(model, data, cuts=3).clean
    with pytest.raises(InvalidValue, match="has no grid"):
        workspace.research.cpcv(model, data, grid={"fast": [1]})


def test_a_strategy_chooses_anew_before_each_window(workspace: Workspace) -> None:
    """The windows name what was chosen; the settings' features know nothing of the future."""
    data = workspace.data.synth(assets=1, bars=900)
    grid = {"fast": [3, 8], "slow": [20, 40]}
    plan = WalkForward(train=300, test=200, purge=1)
    result = workspace.research.walk_forward("ema-cross", data, plan=plan, grid=grid)
    assert all(one.agent.startswith("ema-cross-") for one in result.windows)
    found = workspace.research.cpcv("ema-cross", data, grid=grid, trials=30)
    assert found.verdict.started == 30
    assert found.members == 4
    assert workspace.research.lookahead(None, data, cuts=3).clean
    names = [one.scenario.name for one in workspace.research.stress("ema-cross", data, ["crash"])]
    assert names == ["base", "crash"]
