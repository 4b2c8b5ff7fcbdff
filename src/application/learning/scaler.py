"""Scaling of features, fitted on the training window only."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...domain.errors import DataError

FEATURE_CLIP = 10.0
"""Scaled features lie within ± this many deviations."""


@dataclass(frozen=True, slots=True, eq=False)
class FeatureScaler:
    """Mean and deviation of every feature of every asset.

    Attributes:
        mean: Shape (A, F), float64.
        deviation: Shape (A, F), float64, positive; 1 for a feature that never moved.
        clip: Largest size of a scaled feature.
    """

    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]
    clip: float = FEATURE_CLIP

    def __post_init__(self) -> None:
        for name in ("mean", "deviation"):
            array = np.array(getattr(self, name), dtype=np.float64)
            if array.ndim != 2 or array.size == 0 or not np.isfinite(array).all():
                raise DataError(f"scaler.{name} must be a finite table (assets, features)")
            array.flags.writeable = False
            object.__setattr__(self, name, array)
        if self.mean.shape != self.deviation.shape or not (self.deviation > 0).all():
            raise DataError(
                "scaler.deviation must be positive and shaped like scaler.mean, "
                f"shapes were {self.deviation.shape} and {self.mean.shape}"
            )
        if not 0 < self.clip < np.inf:
            raise DataError(f"scaler.clip must be positive, was {self.clip}")

    @classmethod
    def fit(cls, values: NDArray[np.float64], valid: NDArray[np.bool_]) -> FeatureScaler:
        """Fit on the valid rows of the training window.

        Args:
            values: Unscaled features, shape (T, A, F).
            valid: Which rows count, shape (T, A).

        Raises:
            DataError: If an asset has under two valid rows or a value is not finite.
        """
        _, assets, features = values.shape
        mean = np.zeros((assets, features))
        deviation = np.ones((assets, features))
        for asset in range(assets):
            rows = values[valid[:, asset], asset]
            if len(rows) < 2:
                raise DataError(
                    f"asset {asset} has {len(rows)} bars past the warm-up, a scaler needs 2",
                    mend="train on a longer period",
                )
            if not np.isfinite(rows).all():
                column = int(np.flatnonzero(~np.isfinite(rows).all(axis=0))[0])
                raise DataError(f"feature {column} of asset {asset} is not finite in training")
            mean[asset] = rows.mean(axis=0)
            spread = rows.std(axis=0)
            # A constant feature has a spread of rounding errors only; dividing by it would turn
            # the first bar on which it moves into a wall of clipped values.
            still = spread <= 1e-12 * np.maximum(1.0, np.abs(mean[asset]))
            deviation[asset] = np.where(still, 1.0, spread)
        return cls(mean, deviation)

    @property
    def hash(self) -> str:
        """SHA-256 of the shape and of the exact numbers."""
        digest = hashlib.sha256(repr((self.mean.shape, float(self.clip))).encode())
        for array in (self.mean, self.deviation):
            digest.update(np.ascontiguousarray(array, dtype="<f8").tobytes())
        return digest.hexdigest()

    def transform(self, values: NDArray[np.float64]) -> NDArray[np.float32]:
        """Return scaled features; each element depends on itself alone, so batches agree.

        Args:
            values: Unscaled, shape (..., A, F).

        Returns:
            ``clip((value − mean) / deviation)``, same shape, C-contiguous float32.
        """
        scaled = (values - self.mean) / self.deviation
        return np.ascontiguousarray(np.clip(scaled, -self.clip, self.clip), dtype=np.float32)

    def to_dict(self) -> dict[str, Any]:
        """Return plain lists; the inverse of :meth:`from_dict`."""
        return {
            "mean": self.mean.tolist(),
            "deviation": self.deviation.tolist(),
            "clip": self.clip,
        }

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> FeatureScaler:
        """Build from :meth:`to_dict`'s result.

        Raises:
            DataError: If the tables are ragged, not numbers, not finite or of other shapes.
        """
        if set(values) != {"mean", "deviation", "clip"}:
            raise DataError(f"a scaler has mean, deviation and clip, was {sorted(values)}")
        try:
            return cls(values["mean"], values["deviation"], float(values["clip"]))
        except (TypeError, ValueError) as error:
            raise DataError(f"the scaler's tables are not tables of numbers: {error}") from error
