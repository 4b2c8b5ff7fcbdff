"""One decision of a network of 64 × 64 units."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from gymnasium import spaces
from mettle.adapters.learning.policy_agent import native_network
from mettle.adapters.learning.sb3_trainer import export_network
from numpy.typing import NDArray
from stable_baselines3.common.policies import ActorCriticPolicy

from ._market import handed_out
from ._race import Pace, race, rate
from ._rows import Goal, Row, Shown, by_name, figure
from ._worker import Reading, Worker

INPUTS = 64
ACTIONS = 3
_ROWS = 4096
_BURST = 500
_TIME = Shown("µs", 1e6, time=True)
_SINGLE = "one decision, from Python"
_LOOP = "one decision, inside the loop"
_PEERS = ("SB3 predict", "onnxruntime", "numba")


def run(pace: Pace) -> list[Row]:
    """Race single decisions, and ours of many rows in one call."""
    policy = ActorCriticPolicy(
        spaces.Box(-np.inf, np.inf, (INPUTS,), np.float32),
        spaces.Box(-1.0, 1.0, (ACTIONS,), np.float32),
        lambda _: 3e-4,
        net_arch={"pi": [64, 64], "vf": [64, 64]},
    )
    network = native_network(export_network(policy))
    rng = np.random.default_rng(0)
    row = rng.standard_normal(INPUTS, dtype=np.float32)
    many = rng.standard_normal((_ROWS, INPUTS), dtype=np.float32)
    action, actions = np.zeros(ACTIONS, np.float32), np.zeros((_ROWS, ACTIONS), np.float32)
    seconds = pace.seconds
    with handed_out(row=row, **_weights(policy)) as data, Worker("decision", data) as peers:
        sides: dict[str, Callable[[], Reading]] = {
            _SINGLE: _rate(partial(network.forward, row, action), seconds),
            _LOOP: rate(partial(network.forward, many, actions), seconds, _ROWS),
            "SB3 predict": _rate(partial(policy.predict, row, deterministic=True), seconds),
            **{name: peers.rate(name, seconds) for name in _PEERS[1:]},
        }
        rates, absences = race(sides, pace.rounds)
    beside = by_name(rates, absences)
    return [
        figure(_SINGLE, rates[_SINGLE], _TIME, Goal(1.5, "most")),
        figure(_LOOP, rates[_LOOP], _TIME, Goal(0.5, "most")),
        *(beside(_SINGLE, _SINGLE, peer, _TIME) for peer in _PEERS),
    ]


def _rate(decide: Callable[[], object], seconds: float) -> Callable[[], Reading]:
    def burst() -> None:
        for _ in itertools.repeat(None, _BURST):
            decide()

    return rate(burst, seconds, _BURST)


def _weights(policy: ActorCriticPolicy) -> dict[str, NDArray[Any]]:
    """Return the actor's weights as ``w0 b0 w1 b1 w2 b2``."""
    state = policy.state_dict()
    layers = ("mlp_extractor.policy_net.0", "mlp_extractor.policy_net.2", "action_net")
    return {
        f"{short}{i}": state[f"{layer}.{name}"].numpy()
        for i, layer in enumerate(layers)
        for short, name in (("w", "weight"), ("b", "bias"))
    }
