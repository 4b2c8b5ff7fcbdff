"""`mettle train`, and what it tells the user to do next."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
import torch
from mettle.application.learning.scaler import FeatureScaler
from mettle.domain.errors import ConfigError, NotFound
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


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
@pytest.mark.parametrize("learner", ["sb3", "torch"])
def test_a_gpu_that_is_not_there_is_refused(
    home: Path, capsys: pytest.CaptureFixture[str], learner: str
) -> None:
    """In words that name the setting, and before anything is written."""
    made = call(capsys, home, "train", "-s", "there", "--learner", learner, "--device", "cuda")
    assert made.code == ConfigError.exit_code
    assert "training.device is cuda, but" in made.err
    assert "set training.device to cpu" in made.err
    with opened(home) as workspace, pytest.raises(NotFound):
        workspace.model("there")
