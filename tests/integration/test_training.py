"""Training on the native market: it learns, and a cut run ends as an uncut one."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mettle.adapters.features.native import NativeFeatures
from mettle.adapters.learning.native_trainer import NativeTrainer
from mettle.adapters.learning.policy_agent import PolicyAgent
from mettle.adapters.learning.sb3_trainer import Sb3Trainer
from mettle.adapters.learning.torch_trainer import TorchTrainer
from mettle.adapters.persistence.artefacts import MemoryArtefactStore
from mettle.adapters.simulation.market_batch import MarketBatch
from mettle.adapters.system.clock import SystemClock
from mettle.application.learning.policy import TrainedPolicy
from mettle.application.learning.train import TrainModel
from mettle.application.ports.trainer import (
    PpoSettings,
    Trainer,
    TrainingJob,
    TrainingProgress,
)
from mettle.domain.errors import ConfigError, DataError, NotFound, StorageError, TrainingDiverged
from tests.support.learning import SMALL_PPO, persistent_panel, small_job


def _sb3() -> Trainer:
    return Sb3Trainer(NativeFeatures(1), SystemClock(), torch_threads=1)


def _native() -> Trainer:
    return NativeTrainer(NativeFeatures(1), SystemClock())


def _torch() -> Trainer:
    return TorchTrainer(NativeFeatures(1), SystemClock(), torch_threads=1)


TRAINERS: dict[str, Callable[[], Trainer]] = {"sb3": _sb3, "native": _native, "torch": _torch}


@pytest.fixture(scope="module", params=list(TRAINERS))
def learner(request: pytest.FixtureRequest) -> str:
    """Return the name of a trainer: each must keep every promise of the port."""
    return str(request.param)


@pytest.fixture(scope="module")
def trainer(learner: str) -> Trainer:
    """Return a trainer."""
    return TRAINERS[learner]()


def weights(policy: TrainedPolicy) -> bytes:
    """Return all weights' bits."""
    return b"".join(one.weight.tobytes() + one.bias.tobytes() for one in policy.network.layers)


class Stop:
    """A progress callback that behaves like Ctrl-C once ``frames`` are reached."""

    def __init__(self, frames: int) -> None:
        self.frames = frames

    def __call__(self, progress: TrainingProgress) -> None:
        """Raise where a user would have pressed the keys."""
        if progress.frames >= self.frames:
            raise KeyboardInterrupt


def interrupted(trainer: Trainer, job: TrainingJob, frames: int) -> None:
    """Train until ``frames`` and be interrupted there."""
    with pytest.raises(KeyboardInterrupt):
        trainer.train(job, Stop(frames))


def held(folder: Path) -> list[int]:
    """Return the frames of the checkpoints in a job's folder."""
    return sorted(int(one.name.split("-")[1]) for one in (folder / "checkpoints").iterdir())


@pytest.fixture(scope="module")
def uncut(trainer: Trainer, tmp_path_factory: pytest.TempPathFactory) -> TrainedPolicy:
    """Return what the small job gives when nothing happens to it."""
    return trainer.train(small_job(tmp_path_factory.mktemp("uncut")))


def test_a_visible_edge_is_learnt(trainer: Trainer, tmp_path: Path) -> None:
    """In a market that keeps its direction the policy follows it."""
    job = replace(
        small_job(tmp_path),
        frames=30_720,
        checkpoint_every=0,
        ppo=PpoSettings(
            environments=64,
            rollout=32,
            batch_size=512,
            learning_rate=2e-3,
            discount=0.5,
            initial_log_std=0.0,
            hidden=(16, 16),
        ),
    )
    rewards: list[float] = []
    store = MemoryArtefactStore()
    features = NativeFeatures(1)

    def note(progress: TrainingProgress) -> None:
        if progress.mean_reward is not None:
            rewards.append(progress.mean_reward)

    summary = TrainModel(trainer, features, store, SystemClock(), "0.1.0")(job, note)
    assert rewards[-1] > rewards[0] + 0.05
    agent = PolicyAgent(store.load("small"))
    flat = np.array([1, 0, 0, 0], dtype=np.float32)
    assert agent.decide(np.full((1, 1, 1), 0.01), flat)[0] > 0.5
    assert agent.decide(np.full((1, 1, 1), -0.01), flat)[0] < 0.0
    assert summary.manifest.synthetic
    assert summary.manifest.frames == 30_720
    assert summary.manifest.metrics["mean_episode_reward"] == pytest.approx(rewards[-1])


def test_nothing_is_left_beside_the_folder_of_the_run(
    trainer: Trainer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stable-Baselines3 makes an empty folder for a logger without one: ours has one."""
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    trainer.train(small_job(tmp_path / "run"))
    assert not list(place.glob("SB3*"))


def test_the_same_seed_gives_the_same_bits(
    trainer: Trainer, tmp_path: Path, uncut: TrainedPolicy
) -> None:
    """Neither the folder nor the threads of the market change the weights; the seed does."""
    assert weights(trainer.train(replace(small_job(tmp_path / "a"), threads=2))) == weights(uncut)
    assert weights(trainer.train(replace(small_job(tmp_path / "b"), seed=6))) != weights(uncut)


@pytest.mark.parametrize("frames", [512, 1280])
def test_an_interrupted_run_resumes_exactly(
    trainer: Trainer, tmp_path: Path, uncut: TrainedPolicy, frames: int
) -> None:
    """Ctrl-C keeps the last whole rollout, on and off the checkpoints' beat."""
    job = small_job(tmp_path)
    interrupted(trainer, job, frames)
    assert held(tmp_path)[-1] == frames
    resumed = trainer.train(replace(job, resume=True))
    assert weights(resumed) == weights(uncut)
    assert resumed.frames == uncut.frames
    assert resumed.metrics == uncut.metrics


def test_ctrl_c_inside_a_rollout_keeps_the_one_before(
    trainer: Trainer, tmp_path: Path, uncut: TrainedPolicy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The interrupt of a real terminal comes anywhere; what is written is whole nevertheless."""
    steps = 0

    def interrupting(function: Callable[..., object], length: int) -> Callable[..., object]:
        def count(batch: MarketBatch, given: object) -> object:
            nonlocal steps
            steps += length
            if steps >= 16 * 3 + 7:
                raise KeyboardInterrupt
            return function(batch, given)

        return count

    monkeypatch.setattr(MarketBatch, "step", interrupting(MarketBatch.step, 1))
    monkeypatch.setattr(MarketBatch, "play", interrupting(MarketBatch.play, 16))
    job = replace(small_job(tmp_path), checkpoint_every=0)
    with pytest.raises(KeyboardInterrupt):
        trainer.train(job)
    monkeypatch.undo()
    assert held(tmp_path) == [768]
    assert weights(trainer.train(replace(job, resume=True))) == weights(uncut)


def test_a_killed_process_resumes_exactly(
    learner: str, trainer: Trainer, tmp_path: Path, uncut: TrainedPolicy
) -> None:
    """SIGKILL between two checkpoints costs the frames since the last one, and nothing else."""
    script = """
import os, signal, sys
from pathlib import Path
from mettle.adapters.features.native import NativeFeatures
from mettle.adapters.learning.native_trainer import NativeTrainer
from mettle.adapters.learning.sb3_trainer import Sb3Trainer
from mettle.adapters.learning.torch_trainer import TorchTrainer
from mettle.adapters.system.clock import SystemClock
from tests.support.learning import small_job

def kill(progress):
    if progress.frames >= 1280:
        os.kill(os.getpid(), signal.SIGKILL)

features, clock = NativeFeatures(1), SystemClock()
trainer = {
    "sb3": lambda: Sb3Trainer(features, clock, torch_threads=1),
    "native": lambda: NativeTrainer(features, clock),
    "torch": lambda: TorchTrainer(features, clock, torch_threads=1),
}[sys.argv[2]]()
trainer.train(small_job(Path(sys.argv[1])), kill)
"""
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path), learner],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
        check=False,
    )
    assert done.returncode == -signal.SIGKILL
    assert held(tmp_path) == [512, 1024]
    assert weights(trainer.train(replace(small_job(tmp_path), resume=True))) == weights(uncut)


def test_a_finished_run_can_go_on(trainer: Trainer, tmp_path: Path, uncut: TrainedPolicy) -> None:
    """Half the frames, then the rest, equal all of them at once."""
    trainer.train(replace(small_job(tmp_path), frames=1024))
    assert weights(trainer.train(replace(small_job(tmp_path), resume=True))) == weights(uncut)


def test_only_the_last_checkpoints_are_kept(trainer: Trainer, tmp_path: Path) -> None:
    """Three of four stay; a run from the start removes them all first."""
    trainer.train(small_job(tmp_path))
    assert held(tmp_path) == [1024, 1536, 2048]
    trainer.train(replace(small_job(tmp_path), frames=256, checkpoint_every=256))
    assert held(tmp_path) == [256]


def test_resuming_without_a_checkpoint_is_refused(trainer: Trainer, tmp_path: Path) -> None:
    """There is nothing to go on from."""
    with pytest.raises(NotFound, match="no checkpoint"):
        trainer.train(replace(small_job(tmp_path), resume=True))


def test_resuming_another_job_is_refused(trainer: Trainer, tmp_path: Path) -> None:
    """Other bars, seeds or hyperparameters are another run."""
    job = replace(small_job(tmp_path), frames=256, checkpoint_every=256)
    trainer.train(job)
    others: Sequence[TrainingJob] = [
        replace(job, seed=6),
        replace(job, panel=persistent_panel(400, seed=1)),
        replace(job, ppo=replace(job.ppo, learning_rate=1e-4)),
        replace(job, settings=replace(job.settings, slippage=1)),
        replace(job, window=2),
    ]
    for other in others:
        with pytest.raises(DataError, match="belongs to other bars"):
            trainer.train(replace(other, resume=True))


def test_the_checkpoint_of_another_learner_is_refused(learner: str, tmp_path: Path) -> None:
    """Each draws its noise in its own way."""
    job = replace(small_job(tmp_path), frames=256, checkpoint_every=256)
    TRAINERS["native" if learner == "torch" else "torch"]().train(job)
    with pytest.raises(DataError, match="belongs to other bars"):
        TRAINERS[learner]().train(replace(job, resume=True))


def test_a_damaged_checkpoint_is_refused(
    trainer: Trainer, tmp_path: Path, uncut: TrainedPolicy
) -> None:
    """It is named, and deleting it lets the run go on from the one before."""
    job = small_job(tmp_path)
    interrupted(trainer, job, 1280)
    newest = tmp_path / "checkpoints" / "frames-000000000001280"
    for name in ("state.safetensors", "state.json"):
        path = newest / name
        sound = path.read_bytes()
        broken = bytearray(sound)
        broken[len(broken) // 2] ^= 1
        path.write_bytes(broken)
        with pytest.raises(DataError, match="frames-000000000001280"):
            trainer.train(replace(job, resume=True))
        path.write_bytes(sound[: len(sound) // 2])
        with pytest.raises(DataError, match="frames-000000000001280"):
            trainer.train(replace(job, resume=True))
        path.write_bytes(sound)
    shutil.rmtree(newest)
    assert weights(trainer.train(replace(job, resume=True))) == weights(uncut)


def test_checkpoints_hold_no_pickle(trainer: Trainer, tmp_path: Path) -> None:
    """Two files each, tensors and JSON, that another process reads without running anything."""
    trainer.train(replace(small_job(tmp_path), frames=256, checkpoint_every=256))
    (folder,) = (tmp_path / "checkpoints").iterdir()
    assert sorted(one.name for one in folder.iterdir()) == ["state.json", "state.safetensors"]
    assert (folder / "state.json").read_bytes().startswith(b"{")


def test_divergence_is_named(trainer: Trainer, tmp_path: Path) -> None:
    """A learning rate that throws the weights away ends in a typed error, not in a NaN model."""
    job = replace(small_job(tmp_path), ppo=replace(SMALL_PPO, learning_rate=1e30))
    with pytest.raises(TrainingDiverged, match=r"after \d+ frames"):
        trainer.train(job)


def test_a_full_disk_is_seen_before_the_run(
    trainer: Trainer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The estimate says what is needed and what there is."""
    usage = shutil.disk_usage(tmp_path)._replace(free=1 << 20)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(StorageError, match="1 MiB free"):
        trainer.train(small_job(tmp_path))


def test_a_disk_that_fills_up_leaves_the_last_checkpoint(
    trainer: Trainer, tmp_path: Path, uncut: TrainedPolicy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run ends with a typed error and can be resumed when there is room again."""
    fsync, calls = os.fsync, 0

    def full(handle: int) -> None:
        nonlocal calls
        calls += 1
        if calls > 6:
            raise OSError(28, "No space left on device")
        fsync(handle)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="No space left"):
        trainer.train(small_job(tmp_path))
    monkeypatch.undo()
    assert held(tmp_path) == [512]
    assert weights(trainer.train(replace(small_job(tmp_path), resume=True))) == weights(uncut)


@pytest.mark.parametrize(
    "changes", [{"batch_size": 100}, {"batch_size": 0}, {"environments": 0}, {"epochs": 0}]
)
def test_hyperparameters_that_do_not_fit_are_refused(
    trainer: Trainer, tmp_path: Path, changes: dict[str, Any]
) -> None:
    """A batch must divide the rollout; nothing may be zero."""
    with pytest.raises(ConfigError, match="ppo"):
        trainer.train(replace(small_job(tmp_path), ppo=replace(SMALL_PPO, **changes)))


def test_a_panel_without_a_long_block_is_refused(trainer: Trainer, tmp_path: Path) -> None:
    """No bar after the warm-up is left to start at."""
    with pytest.raises(DataError):
        trainer.train(replace(small_job(tmp_path), panel=persistent_panel(400).slice(0, 2)))


def test_scalars_are_written_and_torch_keeps_its_threads(trainer: Trainer, tmp_path: Path) -> None:
    """TensorBoard's file lies in the job's folder; the number of threads is put back."""
    before = torch.get_num_threads()
    trainer.train(replace(small_job(tmp_path), frames=512))
    assert torch.get_num_threads() == before
    (events,) = (tmp_path / "tensorboard").iterdir()
    content = events.read_bytes()
    for tag in (b"rollout/ep_rew_mean", b"train/value_loss", b"time/fps"):
        assert tag in content


def test_progress_tells_what_is_left(trainer: Trainer, tmp_path: Path) -> None:
    """One report a rollout, with a rate and a remaining time that ends at nil."""
    reports: list[TrainingProgress] = []
    trainer.train(replace(small_job(tmp_path), checkpoint_every=0), reports.append)
    assert [one.frames for one in reports] == list(range(256, 2049, 256))
    assert all(one.total_frames == 2048 and one.frames_per_second > 0 for one in reports)
    assert reports[0].remaining_s > 0
    assert reports[-1].remaining_s == 0
    assert reports[-1].mean_reward is not None
