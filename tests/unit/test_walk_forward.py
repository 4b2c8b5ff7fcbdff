"""Walk-forward: windows that no agent was trained on, one account through all of them."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from mettle.adapters.simulation.reference import ReferenceEngine
from mettle.application.backtest import (
    BacktestRequest,
    BacktestResult,
    Provenance,
    WalkForward,
    Window,
    run_walk_forward,
)
from mettle.application.ports.agent import Agent
from mettle.domain.errors import DataError, InvalidValue
from mettle.domain.simulation import SimulationSettings
from tests.support.backtests import CloseFeatures, SeededRandomness, Swinger, small_panel


def walked(plan: WalkForward, retrain: object = None, **more: object) -> BacktestResult:
    """Walk the swinger forward over a small panel."""
    given: dict[str, object] = {
        "panel": small_panel(600),
        "agent": Swinger(),
        "settings": SimulationSettings(rebalance_band=200),
        "resamples": 0,
    }
    return run_walk_forward(
        BacktestRequest(**(given | more)),  # type: ignore[arg-type]  # named by the caller
        plan,
        CloseFeatures(),
        ReferenceEngine(),
        SeededRandomness(),
        retrain,  # type: ignore[arg-type]  # a callable or None
    )


def test_rolling_windows_by_hand() -> None:
    """Training rolls along; the remainder joins the last window."""
    plan = WalkForward(train=100, test=50, purge=5, embargo=2)
    assert plan.windows(10, 240) == (
        Window(10, 110, 117, 167),
        Window(60, 160, 167, 240),
    )


def test_anchored_windows_by_hand() -> None:
    """Training always begins at the first bar; half a window stands on its own."""
    plan = WalkForward(train=100, test=50, anchored=True)
    assert plan.windows(0, 226) == (
        Window(0, 100, 100, 150),
        Window(0, 150, 150, 200),
        Window(0, 200, 200, 226),
    )


def test_no_window_tests_what_it_trains_on() -> None:
    """Purge and embargo lie between; tests touch and never overlap."""
    plan = WalkForward(train=90, test=37, purge=11, embargo=4)
    found = plan.windows(13, 500)
    for one in found:
        assert one.train_stop + 15 == one.start
        assert one.train_stop - one.train_start == 90
    for before, after in itertools.pairwise(found):
        assert before.stop == after.start
    assert found[-1].stop == 500


@pytest.mark.parametrize("wrong", [{"train": 0}, {"test": 1}, {"purge": -1}, {"embargo": -1}])
def test_impossible_plans_are_refused(wrong: dict[str, Any]) -> None:
    """Lengths are at least one, and two to mark a return."""
    with pytest.raises(InvalidValue, match="walk-forward"):
        WalkForward(**({"train": 10, "test": 10} | wrong))


def test_a_period_without_a_window_is_refused() -> None:
    """The message says how many bars one window needs."""
    with pytest.raises(DataError, match="one window needs 700"):
        walked(WalkForward(train=500, test=200))


def test_one_account_runs_through_all_windows() -> None:
    """Each starts with what the last left, flat, and ends flat with costs."""
    result = walked(WalkForward(train=100, test=100))
    run = result.run
    assert [(one.start, one.stop) for one in result.windows] == [
        (103, 204), (203, 304), (303, 404), (403, 504), (503, 600),
    ]  # fmt: skip
    assert (run.start, run.stop, len(run.equity)) == (103, 600, 497)
    for window in result.windows:
        mark = window.stop - 1 - run.start
        assert not run.lots[mark].any()
        assert run.cash[mark] == run.equity[mark]
    growth = np.prod([1.0 + one.total_return for one in result.windows])
    assert growth == pytest.approx(run.equity[-1] / run.equity[0])
    assert sum(one.trades for one in result.windows) == len(result.trades)
    assert result.trades["net"].sum() == run.equity[-1] - run.equity[0]


def test_seams_cost_money() -> None:
    """Selling out and buying back is paid for."""
    many = walked(WalkForward(train=100, test=20))
    few = walked(WalkForward(train=100, test=497))
    assert len(few.windows) == 1
    assert many.costs.fee > few.costs.fee


def test_retraining_sees_only_its_window() -> None:
    """Each window's agent is trained on the bars before it, and named."""
    seen: list[tuple[int, int]] = []
    panel = small_panel(600)

    def retrain(start: int, stop: int) -> tuple[Agent, Provenance]:
        seen.append((start, stop))
        until = int(panel.open_time[stop])
        known = Provenance(f"hash{len(seen)}", int(panel.open_time[start]), until)
        return Swinger(weight=0.1 * len(seen), name=f"swinger{len(seen)}"), known

    result = walked(WalkForward(train=200, test=120, purge=4), retrain, panel=panel)
    assert seen == [(3, 203), (123, 323), (243, 443)]
    assert [one.agent for one in result.windows] == ["swinger1", "swinger2", "swinger3"]
    assert [one.agent_hash for one in result.windows] == ["hash1", "hash2", "hash3"]


def test_a_trainer_that_peeks_is_refused() -> None:
    """An agent that saw its own test window does not pass."""
    panel = small_panel(600)

    def retrain(start: int, stop: int) -> tuple[Agent, Provenance]:
        return Swinger(), Provenance("x", int(panel.open_time[start]), int(panel.open_time[-1]))

    with pytest.raises(InvalidValue, match="trained on bars up to"):
        walked(WalkForward(train=200, test=120), retrain, panel=panel)


def test_one_trained_model_is_judged_after_its_training_only() -> None:
    """Without retraining the windows begin after the model's own bars."""
    panel = small_panel(600)
    known = Provenance("m", int(panel.open_time[0]), int(panel.open_time[300]))
    result = walked(WalkForward(train=50, test=50), panel=panel, provenance=known)
    assert result.windows[0].start == 350


def test_a_ruined_account_stops() -> None:
    """Nothing is left to trade with: the later windows are not played, and that is said."""
    panel = small_panel(600, ("BTC/USDT:USDT",))
    close, low = panel.close.copy(), panel.low.copy()
    open_, high = panel.open.copy(), panel.high.copy()
    for bar in range(150, 600):  # an asset that falls to nothing
        close[bar] = open_[bar] = high[bar] = low[bar] = 1
    open_[150], high[150] = close[149], close[149]
    panel = replace(panel, open=open_, high=high, low=low, close=close)
    result = walked(
        WalkForward(train=50, test=120),
        panel=panel,
        agent=Swinger(weight=1.0),
        settings=SimulationSettings(
            leverage=10, gross_limit=100_000, max_weight=100_000, maintenance_margin=0
        ),
    )
    assert result.run.equity[-1] <= 0
    assert len(result.windows) == 1
    assert any("ruined" in one for one in result.warnings)
