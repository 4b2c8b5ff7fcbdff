"""Ensembles: several agents as one, from a study to a backtest."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from mettle.application.research import Ensemble
from mettle.application.strategies import BuyAndHold, EmaCross
from mettle.domain.errors import InvalidValue, NotFound
from mettle.entrypoints.cli.main import main
from mettle.entrypoints.workspace import Workspace
from tests.support.campaigns import workspace_with_bars
from tests.support.inline import InlineRunner


@pytest.fixture
def workspace(tmp_path: Path) -> Iterator[Workspace]:
    """Yield a workspace whose campaigns are four trials on two folds."""
    more = {"campaign__trials": 4, "campaign__folds": 2, "campaign__prune": False}
    with workspace_with_bars(tmp_path / "home", 800, **more) as made:
        yield made


def test_an_ensemble_decides_the_mean_of_what_its_members_see() -> None:
    """Each gets its own columns, in its own order."""
    members = (EmaCross(3, 9), BuyAndHold(), EmaCross(9, 30))
    joined = Ensemble(members)
    assert joined.name == "ema-cross-3-9+buy-and-hold+ema-cross-9-30"
    assert len(joined.feature_set) == 4  # ema 9 is shared
    row = np.array([[[2.0, 1.0, 0.5, 3.0], [1.0, 2.0, 0.5, 1.0]]])
    portfolio = np.zeros(7, dtype=np.float32)
    votes = joined.votes(row, portfolio)
    np.testing.assert_array_equal(votes, [[0.5, 0.0], [0.5, 0.5], [0.0, 0.5]])
    np.testing.assert_allclose(joined.decide(row, portfolio), [1 / 3, 1 / 3], rtol=1e-6)
    assert joined.decide(row, portfolio).dtype == np.float32


@pytest.mark.parametrize("members", [(EmaCross(3, 9),), (EmaCross(3, 9), EmaCross(3, 9))])
def test_one_agent_is_no_ensemble(members: tuple[EmaCross, ...]) -> None:
    """Nor is the same one twice."""
    with pytest.raises(InvalidValue, match="2 to 32 members"):
        Ensemble(members)


def test_the_best_of_a_study_trade_as_one(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    """By their lower bounds; the name can be backtested, and the CLI says it."""
    workspace.studies.run("s", agent="ema-cross", runner=InlineRunner())
    found = workspace.research.ensemble("s", 2)
    assert len(found.members) == 2
    assert found.bounds[0] >= found.bounds[1]
    assert found.agreement is not None
    assert 0.0 <= found.agreement <= 1.0
    data = workspace.data.get()
    joined = workspace.backtest(found.name, data)
    alone = workspace.backtest(found.members[0], data)
    assert joined.result.agent.count("+") == 1
    assert joined.result.equity[-1] != alone.result.equity[-1]
    home = str(workspace.home)
    assert main(["-C", home, "research", "ensemble", "s", "--top", "2"]) == 0
    said = capsys.readouterr()
    assert f"name: {found.name}" in said.out
    assert "mean agreement" in said.out
    with pytest.raises(NotFound, match="no study"):
        workspace.research.ensemble("t")
