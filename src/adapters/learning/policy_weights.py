"""Weights of our own learners: how they begin, and the policy that they make."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ...application.learning.policy import DenseLayer, Network
from ...application.ports.trainer import PpoSettings

Weights = dict[str, NDArray[np.float32]]

_HIDDEN_GAIN = math.sqrt(2)
_GAINS = {"action_net.weight": 0.01, "value_net.weight": 1.0}


def first_weights(shapes: Mapping[str, tuple[int, ...]], ppo: PpoSettings, seed: int) -> Weights:
    """Return the weights that Stable-Baselines3 begins with, of an own generator.

    Weights are orthogonal (Saxe et al. 2014) with gain √2, 0.01 for the actions and 1 for the
    value; biases are nil.

    Args:
        shapes: By the names of Stable-Baselines3's state.
    """
    rng = np.random.Generator(np.random.Philox(seed))
    made: Weights = {}
    for name, shape in shapes.items():
        if name == "log_std":
            made[name] = np.full(shape, ppo.initial_log_std, dtype=np.float32)
        elif len(shape) == 1:
            made[name] = np.zeros(shape, dtype=np.float32)
        else:
            rows, columns = shape
            made[name] = _orthogonal(rng, rows, columns, _GAINS.get(name, _HIDDEN_GAIN))
    return made


def _orthogonal(
    rng: np.random.Generator, rows: int, columns: int, gain: float
) -> NDArray[np.float32]:
    tall = rng.standard_normal((max(rows, columns), min(rows, columns)))
    q, r = np.linalg.qr(tall)
    q *= np.sign(np.diag(r))  # makes the draw uniform (Mezzadri 2007)
    return np.ascontiguousarray(gain * (q if rows >= columns else q.T), dtype=np.float32)


def policy_network(weights: Weights) -> Network:
    """Return the part of the weights that decides: hidden layers and the means of the actions."""
    names = [name for name in weights if name.startswith("mlp_extractor.policy_net.")]
    parts = [name.removesuffix(".weight") for name in names if name.endswith(".weight")]
    return Network(
        tuple(
            DenseLayer(weights[f"{one}.weight"], weights[f"{one}.bias"])
            for one in [*parts, "action_net"]
        ),
        "tanh",
    )
