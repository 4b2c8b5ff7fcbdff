"""Folding a normaliser of whole observations into a network and a scaler of features.

Between the clips, normalising is affine: ``z = (x − μ) / σ``. The scaler gives ``s = (x − m) / d``
for features and leaves the portfolio's part alone, so ``z = s · d/σ + (m − μ)/σ`` there and
``z = x/σ − μ/σ`` here; both go into the first layer's weights and bias.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...domain.errors import ArtefactError
from ..ports.foreign_models import ForeignNormaliser
from .policy import DenseLayer, Network
from .scaler import FeatureScaler

_NO_CLIP = 1e30
_STILL = 1e-3
"""A deviation under this says that an input did not move in training: the rest is epsilon."""

Shape = tuple[int, int, int]
"""Window, assets, features."""


@dataclass(frozen=True, slots=True, eq=False)
class Folded:
    """A network over our observation.

    Attributes:
        warnings: Where it cannot be quite the original.
    """

    network: Network
    scaler: FeatureScaler
    shape: Shape
    warnings: tuple[str, ...]


def fold(network: Network, normaliser: ForeignNormaliser | None, shape: Shape) -> Folded:
    """Return the network as it decides on scaled features.

    A network that sees features alone is given inputs of weight zero for the portfolio.

    Args:
        network: Over normalised observations: portfolio (1+3A) or nothing, then features (W·A·F).

    Raises:
        ArtefactError: If its widths are not those of such an observation.
    """
    window, assets, features = shape
    inputs, portfolio = window * assets * features, 1 + 3 * assets
    wide, actions = network.sizes[0], network.sizes[-1]
    if wide not in (inputs, portfolio + inputs) or actions != assets:
        raise ArtefactError(
            f"it takes {wide} values to {actions} actions; {assets} assets with {features} "
            f"features in a window of {window} give {portfolio + inputs} values with the "
            f"portfolio, {inputs} without, and {assets} actions",
            mend="state symbols, training.features and training.window as they were in training",
        )
    seen = wide - inputs
    scaler, scale, offset, warnings = _statistics(normaliser, seen, shape)
    first = network.layers[0]
    weight = first.weight.astype(np.float64) * scale
    bias = first.bias.astype(np.float64) + first.weight.astype(np.float64) @ offset
    if not seen:
        weight = np.hstack([np.zeros((len(bias), portfolio)), weight])
    layer = DenseLayer(weight.astype(np.float32), bias.astype(np.float32))
    made = Network((layer, *network.layers[1:]), network.activation)
    return Folded(made, scaler, shape, warnings)


def _statistics(
    normaliser: ForeignNormaliser | None, seen: int, shape: Shape
) -> tuple[FeatureScaler, NDArray[np.float64], NDArray[np.float64], tuple[str, ...]]:
    """Return the scaler, and what each input is multiplied with and moved by."""
    _, assets, features = shape
    if normaliser is None:
        ones = np.ones(seen + int(np.prod(shape)))
        plain = FeatureScaler(np.zeros((assets, features)), np.ones((assets, features)), _NO_CLIP)
        return plain, ones, np.zeros_like(ones), ()
    mean, deviation = normaliser.mean, normaliser.deviation
    table_mean = mean[seen:].reshape(shape).mean(axis=0)
    table_deviation = np.sqrt((deviation[seen:].reshape(shape) ** 2).mean(axis=0))
    middle = np.concatenate([np.zeros(seen), np.broadcast_to(table_mean, shape).ravel()])
    spread = np.concatenate([np.ones(seen), np.broadcast_to(table_deviation, shape).ravel()])
    scale, offset = spread / deviation, (middle - mean) / deviation
    still = np.flatnonzero(deviation[:seen] < _STILL)
    # Its clip would have held such an input at a few deviations; here nothing would.
    scale[still] = 0.0
    offset[still] = 0.0
    warnings = (*_still(still), *_clipped(normaliser, seen, still))
    return FeatureScaler(table_mean, table_deviation, normaliser.clip), scale, offset, warnings


def _still(still: NDArray[np.int64]) -> list[str]:
    return [
        f"{_name(int(one))} never moved in training and is left out of account" for one in still
    ]


def _clipped(normaliser: ForeignNormaliser, seen: int, still: NDArray[np.int64]) -> list[str]:
    """Name the portfolio's values that the original would have clipped within their usual range."""
    found = []
    for index in range(seen):
        reach = normaliser.clip * normaliser.deviation[index]
        low, high = normaliser.mean[index] - reach, normaliser.mean[index] + reach
        least, most = _USUAL[0 if index == 0 else 1 + (index - 1) % 3]
        if index not in still and (low > least or high < most):
            found.append(
                f"{_name(index)} was clipped to [{low:.2g}, {high:.2g}] in training, not here"
            )
    return found


_USUAL = ((0.0, 1.0), (-1.0, 1.0), (-0.5, 0.5), (0.0, 5.0))
"""Where cash, weight, unrealised return and hundreds of bars held usually lie."""


def _name(index: int) -> str:
    if index == 0:
        return "the cash ratio"
    asset, part = divmod(index - 1, 3)
    return f"{('weight', 'unrealised return', 'bars held')[part]} of asset {asset + 1}"
