"""The end of a study: one more training, and a hold-out that is opened once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from mettle.application.campaign.final import FinalMaker
from mettle.application.campaign.rules import RuleMaker
from mettle.application.learning.registry import ModelRecord, ModelStatus, Origin
from mettle.domain.errors import DataError, InvalidValue, MettleError, NotFound, NotRunning
from mettle.domain.market import Symbol, Timeframe
from mettle.entrypoints.campaign_container import CampaignContainer
from mettle.entrypoints.workspace import Workspace
from tests.support.campaigns import workspace_with_bars
from tests.support.inline import InlineRunner

_PPO: dict[str, object] = {
    "campaign__trials": 1,
    "campaign__folds": 2,
    "training__learner": "native",
    "training__frames": 1024,
    "training__episode_length": 32,
    "training__features": ["log_return(1)", "log_return(5)"],
    "training__ppo__environments": 16,
    "training__ppo__rollout": 16,
    "training__ppo__batch_size": 64,
    "training__ppo__hidden": [8],
}
_RULES: dict[str, object] = {"campaign__trials": 2, "campaign__folds": 2, "campaign__prune": False}


def refused(call: Callable[[], object], kind: type[MettleError]) -> MettleError:
    """Return the error that a call must raise."""
    with pytest.raises(kind) as found:
        call()
    return found.value


def record_of(workspace: Workspace, model_id: str) -> ModelRecord:
    """Return what the registry holds."""
    parts = CampaignContainer(resolved=workspace.resolved)
    try:
        return parts.registry().get(model_id)
    finally:
        parts.shutdown_resources()


def test_the_choice_is_trained_on_all_but_the_hold_out(tmp_path: Path) -> None:
    """The model has seen every bar before it, the figures are of the bars after, and it is kept."""
    with workspace_with_bars(tmp_path, 600, **_PPO) as workspace:
        workspace.studies.run("p", runner=InlineRunner())
        done = workspace.studies.finish("p", candidates=2)
        assert (done.model, done.trial, len(done.scores)) == ("p-final", 0, 2)
        assert done.scores[done.chosen] == max(done.scores)
        manifest = workspace.model("p-final").manifest
        bars = workspace.data.get(["SYN1/USDT"], "1h").panel.open_time
        assert manifest.period[1] == int(bars[480])
        assert manifest.digest == done.digest
        held = done.holdout
        assert held is not None
        assert held.measured_on == "hold-out, the last 20%, opened once"
        _, unseen = workspace.data.get(["SYN1/USDT"], "1h").split(int(bars[480]))
        asked = replace(workspace.trial("p-final", unseen), close_at_end=True)
        found = workspace.judge(asked)
        assert held.total_return == pytest.approx(found.nav[-1] - 1)
        # Five days: the backtest's figures are of a bar there, the registry's are always annual.
        assert found.sharpe is not None
        assert found.sharpe_interval is not None
        told = [held.sharpe_low, held.sharpe, held.sharpe_high]
        low, high = found.sharpe_interval
        assert told == pytest.approx([one * 8760**0.5 for one in (low, found.sharpe, high)])
        record = record_of(workspace, "p-final")
        assert record.status is ModelStatus.COMPLETED
        assert record.origin is Origin.TRAINING  # never garbage
        assert record.parents == ("p-0000.1",)
        assert record.figures == held


def test_a_hold_out_is_opened_once(tmp_path: Path) -> None:
    """Also that of a rule, which is not trained; the refusal names the model."""
    with workspace_with_bars(tmp_path, 800, **_RULES) as workspace:
        report = workspace.studies.run("s", agent="ema-cross", runner=InlineRunner())
        assert report.best is not None
        done = workspace.studies.finish("s", candidates=1)
        assert workspace.agent(done.model).agent.name.startswith("ema-cross-")
        assert done.digest == ""
        assert done.holdout is not None
        error = refused(lambda: workspace.studies.finish("s"), InvalidValue)
        assert "s-final" in str(error)
        assert "opened" in str(error)


def test_what_cannot_be_finished_is_left_alone(tmp_path: Path) -> None:
    """An unknown study, no candidate, one that is not done: nothing is registered."""
    with workspace_with_bars(tmp_path, 800, **_RULES) as workspace:
        refused(lambda: workspace.studies.finish("s"), NotFound)
        workspace.studies.run("s", agent="ema-cross", runner=InlineRunner())
        refused(lambda: workspace.studies.finish("s", candidates=0), InvalidValue)
    with workspace_with_bars(tmp_path, 800, **{**_RULES, "campaign__trials": 3}) as workspace:
        parts = CampaignContainer(resolved=workspace.resolved)
        campaign = parts.store().find("s")
        assert campaign is not None
        parts.store().extend("s", replace(campaign.definition, trials=3))
        parts.shutdown_resources()
        error = refused(lambda: workspace.studies.finish("s"), NotRunning)
        assert "2 of 3" in str(error)
        refused(lambda: record_of(workspace, "s-final"), NotFound)


def test_a_finish_that_was_cut_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What died between registration and the hold-out may be asked again, and only then."""
    with workspace_with_bars(tmp_path, 800, **_RULES) as workspace:
        workspace.studies.run("s", agent="ema-cross", runner=InlineRunner())
        whole = RuleMaker.final

        def dies(self: FinalMaker, task: object) -> object:
            raise KeyboardInterrupt

        monkeypatch.setattr(RuleMaker, "final", dies)
        with pytest.raises(KeyboardInterrupt):
            workspace.studies.finish("s", candidates=1)
        monkeypatch.setattr(RuleMaker, "final", whole)
        assert workspace.studies.finish("s", candidates=1).holdout is not None


def with_a_gap(home: Path, bar: int, **settings: object) -> Workspace:
    """Return a workspace of 600 bars of which one is missing."""
    workspace = workspace_with_bars(home, 600, **settings)
    lake = workspace.container.bars()
    whole = lake.read(Symbol.parse("SYN1/USDT"), Timeframe.parse("1h"))
    kept = np.arange(len(whole)) != bar
    columns = ("open_time", "open", "high", "low", "close", "volume", "state")
    cut = replace(whole, **{name: getattr(whole, name)[kept] for name in columns})
    lake.write(cut, replace=True)
    return workspace


@pytest.mark.parametrize(
    ("bar", "agent", "settings", "mends"),
    [
        (300, "ppo", {}, ["training.gaps", "backtest.gaps"]),
        (300, "ppo", {"training__gaps": "segment"}, ["backtest.gaps"]),
        (300, "ppo", {"backtest__gaps": "hold"}, ["training.gaps"]),
        (590, "ppo", {}, ["backtest.gaps"]),
        (300, "ema-cross", {}, ["backtest.gaps"]),
    ],
)
def test_gaps_are_refused_before_the_first_trial(
    tmp_path: Path, bar: int, agent: str, settings: dict[str, str], mends: list[str]
) -> None:
    """What would fail every trial, or the end, is said at once with the keys that decide it."""
    with with_a_gap(tmp_path, bar, **_PPO, **settings) as workspace:
        why = refused(lambda: workspace.studies.run("g", agent=agent), DataError)
        assert "1 bars are missing, the first of SYN1/USDT at" in why.message
        assert [key for key in ("training.gaps", "backtest.gaps") if key in why.mend] == mends
        assert workspace.studies.list() == []


def test_a_study_with_gaps_comes_to_its_end_where_they_are_allowed(tmp_path: Path) -> None:
    """Trained between the gaps and held through them, trials complete and the end is judged."""
    allowed = {"training__gaps": "segment", "backtest__gaps": "hold"}
    with with_a_gap(tmp_path, 300, **_PPO, **allowed) as workspace:
        assert workspace.studies.run("g", runner=InlineRunner()).best is not None
        assert workspace.studies.finish("g", candidates=1).model == "g-final"
