"""Training on blocks: nothing outside them is learned from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from mettle.adapters.features.native import NativeFeatures
from mettle.adapters.learning.blocks import confine
from mettle.adapters.learning.native_trainer import NativeTrainer
from mettle.adapters.learning.sb3_trainer import Sb3Trainer
from mettle.adapters.learning.torch_trainer import TorchTrainer
from mettle.adapters.market_data.synthetic import synthetic_panel
from mettle.adapters.simulation.market_batch import starting_spans
from mettle.adapters.system import SystemClock
from mettle.application.ports.trainer import PpoSettings, Trainer, TrainingJob
from mettle.domain.errors import DataError, InvalidValue
from mettle.domain.signals.catalogue import feature
from mettle.domain.signals.features import FeatureSet
from mettle.domain.simulation import SimulationSettings

FEATURES = FeatureSet((feature("price_change"),))
BLOCKS = ((10, 150), (250, 400))


def _job(folder: Path, scramble: int = 0) -> TrainingJob:
    panel = synthetic_panel(3, assets=1, bars=400)
    if scramble:
        volume = panel.volume.copy()
        close, high, low = panel.close.copy(), panel.high.copy(), panel.low.copy()
        close[150:240] += scramble
        high[150:240] += 2 * scramble
        volume[150:240] *= 3
        panel = replace(panel, close=close, high=high, low=low, volume=volume)
    return TrainingJob(
        name="blocks",
        panel=panel,
        feature_set=FEATURES,
        settings=SimulationSettings(),
        folder=folder,
        frames=256,
        seed=1,
        ppo=PpoSettings(environments=8, rollout=16, batch_size=64, epochs=1, hidden=(4,)),
        episode_length=32,
        threads=1,
        blocks=BLOCKS,
    )


def _trainer(learner: str) -> Trainer:
    if learner == "native":
        return NativeTrainer(NativeFeatures(1), SystemClock())
    if learner == "torch":
        return TorchTrainer(NativeFeatures(1), SystemClock(), torch_threads=1)
    return Sb3Trainer(NativeFeatures(1), SystemClock(), torch_threads=1)


@pytest.mark.parametrize("learner", ["sb3", "native", "torch"])
def test_what_lies_outside_the_blocks_changes_nothing(tmp_path: Path, learner: str) -> None:
    """Other prices in the tested bars give the same scaler and the same weights to the last bit."""
    train = _trainer(learner).train
    one, other = train(_job(tmp_path / "a")), train(_job(tmp_path / "b", scramble=50_000))
    assert one.scaler.hash == other.scaler.hash
    for ours, theirs in zip(one.network.layers, other.network.layers, strict=True):
        np.testing.assert_array_equal(ours.weight, theirs.weight)
    whole = train(replace(_job(tmp_path / "c"), blocks=()))
    assert whole.scaler.hash != one.scaler.hash


def test_episodes_lie_inside_one_block(tmp_path: Path) -> None:
    """They start and end in it."""
    job = _job(tmp_path)
    table = NativeFeatures(1).table(job.panel, FEATURES)
    confined, known = confine(job, table)
    spans = starting_spans(confined.panel, known.valid, 1, confined.gaps)
    assert spans.tolist() == [[10, 149, 149], [250, 399, 399]]


@pytest.mark.parametrize("blocks", [((0, 500),), ((50, 50),), ((0, 100), (99, 200))])
def test_blocks_that_do_not_fit_are_refused(
    tmp_path: Path, blocks: tuple[tuple[int, int], ...]
) -> None:
    """Too long, empty, or overlapping."""
    job = replace(_job(tmp_path), blocks=blocks)
    with pytest.raises(InvalidValue, match="does not fit"):
        confine(job, NativeFeatures(1).table(job.panel, FEATURES))


def test_gaps_inside_a_block_are_refused_as_ever(tmp_path: Path) -> None:
    """Outside the blocks they do not matter; held through they cannot be."""
    job = _job(tmp_path)
    table = NativeFeatures(1).table(job.panel, FEATURES)
    state = job.panel.state.copy()
    state[200] = 0
    gapped = replace(job, panel=replace(job.panel, state=state))
    assert confine(gapped, table)[0].gaps == "segment"
    state = job.panel.state.copy()
    state[100] = 0
    inside = replace(job, panel=replace(job.panel, state=state))
    with pytest.raises(DataError, match="lacks 1 bars"):
        confine(inside, table)
    with pytest.raises(InvalidValue, match="segment"):
        confine(replace(inside, gaps="hold"), table)
