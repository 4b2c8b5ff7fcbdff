"""PPO: Stable-Baselines3 on our market against one that does nothing, and our own learners."""

from __future__ import annotations

import os

import torch
from mettle.domain.errors import NotFound

from benchmarks import train

from ._race import Pace, rate
from ._rows import Goal, Row, Shown, absent, figure, quartiles

_GOALS = {"SB3 PPO": Goal(0.95), "native PPO": Goal(3)}
_ON_GPU = 16_384  # environments: a GPU is idle with fewer
_GPU = f"torch PPO 64 × 64, {_ON_GPU} × {train.ROLLOUT}: rollout and update on a GPU"
_GPU_GOAL = Goal(5, "least")
_FRAMES = Shown("M frames/s", 1e6)
_CAPTURED = 5  # rollouts after which every CUDA graph is there


def run(pace: Pace) -> list[Row]:
    """Race the learners: a rollout and its update each in turn, ``pace.rounds`` periods of them."""
    rows = [_judged(one) for one in train.run(full=False, periods=pace.rounds)]
    return [*rows, _on_gpu(pace)]


def _on_gpu(pace: Pace) -> Row:
    words = _GPU_GOAL.words(_FRAMES.unit)
    if not torch.cuda.is_available():
        return absent(_GPU, "this machine has no GPU", words) | {"beyond_reach": True}
    try:
        learner = train.gpu_learner(_ON_GPU)
    except NotFound as error:
        return absent(_GPU, error.message, words)
    for _ in range(_CAPTURED):
        learner.learn()
    measure = rate(learner.learn, pace.seconds, learner.rollout.frames)
    return figure(_GPU, [measure() for _ in range(pace.rounds)], _FRAMES, _GPU_GOAL)


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
