"""Windows that the policy gathers itself, for environments that show a bar's number alone."""

from __future__ import annotations

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor

from ...domain.errors import InvalidValue

_DIGIT = 4096
"""A bar's number comes as two digits of this base: each is exact in float32."""


class WindowGather(BaseFeaturesExtractor):
    """Makes of an ``index`` observation what the ``window`` mode would have shown, to the bit.

    The scaled features lie on the policy's device, once. Of an observation only the portfolio and
    two whole numbers are copied, kept in the rollout and sent to the device; windows that overlap
    are read where they lie.

    Args:
        observation_space: Of environments in ``index`` mode, shape (1 + 3 A + 2,).
        features: Scaled, shape (T, A, F), float32.
        window: Bars of features.
        data_hash: Of the panel that the features were computed from.

    Raises:
        InvalidValue: If the observations are of another mode or number of assets.
    """

    def __init__(
        self,
        observation_space: spaces.Space[NDArray[np.float32]],
        features: NDArray[np.float32],
        window: int,
        data_hash: str,
    ) -> None:
        bars, assets, count = features.shape
        self.data_hash = data_hash
        self._portfolio = 1 + 3 * assets
        if observation_space.shape != (self._portfolio + 2,):
            raise InvalidValue(
                f"observations have shape {observation_space.shape}, of {assets} assets by index "
                f"they have ({self._portfolio + 2},)",
                mend='make the environments with mode="index"',
            )
        super().__init__(observation_space, self._portfolio + window * assets * count)
        rows = torch.from_numpy(np.ascontiguousarray(features).reshape(bars, assets * count))
        # Not part of what is saved: the artefact's network takes the gathered window.
        self.register_buffer("rows", rows, persistent=False)
        self._shape = bars - window + 1, window * assets * count
        self._window = window
        self._checked = False

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        """Return portfolio and windows: (N, 1 + 3 A + 2) to (N, 1 + 3 A + W A F).

        Raises:
            InvalidValue: If the bars' numbers are no longer whole, as after VecNormalize, under
                autocast, or of other data. On a GPU numbers are looked at once: it would wait.
        """
        if torch.is_autocast_enabled(observations.device.type):
            raise InvalidValue(
                "a bar's number does not survive autocast", mend="train without mixed precision"
            )
        place = observations[:, self._portfolio :]
        first = place[:, 0].long() * _DIGIT + place[:, 1].long() - (self._window - 1)
        if observations.device.type == "cpu" or not self._checked:
            self._check(place, first)
            self._checked = True
        rows = self.get_buffer("rows")
        windows = torch.as_strided(rows, self._shape, (rows.shape[1], 1))
        return torch.cat((observations[:, : self._portfolio], windows[first]), dim=1)

    def _check(self, place: torch.Tensor, first: torch.Tensor) -> None:
        if not torch.equal(place, place.floor()):
            raise InvalidValue(
                "bars' numbers are not whole: something has scaled the observations",
                mend="leave VecNormalize out: features are scaled already",
            )
        if int(first.min()) < 0 or int(first.max()) >= self._shape[0]:
            raise InvalidValue(
                f"a window begins at bar {int(first.min())} … {int(first.max())} of "
                f"{self._shape[0]}: the environments play other data than {self.data_hash[:12]}",
                mend="give the features of the environments' own panel",
            )
