"""Where PyTorch computes: a device that is not there, or has no market, is refused by name."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import mettle
import numpy as np
import pytest
import torch
from mettle.adapters.features.native import NativeFeatures
from mettle.adapters.learning import torch_trainer
from mettle.adapters.learning.sb3_trainer import Sb3Trainer
from mettle.adapters.learning.tensor.device import tensor_market
from mettle.adapters.learning.tensor.market import TensorMarket
from mettle.adapters.learning.torch_trainer import TorchTrainer
from mettle.adapters.system.clock import SystemClock
from mettle.domain.errors import ConfigError, NotFound
from mettle.entrypoints.settings.sections import TrainingSection
from tests.support.learning import LAST_RETURN, small_job

TRAINERS = [Sb3Trainer, TorchTrainer]


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
@pytest.mark.parametrize("made", TRAINERS)
def test_a_gpu_that_is_not_there_is_refused(
    tmp_path: Path, made: type[Sb3Trainer | TorchTrainer]
) -> None:
    """Nothing learns on the processor in silence: the checkpoints would say otherwise."""
    trainer = made(NativeFeatures(1), SystemClock(), device="cuda")
    with pytest.raises(ConfigError, match=r"training.device is cuda, but") as refused:
        trainer.train(small_job(tmp_path))
    assert refused.value.mend == "set training.device to cpu"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("made", TRAINERS)
def test_other_devices_are_refused(tmp_path: Path, made: type[Sb3Trainer | TorchTrainer]) -> None:
    """PyTorch knows more of them; the market does not."""
    trainer = made(NativeFeatures(1), SystemClock(), device="mps")
    with pytest.raises(ConfigError, match="must be cpu or cuda, was 'mps'"):
        trainer.train(small_job(tmp_path))


def test_a_market_that_was_not_built_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what builds it."""
    monkeypatch.setitem(sys.modules, "mettle._cuda", None)
    monkeypatch.delattr(mettle, "_cuda", raising=False)
    job = small_job(tmp_path)
    table = NativeFeatures(1).table(job.panel, LAST_RETURN)
    scaled = table.values.astype("float32")
    with pytest.raises(NotFound, match="the CUDA module is not built") as refused:
        tensor_market(job, table, scaled, torch.device("cuda"))
    assert refused.value.mend == "make cuda"


def test_a_rollout_that_does_not_fit_is_said_with_what_to_lower(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PyTorch's own words say neither what was too large nor what makes it smaller."""

    def full(*_: object) -> TensorMarket:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(torch_trainer, "tensor_market", full)
    trainer = TorchTrainer(NativeFeatures(1), SystemClock())
    with pytest.raises(ConfigError, match="16 environments × 16 steps do not fit") as refused:
        trainer.train(small_job(tmp_path))
    assert "training.ppo.environments" in refused.value.mend


@pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no GPU")
def test_a_gpu_learns_the_same_whether_or_not_it_was_cut(tmp_path: Path) -> None:
    """With the market on it too, to the bit; half of the run is played before graphs are there."""
    pytest.importorskip("mettle._cuda", reason="the market was not built for GPUs")
    trainer = TorchTrainer(NativeFeatures(1), SystemClock(), device="cuda")
    whole = trainer.train(small_job(tmp_path / "whole"))
    trainer.train(replace(small_job(tmp_path / "cut"), frames=1024))
    found = trainer.train(replace(small_job(tmp_path / "cut"), resume=True))
    assert (found.frames, found.metrics) == (whole.frames, whole.metrics)
    for ours, theirs in zip(found.network.layers, whole.network.layers, strict=True):
        np.testing.assert_array_equal(ours.weight, theirs.weight)
        np.testing.assert_array_equal(ours.bias, theirs.bias)


def test_the_native_learner_needs_the_processor() -> None:
    """The settings say so before anything is loaded."""
    with pytest.raises(ValueError, match=r"training.device must be cpu"):
        TrainingSection(learner="native", device="cuda")
    assert TrainingSection(learner="torch", device="cuda").device == "cuda"
