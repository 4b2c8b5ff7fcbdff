"""An environment in the manner of FinRL's: NumPy arrays, one share at a time, in plain Python.

Written anew after what FinRL's numpy environments do in a step: actions are numbers of shares,
sales come first and then purchases, one asset after the other, with a fee on each; the state is
cash, prices, holdings and indicators in one array; the reward is the change of what is owned.
"""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

_LARGEST = 100.0
_FEE = 0.001
_SCALE = 2.0**-11


class StockEnvironment(gymnasium.Env):
    """One account over prices (T, A) and indicators (T, A × F).

    Args:
        prices: Closes, shape (T, A).
        indicators: Shape (T, A × F), float32.
    """

    def __init__(self, prices: NDArray[np.float64], indicators: NDArray[np.float32]) -> None:
        self._prices, self._indicators = prices, indicators
        assets = prices.shape[1]
        width = 1 + 2 * assets + indicators.shape[1]
        self.observation_space = gymnasium.spaces.Box(-np.inf, np.inf, (width,), np.float32)
        self.action_space = gymnasium.spaces.Box(-1.0, 1.0, (assets,), np.float32)

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[Any, dict[str, Any]]:
        """Begin at the first bar with cash only."""
        super().reset(seed=seed, options=options)
        self._bar = 0
        self._cash = 1e6
        self._shares = np.zeros(self._prices.shape[1])
        self._total = self._cash
        return self._state(self._prices[0]), {}

    def step(
        self, action: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        """Sell, buy, and move on by one bar."""
        self._bar += 1
        price = self._prices[self._bar]
        wanted = action * _LARGEST
        for asset in np.flatnonzero(wanted < 0):
            if self._shares[asset] > 0 and price[asset] > 0:
                sold = min(self._shares[asset], -wanted[asset])
                self._shares[asset] -= sold
                self._cash += price[asset] * sold * (1 - _FEE)
        for asset in np.flatnonzero(wanted > 0):
            if price[asset] > 0:
                bought = min(self._cash / (price[asset] * (1 + _FEE)), wanted[asset])
                self._shares[asset] += bought
                self._cash -= price[asset] * bought * (1 + _FEE)
        total = self._cash + float((self._shares * price).sum())
        reward = (total - self._total) * _SCALE
        self._total = total
        ended = self._bar == len(self._prices) - 1
        return self._state(price), reward, False, ended, {}

    def _state(self, price: NDArray[np.float64]) -> NDArray[np.float32]:
        cash = np.array((self._cash * 2**-18,), dtype=np.float32)
        held = (price * 2**-9, self._shares * 2**-4)
        return np.hstack((cash, *held, self._indicators[self._bar])).astype(np.float32)
