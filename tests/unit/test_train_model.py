"""The training use case checks first, records everything, and keeps one model a name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from mettle.adapters.features.native import NativeFeatures
from mettle.adapters.persistence.artefacts import MemoryArtefactStore
from mettle.adapters.system.clock import SimulatedClock
from mettle.application.learning.manifest import InstrumentTerms, PolicyManifest
from mettle.application.learning.models import Models
from mettle.application.learning.policy import TrainedPolicy
from mettle.application.learning.scaler import FeatureScaler
from mettle.application.learning.train import TrainModel
from mettle.application.ports.trainer import PpoSettings, ProgressCallback, TrainingJob
from mettle.domain.errors import ArtefactError, ConfigError, DataError, InvalidValue, NotFound
from mettle.domain.market import Symbol, Timeframe
from mettle.domain.simulation.settings import ActionScheme, SimulationSettings
from tests.support.learning import (
    LAST_RETURN,
    persistent_panel,
    random_artefact,
    random_network,
    small_job,
)


class InstantTrainer:
    """Hands back a random policy of the right shape, and counts how often it was asked."""

    def __init__(self) -> None:
        self.calls = 0

    def train(self, job: TrainingJob, on_progress: ProgressCallback | None = None) -> TrainedPolicy:
        """Return a policy that fits the job."""
        self.calls += 1
        assets, features = len(job.panel.instruments), len(job.feature_set)
        width = 1 + 3 * assets + job.window * assets * features
        scaler = FeatureScaler(np.zeros((assets, features)), np.ones((assets, features)))
        network = random_network(width, *job.ppo.hidden, assets)
        return TrainedPolicy(network, scaler, job.frames, {"mean_episode_reward": None})


class Room:
    """A use case with everything that it needs."""

    def __init__(self) -> None:
        self.trainer = InstantTrainer()
        self.store = MemoryArtefactStore()
        self.clock = SimulatedClock(1_700_000_000_000)
        features = NativeFeatures(1)
        self.train = TrainModel(self.trainer, features, self.store, self.clock, "1.2.3")


def test_the_manifest_records_the_whole_job(tmp_path: Path) -> None:
    """Everything that must fit before the model may decide is in the artefact."""
    room = Room()
    settings = SimulationSettings(scheme=ActionScheme.INCREMENT, slippage=123)
    job = replace(
        small_job(tmp_path), panel=persistent_panel(200, 2), window=3, settings=settings, seed=42
    )
    summary = room.train(job)
    manifest = room.store.load("small").manifest
    assert manifest.digest == summary.manifest.digest
    assert manifest.settings == settings
    assert (manifest.seed, manifest.frames, manifest.window) == (42, 2048, 3)
    assert (manifest.code_version, manifest.created_at) == ("1.2.3", 1_700_000_000_000)
    assert manifest.period == (0, 200 * 3_600_000)
    assert manifest.data_hash == job.panel.data_hash
    assert manifest.synthetic
    assert manifest.timeframe == Timeframe.parse("1h")
    assert manifest.symbols == (Symbol.parse("S0/USDT"), Symbol.parse("S1/USDT"))
    assert manifest.instruments[1] == InstrumentTerms("S1/USDT", "0.01", "0.0001", "0", 0, 0)
    assert manifest.feature_set == LAST_RETURN
    assert manifest.ppo == job.ppo
    assert manifest.sizes == (1 + 6 + 6, 8, 8, 2)
    assert dict(manifest.metrics) == {"mean_episode_reward": None}


def test_a_taken_name_is_refused_before_the_work(tmp_path: Path) -> None:
    """Hours are not spent on a model that cannot be kept; replacing must be asked for."""
    room = Room()
    first = room.train(small_job(tmp_path))
    with pytest.raises(InvalidValue, match="already"):
        room.train(replace(small_job(tmp_path), seed=6))
    assert room.trainer.calls == 1
    second = room.train(replace(small_job(tmp_path), seed=6), replace=True)
    assert second.manifest.digest != first.manifest.digest
    assert room.store.load("small").manifest.seed == 6


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"name": "No/Good"}, InvalidValue),
        ({"frames": 0}, InvalidValue),
        ({"seed": -1}, InvalidValue),
        ({"window": 0}, InvalidValue),
        ({"episode_length": -1}, InvalidValue),
        ({"episode_length": 100_000}, DataError),
        ({"window": 100_000}, DataError),
        ({"ppo": PpoSettings(hidden=())}, ConfigError),
        ({"ppo": PpoSettings(hidden=(8, 0))}, ConfigError),
    ],
)
def test_what_cannot_work_is_refused_before_the_work(
    tmp_path: Path, changes: dict[str, object], error: type[Exception]
) -> None:
    """Every refusal comes before the trainer is asked, and nothing is kept."""
    room = Room()
    job = small_job(tmp_path)
    for name, value in changes.items():
        object.__setattr__(job, name, value)
    with pytest.raises(error):
        room.train(job)
    assert room.trainer.calls == 0
    assert list(room.store.names()) == []


def test_models_are_shown_and_missed(tmp_path: Path) -> None:
    """The list holds what was trained; an unknown name is not found."""
    room = Room()
    room.train(small_job(tmp_path))
    models = Models(room.store)
    assert [(one.name, one.problem) for one in models.list()] == [("small", "")]
    assert models.show("small").frames == 2048
    with pytest.raises(NotFound):
        models.show("other")


def manifest() -> PolicyManifest:
    """Return the manifest of a model over two assets."""
    return random_artefact(assets=2).manifest


def test_a_panel_of_other_assets_is_refused() -> None:
    """Symbols, their order and the timeframe must be those of the training."""
    panel = persistent_panel(16, 2)
    manifest().require(panel)
    with pytest.raises(ArtefactError, match="S1/USDT, S0/USDT"):
        manifest().require(panel.select(panel.symbols[::-1]))
    with pytest.raises(ArtefactError, match="not on S0/USDT"):
        manifest().require(persistent_panel(16, 1))
    day = replace(
        panel, timeframe=Timeframe.parse("1d"), open_time=np.arange(16, dtype=np.int64) * 86_400_000
    )
    with pytest.raises(ArtefactError, match="1h bars, not 1d"):
        manifest().require(day)


def test_other_terms_are_named_but_not_refused() -> None:
    """A changed fee or setting calls for a new backtest; the same ones say nothing."""
    panel = persistent_panel(16, 2)
    assert manifest().differences(panel, SimulationSettings(slippage=700)) == ()
    found = manifest().differences(panel, SimulationSettings(slippage=5, stop_loss=20_000))
    assert found == (
        "simulation.slippage: trained at 700, now 5",
        "simulation.stop_loss: trained at 0, now 20000",
    )
    finer = replace(panel.instruments[0], lot_size=panel.instruments[0].lot_size / 10)
    other = replace(panel, instruments=(finer, panel.instruments[1]))
    found = manifest().differences(other, SimulationSettings(slippage=700))
    assert found == ("S0/USDT lot_size: trained at 0.0001, now 0.00001",)


def test_a_manifest_with_an_undefined_number_is_refused() -> None:
    """A figure that is not defined is None, never NaN."""
    with pytest.raises(ArtefactError, match="metric sharpe"):
        replace(manifest(), metrics={"sharpe": float("nan")})
