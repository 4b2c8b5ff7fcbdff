"""Small markets with an edge, policies with random weights, and jobs that train in a second."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import numpy as np
from mettle.application.learning.artefact import (
    DenseLayer,
    InstrumentTerms,
    Network,
    PolicyArtefact,
    PolicyManifest,
)
from mettle.application.learning.scaler import FeatureScaler
from mettle.application.market import MarketPanel
from mettle.application.ports.trainer import PpoSettings, TrainingJob
from mettle.domain.market import BarState, FeeSchedule, Instrument, Symbol, Timeframe
from mettle.domain.signals.features import FeatureSet, FeatureSpec
from mettle.domain.simulation.settings import SimulationSettings

LAST_RETURN = FeatureSet((FeatureSpec("log_return", (1,)),))
TWO_RETURNS = FeatureSet((FeatureSpec("log_return", (1,)), FeatureSpec("log_return", (5,))))


def persistent_panel(bars: int = 1500, assets: int = 1, seed: int = 0) -> MarketPanel:
    """Return a market that moves 1 % a bar and keeps its direction nine times in ten.

    Whoever sees the last return knows the next one's sign; fees are nil.
    """
    rng = np.random.default_rng(seed)
    flips = np.where(rng.random((bars, assets)) < 0.1, -1.0, 1.0)
    moves = 0.01 * np.cumprod(flips, axis=0)
    moves -= moves.mean(axis=0)
    close = np.rint(100_000 * np.exp(np.cumsum(moves, axis=0))).astype(np.int64)
    opens = np.vstack([np.full((1, assets), 100_000), close[:-1]]).astype(np.int64)
    nothing = np.zeros((bars, assets), dtype=np.int64)
    return MarketPanel(
        timeframe=Timeframe.parse("1h"),
        instruments=tuple(
            Instrument(
                Symbol.parse(f"S{i}/USDT"),
                Decimal("0.01"),
                Decimal("0.0001"),
                FeeSchedule.flat(0, 0),
            )
            for i in range(assets)
        ),
        open_time=np.arange(bars, dtype=np.int64) * 3_600_000,
        open=opens,
        high=np.maximum(opens, close),
        low=np.minimum(opens, close),
        close=close,
        volume=np.full((bars, assets), 10**6, dtype=np.int64),
        state=np.full((bars, assets), int(BarState.TRADED), dtype=np.uint8),
        funding_open=nothing,
        funding_inside=nothing,
        synthetic=True,
    )


def random_network(*sizes: int, seed: int = 0, activation: str = "tanh") -> Network:
    """Return a network of these widths whose sums are of order one."""
    rng = np.random.default_rng(seed)
    layers = tuple(
        DenseLayer(
            (rng.normal(size=(wide, deep)) / np.sqrt(deep)).astype(np.float32),
            rng.normal(scale=0.1, size=wide).astype(np.float32),
        )
        for deep, wide in pairwise(sizes)
    )
    return Network(layers, activation)


def random_artefact(
    name: str = "model", assets: int = 2, window: int = 3, seed: int = 0
) -> PolicyArtefact:
    """Return a policy over ``TWO_RETURNS`` with every part of its manifest filled in."""
    panel = persistent_panel(16, assets)
    network = random_network(1 + 3 * assets + window * assets * 2, 9, 5, assets, seed=seed)
    rng = np.random.default_rng(seed)
    manifest = PolicyManifest(
        name=name,
        created_at=1_700_000_000_000 + seed,
        code_version="0.1.0",
        instruments=tuple(map(InstrumentTerms.of, panel.instruments)),
        timeframe=panel.timeframe,
        period=(0, 16 * 3_600_000),
        data_hash=panel.data_hash,
        synthetic=True,
        feature_set=TWO_RETURNS,
        scaler=FeatureScaler(rng.normal(size=(assets, 2)), 0.1 + rng.random((assets, 2))),
        window=window,
        sizes=network.sizes,
        activation=network.activation,
        settings=SimulationSettings(slippage=700),
        ppo=PpoSettings(discount=1, hidden=(9, 5)),
        episode_length=64,
        seed=seed,
        frames=1024,
        metrics={"mean_episode_reward": 0.1, "explained_variance": None},
    )
    return PolicyArtefact(manifest, network)


SMALL_PPO = PpoSettings(
    environments=16, rollout=16, batch_size=64, epochs=2, learning_rate=1e-3, hidden=(8, 8)
)


def small_job(folder: Path) -> TrainingJob:
    """Return a job of eight rollouts of 256 frames, checkpointed at every second."""
    return TrainingJob(
        name="small",
        panel=persistent_panel(400),
        feature_set=LAST_RETURN,
        settings=SimulationSettings(slippage=0),
        folder=folder,
        frames=2048,
        seed=5,
        ppo=SMALL_PPO,
        episode_length=32,
        checkpoint_every=512,
        threads=1,
    )
