"""MarketVecEnv: the native market as a Stable-Baselines3 vector environment."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.vec_env import VecEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnvIndices, VecEnvStepReturn

from ...domain.errors import InvalidValue
from .market_batch import MarketBatch


class MarketVecEnv(VecEnv):
    """Steps a :class:`MarketBatch`; infos are filled for finished episodes only.

    Observations, rewards and dones are views that the step after the next overwrites, which is as
    long as SB3's rollouts look at them. A finished environment's info holds
    ``terminal_observation``, ``TimeLimit.truncated`` and ``episode`` (r, l, t).
    """

    def __init__(self, batch: MarketBatch) -> None:
        self.batch = batch
        self._actions = np.zeros((batch.environments, batch.assets), dtype=np.float32)
        self._infos: list[dict[str, Any]] = [{} for _ in range(batch.environments)]
        self._told: NDArray[np.intp] = np.empty(0, dtype=np.intp)
        self._fresh = True
        self._started = time.monotonic()
        super().__init__(
            batch.environments,
            spaces.Box(-np.inf, np.inf, (batch.observation_size,), np.float32),
            spaces.Box(-1.0, 1.0, (batch.assets,), np.float32),
        )

    def reset(self) -> NDArray[np.float32]:
        """Begin the first episodes of the seed given, else of the batch, then the next ones."""
        seed = self._seeds[0]
        if seed is None and self._fresh:
            seed = self.batch.batch.seed
        self._fresh = False
        self._reset_seeds()
        return self.batch.reset(seed).observations

    def step_async(self, actions: NDArray[np.float32]) -> None:
        """Keep the actions, shape (N, A), float32."""
        self._actions = actions

    def step_wait(self) -> VecEnvStepReturn:
        """Advance by one bar."""
        output = self.batch.step(self._actions)
        infos = self._infos
        for index in self._told:
            infos[index] = {}
        self._told = np.flatnonzero(output.done)
        if len(self._told):
            self._tell(self._told)
        return output.observations, output.rewards, output.done, infos

    def _tell(self, finished: NDArray[np.intp]) -> None:
        """Fill the infos of the environments that have just finished."""
        ends, truncated = self.batch.finished, self.batch.output.truncated
        elapsed = round(time.monotonic() - self._started, 6)
        for index in finished:
            self._infos[index] = {
                "terminal_observation": ends.observations[index].copy(),
                "TimeLimit.truncated": bool(truncated[index]),
                "episode": {
                    "r": float(ends.returns[index]),
                    "l": int(ends.lengths[index]),
                    "t": elapsed,
                },
            }

    def snapshot(self) -> bytes:
        """Return the state of the market; see :meth:`MarketBatch.snapshot`."""
        return self.batch.snapshot()

    def restore(self, state: bytes) -> NDArray[np.float32]:
        """Continue from a snapshot and return its observations.

        Raises:
            DataError: If it does not belong to this market.
        """
        self._fresh = False
        return self.batch.restore(state).observations

    def close(self) -> None:
        """Do nothing: the threads end with the batch."""

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[Any]:
        """Return an attribute of this object, once for every environment asked for."""
        value = None if attr_name == "render_mode" else getattr(self, attr_name)
        return [value for _ in self._get_indices(indices)]

    def set_attr(  # the arguments are VecEnv's
        self,
        attr_name: str,
        value: Any,  # noqa: ARG002
        indices: VecEnvIndices = None,  # noqa: ARG002
    ) -> None:
        """Refuse: the environments share one native object."""
        raise InvalidValue(f"{attr_name} of single environments cannot be set in a native market")

    def env_method(  # the arguments are VecEnv's
        self,
        method_name: str,
        *method_args: Any,  # noqa: ARG002
        indices: VecEnvIndices = None,  # noqa: ARG002
        **method_kwargs: Any,  # noqa: ARG002
    ) -> list[Any]:
        """Refuse: the environments share one native object."""
        raise InvalidValue(f"{method_name} of single environments cannot be called here")

    def env_is_wrapped(  # the arguments are VecEnv's
        self,
        wrapper_class: type[Any],  # noqa: ARG002
        indices: VecEnvIndices = None,
    ) -> list[bool]:
        """Return False for every environment asked for."""
        return [False for _ in self._get_indices(indices)]

    def get_images(self) -> Sequence[NDArray[np.uint8] | None]:
        """Return no images."""
        return [None] * self.num_envs
