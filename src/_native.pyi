# Types of the native extension (cpp/src/bindings).

from collections.abc import Sequence

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
