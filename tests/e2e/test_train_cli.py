"""`mettle train`, and what it tells the user to do next."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from mettle.application.learning.scaler import FeatureScaler
from tests.support.workspaces import call, opened

SMALL = (
    "training.ppo.environments=16",
    "training.ppo.rollout=32",
    "training.ppo.batch_size=256",
    "training.episode_length=64",
)


@pytest.mark.slow
@pytest.mark.parametrize("learner", ["sb3", "native", "torch"])
def test_training_ends_where_it_was_told_to(
    home: Path, capsys: pytest.CaptureFixture[str], learner: str
) -> None:
    """The model and its scaler know no later bar, and the next command begins right there."""
    settings = [word for one in SMALL for word in ("--set", one)]
    arguments = ("--to", "2020-01-11T13:00", "--frames", "1024", "--learner", learner, *settings)
    made = call(capsys, home, "train", "-s", "short", *arguments)
    assert made.code == 0, made.err
    assert "2020-01-01 to 2020-01-11 13:00" in made.out
    with opened(home) as workspace:
        panel = workspace.data.get(stop="2020-01-11T13:00").window
        manifest = workspace.model("short").manifest
        table = workspace.container.features().table(panel, manifest.feature_set)
    assert manifest.scaler.hash == FeatureScaler.fit(table.values, table.valid).hash
    (line,) = (one for one in made.err.splitlines() if one.startswith("next: mettle "))
    done = call(capsys, home, *shlex.split(line.removeprefix("next: mettle ")), "--no-report")
    assert done.code == 0, done.err
