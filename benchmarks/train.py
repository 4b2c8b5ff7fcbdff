"""Training: frames a second of SB3's PPO on the native market, beside an environment of no cost."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from mettle.adapters.market_data.synthetic import synthetic_panel
from mettle.adapters.simulation.market_batch import BatchSettings, MarketBatch
from mettle.adapters.simulation.sb3_vec_env import MarketVecEnv
from mettle.domain.simulation.settings import SimulationSettings
from numpy.typing import NDArray
from stable_baselines3 import PPO
from stable_baselines3.common.logger import configure
from stable_baselines3.common.vec_env import VecEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnvIndices, VecEnvStepReturn

ENVIRONMENTS = 1024
ROLLOUT = 64
BATCH = 16_384
EPOCHS = 4
ASSETS = 4
FEATURES = 14
EPISODE = 512
# An episode's end falls into one rollout of eight: whole periods only, so that no run is lucky.
PERIOD = EPISODE // ROLLOUT


class NullVecEnv(VecEnv):
    """Hands out the same arrays for ever: the spaces of the market and none of its work."""

    def __init__(self, observation: spaces.Box, action: spaces.Box) -> None:
        super().__init__(ENVIRONMENTS, observation, action)
        rng = np.random.default_rng(0)
        self._sides = [
            rng.standard_normal((ENVIRONMENTS, *observation.shape), dtype=np.float32)
            for _ in range(2)
        ]
        self._rewards = rng.standard_normal(ENVIRONMENTS, dtype=np.float32)
        self._dones = np.zeros(ENVIRONMENTS, dtype=np.bool_)
        self._infos: list[dict[str, Any]] = [{} for _ in range(ENVIRONMENTS)]

    def reset(self) -> NDArray[np.float32]:
        """Return the first observations."""
        return self._sides[0]

    def step_async(self, actions: NDArray[np.float32]) -> None:
        """Do nothing."""

    def step_wait(self) -> VecEnvStepReturn:
        """Return what was there before."""
        self._sides.reverse()
        return self._sides[0], self._rewards, self._dones, self._infos

    def close(self) -> None:
        """Do nothing."""

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[None]:
        """Know no attribute."""
        del attr_name
        return [None for _ in self._get_indices(indices)]

    def set_attr(self, *_: object, **__: object) -> None:
        """Do nothing."""

    def env_method(self, *_: object, **__: object) -> list[object]:
        """Return nothing."""
        return []

    def env_is_wrapped(self, wrapper_class: object, indices: VecEnvIndices = None) -> list[bool]:
        """Return False for every environment."""
        del wrapper_class
        return [False for _ in self._get_indices(indices)]


def run(full: bool) -> list[dict[str, Any]]:
    """Measure PPO with 64 × 64 units on both environments in turn.

    Args:
        full: More repetitions.
    """
    market = _market()
    null = NullVecEnv(_box(market.observation_space), _box(market.action_space))
    models = [_model(market), _model(null)]
    for model in models:
        _seconds(model)
    ours: list[float] = []
    theirs: list[float] = []
    for _ in range(8 if full else 4):
        seconds = [0.0, 0.0]
        for turn in range(PERIOD):
            # One rollout each in turn: what drifts in the machine hits both alike.
            for which in (0, 1) if turn % 2 == 0 else (1, 0):
                seconds[which] += _seconds(models[which])
        frames = PERIOD * ROLLOUT * ENVIRONMENTS
        ours.append(frames / seconds[0])
        theirs.append(frames / seconds[1])
    ratios = [a / b for a, b in zip(ours, theirs, strict=True)]
    name = f"SB3 PPO 64 × 64, {ENVIRONMENTS} × {ROLLOUT}, batch {BATCH}, {EPOCHS} epochs"
    return [
        {
            **_figure(f"{name}: market of {ASSETS} × {FEATURES}", ours, "k frames/s", 1e3),
            "peer": f"null environment {statistics.median(theirs) / 1e3:.1f}",
            "ratio": statistics.median(ratios),
        },
        _figure(f"{name}: null environment", theirs, "k frames/s", 1e3),
        _figure("market to null, pairwise", ratios, "ratio", 1.0),
    ]


def _market() -> MarketVecEnv:
    panel = synthetic_panel(1, ASSETS, 50_000)
    shape = (*panel.close.shape, FEATURES)
    features = np.random.default_rng(0).standard_normal(shape, dtype=np.float32)
    valid = np.ones(panel.close.shape, dtype=np.bool_)
    settings = BatchSettings(ENVIRONMENTS, episode_length=EPISODE)
    return MarketVecEnv(MarketBatch(panel, features, valid, SimulationSettings(), settings))


def _box(space: spaces.Space[Any]) -> spaces.Box:
    assert isinstance(space, spaces.Box)
    return space


def _model(env: VecEnv) -> PPO:
    model = PPO(
        "MlpPolicy",
        env,
        n_steps=ROLLOUT,
        batch_size=BATCH,
        n_epochs=EPOCHS,
        policy_kwargs={"net_arch": [64, 64], "activation_fn": torch.nn.Tanh},
        seed=1,
        device="cpu",
    )
    # Without a folder of its own it leaves an empty one in /tmp behind.
    model.set_logger(configure(tempfile.gettempdir(), []))
    return model


def _seconds(model: PPO) -> float:
    """Return what one rollout and its update take."""
    begun = time.perf_counter()
    model.learn(ROLLOUT * ENVIRONMENTS, reset_num_timesteps=False)
    return time.perf_counter() - begun


def _figure(name: str, values: Sequence[float], unit: str, scale: float) -> dict[str, Any]:
    scaled = [one / scale for one in values]
    quarters = statistics.quantiles(scaled, n=4)
    return {
        "name": name,
        "value": statistics.median(scaled),
        "unit": unit,
        "spread": (quarters[2] - quarters[0]) / statistics.median(scaled),
    }
