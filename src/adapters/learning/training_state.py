"""The whole state of a run of Stable-Baselines3 between two rollouts.

Between an update and the next rollout the rollout buffer is empty, so that weights, optimiser,
generators, environments and counters are all that there is: a run that continues from them equals
one that was never cut, bit for bit on a CPU.
"""

from __future__ import annotations

import random
from collections import deque
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3 import PPO

from ...domain.errors import DataError
from .jobs import EPISODES
from .markets import TrainingMarket
from .run_state import Tensors, TrainingState, under

# Stable-Baselines3 draws its minibatches from NumPy's global generator: that one must be kept.
_GLOBAL_NUMPY = np.random.mtrand._rand  # noqa: SLF001 - the object behind np.random.permutation


def capture(model: PPO, market: TrainingMarket) -> TrainingState:
    """Copy the state of a run that stands between two rollouts."""
    tensors: Tensors = {
        f"policy.{name}": _copy(value) for name, value in model.policy.state_dict().items()
    }
    for index, slots in model.policy.optimizer.state_dict()["state"].items():
        for name, value in slots.items():
            tensors[f"optimizer.{index}.{name}"] = _copy(value)
    tensors["market"] = np.frombuffer(market.snapshot(), dtype=np.uint8)
    tensors["last_obs"] = np.array(model._last_obs)  # noqa: SLF001 - no public accessor exists
    tensors["episode_starts"] = np.array(model._last_episode_starts, dtype=np.uint8)  # noqa: SLF001
    numbers: dict[str, Any] = {
        "num_timesteps": model.num_timesteps,
        "n_updates": model._n_updates,  # noqa: SLF001 - no public accessor exists
        "episodes": [[float(one[k]) for k in "rlt"] for one in model.ep_info_buffer or ()],
    }
    _capture_generators(model, tensors, numbers)
    return TrainingState(tensors, numbers)


def restore(state: TrainingState, model: PPO, market: TrainingMarket) -> None:
    """Put a state into a fresh run of the same job.

    Raises:
        DataError: If the state is of another network or market.
    """
    tensors = state.tensors
    try:
        policy = {name: torch.from_numpy(one) for name, one in under(tensors, "policy.").items()}
        model.policy.load_state_dict(policy)
        optimizer = model.policy.optimizer.state_dict()
        slots: dict[int, dict[str, torch.Tensor]] = {}
        for name, value in under(tensors, "optimizer.").items():
            index, _, slot = name.partition(".")
            slots.setdefault(int(index), {})[slot] = torch.from_numpy(value)
        optimizer["state"] = slots
        model.policy.optimizer.load_state_dict(optimizer)
        market.restore(tensors["market"].tobytes())
        model._last_obs = tensors["last_obs"]  # noqa: SLF001 - so that learn() does not reset
        model._last_episode_starts = tensors["episode_starts"].astype(bool)  # noqa: SLF001
        model.num_timesteps = state.frames
        model._n_updates = int(state.numbers["n_updates"])  # noqa: SLF001
        model.ep_info_buffer = deque(
            ({"r": r, "l": length, "t": t} for r, length, t in state.numbers["episodes"]),
            maxlen=EPISODES,
        )
        model.ep_success_buffer = deque(maxlen=EPISODES)  # the market reports no successes
        _restore_generators(state, model)
    except (KeyError, ValueError, RuntimeError, TypeError) as error:
        raise DataError(
            f"the checkpoint does not fit this run: {error}",
            mend="train again without resuming",
        ) from error


def _capture_generators(model: PPO, tensors: Tensors, numbers: dict[str, Any]) -> None:
    tensors["random.torch"] = torch.get_rng_state().numpy().copy()
    if model.device.type == "cuda":
        tensors["random.cuda"] = torch.cuda.get_rng_state(model.device).numpy().copy()
    legacy = _GLOBAL_NUMPY.get_state(legacy=False)
    tensors["random.numpy"] = np.array(legacy["state"]["key"], dtype=np.uint32)
    numbers["random_numpy"] = [
        int(legacy["state"]["pos"]),
        int(legacy["has_gauss"]),
        float(legacy["gauss"]),
    ]
    version, words, gauss = random.getstate()
    tensors["random.python"] = np.array(words, dtype=np.uint32)
    numbers["random_python"] = [version, gauss]


def _restore_generators(state: TrainingState, model: PPO) -> None:
    torch.set_rng_state(torch.from_numpy(state.tensors["random.torch"]))
    if model.device.type == "cuda":
        torch.cuda.set_rng_state(torch.from_numpy(state.tensors["random.cuda"]), model.device)
    position, has_gauss, gauss = state.numbers["random_numpy"]
    _GLOBAL_NUMPY.set_state(("MT19937", state.tensors["random.numpy"], position, has_gauss, gauss))
    version, next_gauss = state.numbers["random_python"]
    random.setstate((version, tuple(map(int, state.tensors["random.python"])), next_gauss))


def _copy(value: torch.Tensor) -> NDArray[Any]:
    return np.array(value.detach().cpu().numpy())
