"""Training: frames a second of SB3's PPO and of our own learners on the native market.

All learn the same network with the same batches and epochs. Beside them stands SB3's PPO on an
environment of no cost: what any environment under it can reach at best. PyTorch gets the number of
threads that suits SB3 better: on a busy machine several of them wait for each other.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from mettle.adapters.learning.native_learner import NativeLearner
from mettle.adapters.learning.tensor.cuda_market import CudaMarket
from mettle.adapters.learning.tensor.learner import TensorLearner
from mettle.adapters.learning.tensor.market import HostMarket, TensorMarket
from mettle.adapters.market_data.synthetic import synthetic_panel
from mettle.adapters.simulation.cuda_batch import CudaMarketBatch
from mettle.adapters.simulation.market_batch import BatchSettings, MarketBatch
from mettle.adapters.simulation.sb3_vec_env import MarketVecEnv
from mettle.application.market import MarketPanel
from mettle.application.ports.trainer import PpoSettings
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
_UNIT = ("k frames/s", 1e3)
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


class Timed:
    """What rollouts with their updates took, on the clock and of the processors.

    Args:
        turn: One rollout and its update.
    """

    def __init__(self, turn: Callable[[], object]) -> None:
        self._turn = turn
        self._clock = self._cpu = 0.0
        self.rates: list[float] = []
        self.cpu_rates: list[float] = []
        turn()

    def run(self) -> None:
        """Take one turn."""
        clock, cpu = time.perf_counter(), time.process_time()
        self._turn()
        self._clock += time.perf_counter() - clock
        self._cpu += time.process_time() - cpu

    def end(self, turns: int) -> None:
        """Keep the rates of the last turns."""
        frames = turns * ROLLOUT * ENVIRONMENTS
        self.rates.append(frames / self._clock)
        self.cpu_rates.append(frames / self._cpu)
        self._clock = self._cpu = 0.0


def run(full: bool, periods: int | None = None) -> list[dict[str, Any]]:
    """Measure PPO with 64 × 64 units, each learner in turn.

    Args:
        full: More repetitions.
        periods: How many, if neither 4 nor 8.
    """
    market = MarketVecEnv(_market(0))
    null = NullVecEnv(_box(market.observation_space), _box(market.action_space))
    sb3, idle = Timed(_sb3(market)), Timed(_sb3(null))
    threads = os.cpu_count() or 1
    torch.set_num_threads(_favoured(sb3, threads))
    natives = {count: Timed(_native(count)) for count in sorted({1, threads})}
    tensors = Timed(_tensors(HostMarket(_market(0)), torch.device("cpu")).learn)
    timed = [sb3, idle, *natives.values(), tensors]
    for _ in range(periods or (8 if full else 4)):
        for turn in range(PERIOD):
            # One rollout each in turn: what drifts in the machine hits all alike.
            for one in timed if turn % 2 == 0 else reversed(timed):
                one.run()
        for one in timed:
            one.end(PERIOD)
    name = f"PPO 64 × 64, {ENVIRONMENTS} × {ROLLOUT}, batch {BATCH}, {EPOCHS} epochs"
    ratios = _ratios(sb3.rates, idle.rates)
    return [
        {
            **_figure(f"SB3 {name}: market of {ASSETS} × {FEATURES}", sb3.rates, *_UNIT),
            "peer": f"null environment {statistics.median(idle.rates) / 1e3:.1f}",
            "ratio": statistics.median(ratios),
            "ratios": ratios,
        },
        _figure(f"SB3 {name}: null environment", idle.rates, *_UNIT),
        _figure("market to null, pairwise", ratios, "ratio", 1.0),
        *(
            _beside(f"native {name}: same market, threads: {count}", one.rates, sb3.rates)
            for count, one in natives.items()
        ),
        _beside(
            "the same per second of processor time, threads: 1",
            natives[1].cpu_rates,
            sb3.cpu_rates,
        ),
        _beside(f"torch {name}: same market, on the processor", tensors.rates, sb3.rates),
    ]


def gpu_learner(environments: int) -> TensorLearner:
    """Return a learner that plays and learns on a GPU, with as many minibatches as the others.

    Raises:
        NotFound: If the market was not built for it.
    """
    device = torch.device("cuda")
    return _tensors(CudaMarket(CudaMarketBatch(*_scene(environments), device)), device)


def _beside(name: str, ours: Sequence[float], theirs: Sequence[float]) -> dict[str, Any]:
    ratios = _ratios(ours, theirs)
    return {
        **_figure(name, ours, *_UNIT),
        "peer": f"SB3 {statistics.median(theirs) / 1e3:.1f}",
        "ratio": statistics.median(ratios),
        "ratios": ratios,
    }


def _favoured(sb3: Timed, most: int) -> int:
    """Return the number of PyTorch's threads with which SB3 is quicker here and now."""
    rates = {}
    for count in sorted({1, most}):
        torch.set_num_threads(count)
        sb3.run()
        sb3.end(1)
        rates[count] = sb3.rates.pop()
        sb3.cpu_rates.pop()
    return max(rates, key=rates.__getitem__)


def _ratios(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    return [a / b for a, b in zip(ours, theirs, strict=True)]


def _market(threads: int) -> MarketBatch:
    return MarketBatch(*_scene(ENVIRONMENTS, threads))


def _scene(
    environments: int, threads: int = 0
) -> tuple[MarketPanel, NDArray[np.float32], NDArray[np.bool_], SimulationSettings, BatchSettings]:
    panel = synthetic_panel(1, ASSETS, 50_000)
    shape = (*panel.close.shape, FEATURES)
    features = np.random.default_rng(0).standard_normal(shape, dtype=np.float32)
    valid = np.ones(panel.close.shape, dtype=np.bool_)
    batch = BatchSettings(environments, episode_length=EPISODE, threads=threads)
    return panel, features, valid, SimulationSettings(), batch


def _box(space: spaces.Space[Any]) -> spaces.Box:
    assert isinstance(space, spaces.Box)
    return space


def _sb3(env: VecEnv) -> Callable[[], object]:
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
    model.set_logger(configure(tempfile.gettempdir(), []))
    return lambda: model.learn(ROLLOUT * ENVIRONMENTS, reset_num_timesteps=False)


def _native(threads: int) -> Callable[[], object]:
    return NativeLearner(_market(threads), _settings(ENVIRONMENTS), 1, threads).learn


def _tensors(market: TensorMarket, device: torch.device) -> TensorLearner:
    return TensorLearner(
        market,
        _settings(market.environments),
        1,
        device,
        inputs=market.observation_size,
        see=lambda one: one,
    )


def _settings(environments: int) -> PpoSettings:
    return PpoSettings(
        environments=environments,
        rollout=ROLLOUT,
        batch_size=BATCH * environments // ENVIRONMENTS,
        epochs=EPOCHS,
        initial_log_std=0.0,
    )


def _figure(name: str, values: Sequence[float], unit: str, scale: float) -> dict[str, Any]:
    scaled = [one / scale for one in values]
    quarters = statistics.quantiles(scaled, n=4)
    return {
        "name": name,
        "value": statistics.median(scaled),
        "unit": unit,
        "spread": (quarters[2] - quarters[0]) / statistics.median(scaled),
    }
