"""Windows that the policy gathers: the same observations and the same weights as windows shown."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from gymnasium import spaces
from mettle.adapters.features.native import NativeFeatures
from mettle.adapters.learning.native_trainer import NativeTrainer
from mettle.adapters.learning.sb3_trainer import Sb3Trainer
from mettle.adapters.learning.torch_trainer import TorchTrainer
from mettle.adapters.learning.training_batch import training_batch
from mettle.adapters.learning.window_gather import WindowGather
from mettle.adapters.simulation.market_batch import MarketBatch
from mettle.adapters.simulation.sb3_vec_env import MarketVecEnv
from mettle.adapters.system.clock import SystemClock
from mettle.application.learning.policy import TrainedPolicy
from mettle.application.ports.trainer import TrainingJob
from mettle.domain.errors import ConfigError, DataError, InvalidValue
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecNormalize
from tests.support.learning import TWO_RETURNS, persistent_panel, small_job

WINDOW, ASSETS = 5, 2
PORTFOLIO = 1 + 3 * ASSETS


def job(folder: Path) -> TrainingJob:
    """Return a job of two assets whose observations span five bars."""
    panel = persistent_panel(400, ASSETS)
    return replace(small_job(folder), panel=panel, feature_set=TWO_RETURNS, window=WINDOW)


def gathering(folder: Path) -> TrainingJob:
    """Return the same job with the bar's number in the place of the bars."""
    return replace(job(folder), observations="index")


@pytest.fixture
def markets(tmp_path: Path) -> tuple[MarketBatch, MarketBatch, NDArray[np.float32]]:
    """Return the environments of both jobs and the features that they are of."""
    table = NativeFeatures(1).table(job(tmp_path).panel, TWO_RETURNS)
    scaled = table.values.astype(np.float32)
    shown, index = (
        training_batch(one, table, scaled) for one in (job(tmp_path), gathering(tmp_path))
    )
    return shown, index, scaled


def gather(index: MarketBatch, scaled: NDArray[np.float32]) -> WindowGather:
    """Return the extractor of the environments."""
    return WindowGather(MarketVecEnv(index).observation_space, scaled, WINDOW, index.data_hash)


def test_a_gathered_window_is_the_window_shown(
    markets: tuple[MarketBatch, MarketBatch, NDArray[np.float32]],
) -> None:
    """To the bit, through ends and beginnings of episodes; two numbers are left of a window."""
    shown, index, scaled = markets
    extractor = gather(index, scaled)
    assert (index.observation_size, extractor.features_dim) == (
        PORTFOLIO + 2,
        shown.observation_size,
    )
    chance = np.random.default_rng(3)
    whole, numbers = shown.reset(1), index.reset(1)
    for _ in range(70):
        found = extractor(torch.from_numpy(numbers.observations)).numpy()
        np.testing.assert_array_equal(found, whole.observations)
        actions = chance.uniform(-1, 1, (16, ASSETS)).astype(np.float32)
        whole, numbers = shown.step(actions), index.step(actions)


def learnt(found: TrainedPolicy) -> list[NDArray[Any]]:
    """Return everything that was learnt."""
    return [one for layer in found.network.layers for one in (layer.weight, layer.bias)]


@pytest.mark.parametrize("made", [Sb3Trainer, TorchTrainer])
def test_the_same_weights_are_learnt_and_a_cut_run_goes_on(
    tmp_path: Path, made: type[Sb3Trainer | TorchTrainer]
) -> None:
    """Index or window, in one go or in two."""
    trainer = made(NativeFeatures(1), SystemClock(), torch_threads=1)
    want = learnt(trainer.train(job(tmp_path / "a")))
    mine = gathering(tmp_path / "b")
    trainer.train(replace(mine, frames=1024))
    for ours, theirs in zip(learnt(trainer.train(replace(mine, resume=True))), want, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    with pytest.raises(DataError, match="belongs to other bars, features, settings"):
        trainer.train(replace(job(tmp_path / "b"), resume=True))


def test_the_native_learner_needs_no_gathering(tmp_path: Path) -> None:
    """It is refused there rather than ignored."""
    with pytest.raises(ConfigError, match="reads windows where they lie"):
        NativeTrainer(NativeFeatures(1), SystemClock()).train(gathering(tmp_path))


def test_numbers_that_were_scaled_are_refused(
    markets: tuple[MarketBatch, MarketBatch, NDArray[np.float32]],
) -> None:
    """VecNormalize makes another bar of each number, autocast rounds it, other data lacks it."""
    _, index, scaled = markets
    extractor, env = gather(index, scaled), VecNormalize(MarketVecEnv(index))
    observations = torch.as_tensor(cast("NDArray[np.float32]", env.reset()))
    with pytest.raises(InvalidValue, match="VecNormalize"):
        extractor(observations)
    observations = torch.from_numpy(index.reset(1).observations)
    with torch.autocast("cpu"), pytest.raises(InvalidValue, match="autocast"):
        extractor(observations)
    short = WindowGather(env.observation_space, scaled[:20], WINDOW, "0123456789abcdef")
    with pytest.raises(InvalidValue, match="other data than 0123456789ab"):
        short(observations)


def test_observations_of_another_shape_are_refused() -> None:
    """Such as those of the window mode."""
    space = spaces.Box(-np.inf, np.inf, (PORTFOLIO + WINDOW * ASSETS,), np.float32)
    features = np.zeros((30, ASSETS, 1), dtype=np.float32)
    with pytest.raises(InvalidValue, match='mode="index"'):
        WindowGather(space, features, WINDOW, "hash")


def test_the_features_lie_where_the_policy_lies_and_are_not_saved() -> None:
    """A buffer follows the device; the artefact does not carry the market."""
    features = np.zeros((30, ASSETS, 1), dtype=np.float32)
    space = spaces.Box(-np.inf, np.inf, (PORTFOLIO + 2,), np.float32)
    extractor = WindowGather(space, features, WINDOW, "hash")
    assert [name for name, _ in extractor.named_buffers()] == ["rows"]
    assert dict(extractor.state_dict()) == {}
    assert extractor.to("meta").get_buffer("rows").device.type == "meta"
