"""Models of Stable-Baselines3, sound and hostile, made for tests and evidence."""

from __future__ import annotations

import base64
import io
import json
import pickle
import warnings
import zipfile
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from gymnasium.spaces import Box
from numpy.typing import NDArray
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

ASSETS, FEATURES = 2, 2


class Drifting(gym.Env[Any, Any]):
    """Observations of the right size, with a mean and a spread of their own for each entry."""

    def __init__(self, inputs: int) -> None:
        self._inputs = inputs
        self.observation_space = Box(-np.inf, np.inf, (inputs,), np.float32)
        self.action_space = Box(-1.0, 1.0, (ASSETS,), np.float32)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Begin an episode."""
        super().reset(seed=seed, options=options)
        return self._observe(), {}

    def step(self, action: NDArray[np.float32]) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Go on; a fifth of the episodes ends at each step."""
        return (
            self._observe(),
            float(-np.abs(action).sum()),
            self.np_random.random() < 0.2,
            False,
            {},
        )

    def _observe(self) -> NDArray[np.float32]:
        drawn = self.np_random.normal(size=self._inputs) * np.linspace(0.5, 2.0, self._inputs)
        return np.asarray(drawn + np.linspace(-1.0, 1.0, self._inputs), dtype=np.float32)


def make_sound(
    folder: Path, *, window: int = 1, portfolio: bool = True, relu: bool = False
) -> tuple[Path, Path]:
    """Write ``model.zip`` and ``vecnormalize.pkl`` of a briefly trained model."""
    inputs = window * ASSETS * FEATURES + (1 + 3 * ASSETS if portfolio else 0)
    market = VecNormalize(DummyVecEnv([lambda: Drifting(inputs)]))
    chosen = {"net_arch": [12, 6], **({"activation_fn": torch.nn.ReLU} if relu else {})}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = PPO("MlpPolicy", market, n_steps=32, batch_size=32, seed=3, policy_kwargs=chosen)
        model.learn(64)
    folder.mkdir(parents=True, exist_ok=True)
    model.save(folder / "model.zip")
    market.save(str(folder / "vecnormalize.pkl"))
    return folder / "model.zip", folder / "vecnormalize.pkl"


class Bomb:
    """What a hostile pickle has called: the given function with the given arguments."""

    def __init__(self, function: object, *arguments: object) -> None:
        self._call = (function, arguments)

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        """Say how to make it again: by calling."""
        return self._call


def zip_parts(path: Path) -> dict[str, bytes]:
    """Return the parts of a zip."""
    with zipfile.ZipFile(path) as file:
        return {name: file.read(name) for name in file.namelist()}


def zipped(parts: dict[str, bytes]) -> bytes:
    """Return parts as a zip."""
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in parts.items():
            file.writestr(name, data)
    return whole.getvalue()


def with_entry(parts: dict[str, bytes], name: str, pickled: bytes) -> bytes:
    """Return the zip with another pickle in one entry of its ``data``."""
    settings = json.loads(parts["data"])
    settings[name] = {":type:": "x", ":serialized:": base64.b64encode(pickled).decode()}
    return zipped({**parts, "data": json.dumps(settings).encode()})


def pickled(thing: object) -> bytes:
    """Return a pickle."""
    return pickle.dumps(thing)
