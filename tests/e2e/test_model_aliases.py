"""An alias stands wherever a model's name does, and for the very files that were given it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from mettle.application.learning.registry import (
    Ending,
    Figures,
    Hashes,
    ModelRecord,
    ModelStatus,
    Origin,
    Paths,
)
from mettle.domain.errors import ArtefactError, NotFound
from mettle.entrypoints.workspace import Workspace
from tests.support.learning import random_artefact
from tests.support.workspaces import MODEL, call, make_small_workspace, opened

RULE: dict[str, Any] = {"agent": "ema-cross", "fast": 5, "gap": 15}


def register(workspace: Workspace, name: str, digest: str = "", **parameters: object) -> None:
    """Register a model; without a digest it is a trial of a rule."""
    registry = workspace.container.registry()
    registry.register(
        ModelRecord(
            model_id=name, name=name, study=name, trial=0, timeframe="1h", created_at=0,
            origin=Origin.CAMPAIGN, hyperparameters=parameters,
        )
    )  # fmt: skip
    registry.finish(
        name,
        Ending(
            status=ModelStatus.COMPLETED,
            at=1,
            figures=Figures(sharpe=1.0),
            hashes=Hashes(artefact=digest),
            paths=Paths(artefact=name if digest else ""),
        ),
    )


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return a workspace with a model that is champion and a rule that is challenger."""
    place = tmp_path / "bot"
    make_small_workspace(place)
    with opened(place) as workspace:
        register(workspace, MODEL, workspace.model(MODEL).digest)
        register(workspace, "rule", **RULE)
        workspace.registry.promote(MODEL)
        workspace.registry.promote("rule", "challenger")
    return place


def test_every_verb_takes_an_alias(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What it did is told under the model's own name."""

    def said(*words: str) -> Any:  # noqa: ANN401  JSON
        done = call(capsys, home, *words, "--json")
        assert done.code == 0, done.err
        return json.loads(done.out)["data"]

    shown = said("models", "show", "champion")
    assert (shown["name"], shown["aliases"]) == (MODEL, ["champion"])
    assert shown["folder"].endswith(MODEL)
    by_alias = said("backtest", "champion", "--no-report")
    assert by_alias == said("backtest", MODEL, "--no-report")
    assert by_alias["agent"]["name"] == MODEL
    ran = said("paper", "run", "--model", "champion", "--run-id", "r1")
    assert ran["bars"] > 0
    with opened(home) as workspace, workspace.container.store().reading() as unit:
        assert workspace.model(MODEL).digest in unit.runs.get("r1").plan


def test_a_rule_and_an_ensemble_serve_too(home: Path) -> None:
    """A campaign's rule stands for itself; aliases may be joined."""
    with opened(home) as workspace:
        assert workspace.agent("challenger").agent.name == "ema-cross-5-20"
        both = workspace.agent("champion+challenger")
        assert both.agent.name == f"{MODEL}+ema-cross-5-20"
        with pytest.raises(NotFound, match="no model is called 'challenger'"):
            workspace.model("challenger")
        with pytest.raises(NotFound, match="'nobody'"):
            workspace.agent("nobody")


def test_an_alias_moves_with_its_promotion(home: Path) -> None:
    """Who asks for the champion gets today's."""
    with opened(home) as workspace:
        made = workspace.container.artefacts().save(random_artefact("newer"))
        register(workspace, "newer", made.digest)
        workspace.registry.promote("newer")
        assert workspace.model("champion").name == "newer"
        workspace.registry.rollback()
        assert workspace.model("champion").name == MODEL


def test_other_files_under_the_name_do_not_serve(home: Path) -> None:
    """Sound files that were put in the place of the promoted ones are refused by the alias."""
    with opened(home) as workspace:
        workspace.container.artefacts().save(random_artefact(MODEL, seed=9), replace=True)
        for ask in (workspace.model, workspace.agent):
            with pytest.raises(ArtefactError, match="not the one recorded"):
                ask("champion")
        assert workspace.model(MODEL).name == MODEL
