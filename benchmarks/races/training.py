"""PPO: Stable-Baselines3 on our market against one that does nothing, and the native learner."""

from __future__ import annotations

import os

import torch

from benchmarks import train

from ._race import Pace
from ._rows import Goal, Row, absent, quartiles

_GOALS = {"SB3 PPO": Goal(0.95), "native PPO": Goal(3)}
_GPU = "rollout and update on a GPU"
_GPU_GOAL = "≥ 5 M frames/s"


def run(pace: Pace) -> list[Row]:
    """Race the learners: a rollout and its update each in turn, ``pace.rounds`` periods of them."""
    rows = [_judged(one) for one in train.run(full=False, periods=pace.rounds)]
    there = torch.cuda.is_available()
    why = "no row of this race runs on it" if there else "this machine has no GPU"
    return [*rows, absent(_GPU, why, _GPU_GOAL) | {"beyond_reach": not there}]


def _judged(row: Row) -> Row:
    """Return the row with its ratio's quartiles and, where the table has one, its goal."""
    ratios = row.get("ratios")
    if ratios is None:
        return row
    low, middle, high = quartiles(ratios)
    row = row | {"ratio": middle, "quartiles": [low, high]}
    goal = next((one for start, one in _GOALS.items() if row["name"].startswith(start)), None)
    # The table's goal for the learner is for all of the machine's processors.
    everything = f"threads: {os.cpu_count() or 1}"
    if goal is None or ("threads:" in row["name"] and not row["name"].endswith(everything)):
        return row
    share = middle / goal.bound
    verdict = "reached" if share >= 1 else "short"
    return row | {"goal": goal.words(""), "share": share, "verdict": verdict}
