"""One decision of a 64 × 64 policy from Python: the native network beside SB3's predict."""

from __future__ import annotations

import statistics
import timeit
from collections.abc import Callable
from typing import Any

import numpy as np
from gymnasium import spaces
from mettle.adapters.learning.policy_agent import native_network
from mettle.adapters.learning.sb3_trainer import export_network
from stable_baselines3.common.policies import ActorCriticPolicy

INPUTS = 64
ACTIONS = 3


def run(full: bool) -> list[dict[str, Any]]:
    """Measure one row, and a batch by the row.

    Args:
        full: More repetitions.
    """
    policy = ActorCriticPolicy(
        spaces.Box(-np.inf, np.inf, (INPUTS,), np.float32),
        spaces.Box(-1.0, 1.0, (ACTIONS,), np.float32),
        lambda _: 3e-4,
        net_arch={"pi": [64, 64], "vf": [64, 64]},
    )
    mlp = native_network(export_network(policy))
    rng = np.random.default_rng(0)
    row = rng.standard_normal(INPUTS, dtype=np.float32)
    batch = rng.standard_normal((4096, INPUTS), dtype=np.float32)
    action = np.zeros(ACTIONS, dtype=np.float32)
    actions = np.zeros((len(batch), ACTIONS), dtype=np.float32)
    repeats = 9 if full else 5
    predict = _microseconds(lambda: policy.predict(row, deterministic=True), 300, repeats)
    single = _microseconds(lambda: mlp.forward(row, action), 20_000, repeats)
    rows = _microseconds(lambda: mlp.forward(batch, actions), 20, repeats)
    rows = [one / len(batch) for one in rows]
    return [
        _row("decision of 64-64-64-3, from Python", single, predict),
        _row("decision of 64-64-64-3, inside the loop", rows, predict),
        _row("SB3 predict", predict, None),
    ]


def _microseconds(call: Callable[[], object], number: int, repeats: int) -> list[float]:
    call()
    return [one / number * 1e6 for one in timeit.repeat(call, number=number, repeat=repeats)]


def _row(name: str, values: list[float], peer: list[float] | None) -> dict[str, Any]:
    quarters = statistics.quantiles(values, n=4)
    row: dict[str, Any] = {
        "name": name,
        "value": statistics.median(values),
        "unit": "µs",
        "spread": (quarters[2] - quarters[0]) / statistics.median(values),
    }
    if peer is not None:
        row["peer"] = f"SB3 predict {statistics.median(peer):.1f}"
        row["ratio"] = statistics.median(peer) / row["value"]
    return row
