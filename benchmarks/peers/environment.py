"""Environments: gym-trading-env, gym-anytrading, EnvPool's CartPole, and one in FinRL's manner."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from ._worker import Measure, calls, data, serve

ENVIRONMENTS = 4096
_BURST = 200


def gym_trading_env(window: int | None) -> Measure:
    """Set up one market of 14 features, with a fee; it plays one asset."""
    import pandas as pd
    from gym_trading_env.environments import TradingEnv

    arrays = data()
    names = ("open", "high", "low", "close", "volume")
    frame = pd.DataFrame({name: arrays[name][:, 0] for name in names})
    for column in range(14):
        frame[f"feature_{column}"] = arrays["features"][:, 0, column]
    frame.index = pd.date_range("2020-01-01", periods=len(frame), freq="h")
    environment = TradingEnv(
        df=frame,
        positions=[0, 0.25, 0.5, 0.75, 1],
        windows=window,
        trading_fees=0.001,
        portfolio_initial_value=1e6,
        max_episode_duration=512,
        verbose=0,
    )
    return _alone(environment, np.random.default_rng(1).integers(0, 5, 4096).tolist())


def gym_anytrading() -> Measure:
    """Set up its stock market with the 14 features in place of its own two."""
    import pandas as pd
    from gym_anytrading.envs import StocksEnv

    arrays = data()
    table = np.ascontiguousarray(arrays["features"][:, 0])

    class Market(StocksEnv):
        """Reads the 14 features."""

        def _process_data(self) -> tuple[Any, Any]:
            return self.df["Close"].to_numpy(), table

    frame = pd.DataFrame({"Close": arrays["close"][:, 0]})
    environment = Market(frame, window_size=1, frame_bound=(1, len(frame)))
    return _alone(environment, np.random.default_rng(1).integers(0, 2, 4096).tolist())


def finrl_style() -> Measure:
    """Set up 4 assets × 14 features."""
    from ._finrl import StockEnvironment

    arrays = data()
    features = arrays["features"].reshape(len(arrays["features"]), -1)
    actions = np.random.default_rng(1).uniform(-1, 1, (4096, arrays["close"].shape[1]))
    return _alone(StockEnvironment(arrays["close"], features), list(actions.astype(np.float32)))


def envpool(environments: int, threads: int) -> Measure:
    """Set up CartPole in one batch, stepped in step."""
    from envpool import make_gymnasium

    pool = make_gymnasium("CartPole-v1", num_envs=environments, num_threads=threads)
    pool.reset()
    rng = np.random.default_rng(1)
    actions = itertools.cycle(list(rng.integers(0, 2, (16, environments)).astype(np.int32)))
    return calls(lambda: pool.step(next(actions)), environments)


def _alone(environment: Any, actions: Sequence[Any]) -> Measure:
    """Return the measurement of one environment, stepped by itself, episodes begun anew."""
    environment.reset(seed=1)
    turns = itertools.cycle(actions)
    step, reset = environment.step, environment.reset

    def burst() -> None:
        for action in itertools.islice(turns, _BURST):
            _, _, terminated, truncated, _ = step(action)
            if terminated or truncated:
                reset()

    return calls(burst, _BURST)


CASES: dict[str, Callable[[], Measure]] = {
    "gym-trading-env": partial(gym_trading_env, None),
    "gym-trading-env, window 64": partial(gym_trading_env, 64),
    "gym-anytrading": gym_anytrading,
    "FinRL-style": finrl_style,
    "EnvPool CartPole, 1 thread": partial(envpool, ENVIRONMENTS, 1),
    "EnvPool CartPole, 2 threads": partial(envpool, ENVIRONMENTS, 2),
}

if __name__ == "__main__":
    serve(CASES, ("gym-trading-env", "gym-anytrading", "envpool", "gymnasium", "numpy"))
