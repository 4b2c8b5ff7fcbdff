# Types of the native extension (cpp/src/bindings).

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

def build_info() -> dict[str, object]: ...

class Mlp:
    def __init__(
        self,
        weights: Sequence[NDArray[np.float32]],
        biases: Sequence[NDArray[np.float32]],
        activation: str = "tanh",
        dispatch: str = "best",
    ) -> None: ...
    @property
    def input_size(self) -> int: ...
    @property
    def output_size(self) -> int: ...
    def forward(
        self, obs: NDArray[np.float32], out: NDArray[np.float32] | None = None
    ) -> NDArray[np.float32]: ...

def feature_kernels() -> list[tuple[str, int]]: ...

class FeatureEngine:
    def __init__(
        self,
        specs: Sequence[tuple[str, Sequence[int], bool]],
        tick_size: NDArray[np.float64],
        lot_size: NDArray[np.float64],
        origin: int,
        step: int,
        refused: Callable[..., Exception] | None = None,
    ) -> None: ...
    @property
    def warmup(self) -> int: ...
    def run(
        self,
        open: NDArray[np.int64],
        high: NDArray[np.int64],
        low: NDArray[np.int64],
        close: NDArray[np.int64],
        volume: NDArray[np.int64],
        state: NDArray[np.uint8],
        threads: int = 1,
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_]]: ...
    def update(
        self,
        open: NDArray[np.int64],
        high: NDArray[np.int64],
        low: NDArray[np.int64],
        close: NDArray[np.int64],
        volume: NDArray[np.int64],
        state: NDArray[np.uint8],
    ) -> NDArray[np.float64]: ...
    @property
    def valid(self) -> NDArray[np.bool_]: ...
    def snapshot(self) -> bytes: ...
    def restore(self, state: bytes) -> None: ...

class MarketData:
    def __init__(
        self,
        arrays: dict[str, NDArray[np.int64] | NDArray[np.uint8]],
        features: NDArray[np.float32],
        terms: Sequence[tuple[int, int, int, int, int]],
        bar_seconds: int,
    ) -> None: ...
    @property
    def bars(self) -> int: ...
    @property
    def assets(self) -> int: ...
    @property
    def fingerprint(self) -> int: ...

class PpoLearner:
    counters: tuple[int, int, int]
    def __init__(
        self,
        inputs: int,
        actions: int,
        settings: Mapping[str, Any],
        seed: int,
        threads: int = 1,
        dispatch: str = "best",
    ) -> None: ...
    def tensors(self, kind: str) -> dict[str, NDArray[np.float32]]: ...
    def load(self, kind: str, tensors: dict[str, NDArray[np.float32]]) -> None: ...
    def rollout(self) -> dict[str, NDArray[Any]]: ...
    def collect(self, market: MarketBatch) -> tuple[int, list[tuple[float, int]]]: ...
    def update(self, order: NDArray[np.int32] | None = None) -> dict[str, float]: ...
    def minibatch(self, positions: NDArray[np.int32]) -> dict[str, float]: ...

class MarketBatch:
    def __init__(
        self,
        data: MarketData,
        settings: dict[str, int],
        spans: NDArray[np.int64],
        environments: int,
        seed: int,
        episode_length: int,
        window: int,
        mode: str,
        threads: int,
        first_environment: int = 0,
    ) -> None: ...
    def buffers(self, side: int) -> dict[str, NDArray[np.generic]]: ...
    def finals(self) -> dict[str, NDArray[np.generic]]: ...
    def state(self) -> dict[str, NDArray[np.generic]]: ...
    def reset(self, seed: int | None) -> int: ...
    def step(self, actions: NDArray[np.float32]) -> int: ...
    def snapshot(self) -> bytes: ...
    def restore(self, bytes: bytes) -> int: ...
    @property
    def width(self) -> int: ...

def run_backtest(
    data: MarketData,
    settings: dict[str, int],
    start: int,
    stop: int,
    window: int,
    decision: Mlp | NDArray[np.float32] | Callable[[int, NDArray[np.float32]], NDArray[np.float32]],
) -> dict[str, object]: ...
def sweep_levels() -> list[str]: ...
def sweep_ema_cross(
    data: MarketData,
    settings: dict[str, int],
    pairs: NDArray[np.int32],
    start: int,
    stop: int,
    tick: float,
    allow_short: bool = False,
    level: str = "best",
    threads: int = 1,
) -> dict[str, Any]: ...
