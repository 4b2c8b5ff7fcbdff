"""The environment on a GPU, where there is one."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from mettle.adapters.simulation.cuda_batch import CudaMarketBatch, cuda_module
from mettle.adapters.simulation.market_batch import BatchSettings
from mettle.domain.errors import NotFound
from mettle.domain.simulation.settings import SimulationSettings

from ._market import EPISODE, features, walk
from ._race import Pace, race, rate
from ._rows import Row, Shown, absent, figure

_BARS, _ASSETS = 50_000, 4
_POPULATIONS = (4_096, 262_144)
_STEPS = 64  # queued before the GPU is waited for


def stepped_on_a_gpu(pace: Pace) -> list[Row]:
    """Measure steps a second, actions and observations staying on the GPU."""
    names = {count: f"4 × 14, 50k bars, {count:,} environments on a GPU" for count in _POPULATIONS}
    try:
        cuda_module()
    except NotFound as error:
        there = torch.cuda.is_available()
        why = error.message if there else "this machine has no GPU"
        return [absent(name, why) | {"beyond_reach": not there} for name in names.values()]
    sides = {
        name: rate(_stepper(count), pace.seconds, count * _STEPS) for count, name in names.items()
    }
    rates, _ = race(sides, pace.rounds)
    return [figure(name, found, Shown("M steps/s", 1e6)) for name, found in rates.items()]


def _stepper(environments: int) -> Callable[[], None]:
    """Return a call that queues steps with random actions in turn, and waits for the last."""
    panel = walk(_BARS, _ASSETS)
    known = np.ones(panel.close.shape, dtype=np.bool_)
    shape = BatchSettings(environments, episode_length=EPISODE)
    market = CudaMarketBatch(panel, features(_BARS, _ASSETS), known, SimulationSettings(), shape)
    drawn = torch.rand((16, environments, _ASSETS), device=market.device) * 2 - 1
    actions = list(drawn.unbind())

    def step() -> None:
        for turn in range(_STEPS):
            market.step(actions[turn % len(actions)])
        market.check()

    return step
