"""What the Gymnasium environments play: a panel of yours, or the embedded synthetic one."""

from __future__ import annotations

import functools
from typing import Any, TypeAlias, cast

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from ...application.learning.scaler import FeatureScaler
from ...application.market import MarketPanel
from ...domain.signals.catalogue import default_feature_set
from ...domain.signals.features import FeatureSet
from ...domain.simulation.settings import SimulationSettings
from ..features.native import NativeFeatures
from ..market_data.synthetic import synthetic_panel
from .market_batch import BatchSettings, MarketBatch

Float32Space: TypeAlias = spaces.Space[NDArray[np.float32]]

_EMBEDDED_SEED = 1
_EMBEDDED_BARS = 5_000


@functools.cache
def embedded_panel() -> MarketPanel:
    """Return four synthetic assets over 5,000 hours, the same every time."""
    return synthetic_panel(_EMBEDDED_SEED, assets=4, bars=_EMBEDDED_BARS)


def make_batch(
    batch: BatchSettings,
    panel: MarketPanel | None = None,
    feature_set: FeatureSet | None = None,
    scaler: FeatureScaler | None = None,
    settings: SimulationSettings | None = None,
) -> MarketBatch:
    """Compute and scale the features of a panel and set the market up on it.

    Args:
        panel: The bars; the embedded synthetic ones if None.
        feature_set: The default set if None.
        scaler: Fitted on the whole panel if None: give one that saw the training window only
            wherever results on this panel are to mean anything.
        settings: The defaults if None.

    Raises:
        DataError: If the panel has gaps that are refused, or no episode can start.
        InvalidValue: If an argument is out of range or of the wrong type.
    """
    bars = panel or embedded_panel()
    table = NativeFeatures(batch.threads).table(bars, feature_set or default_feature_set())
    fitted = scaler or FeatureScaler.fit(table.values, table.valid)
    scaled = fitted.transform(table.values)
    return MarketBatch(bars, scaled, table.valid, settings or SimulationSettings(), batch)


def observation_space(batch: MarketBatch) -> Float32Space:
    """Return the unbounded box of one observation."""
    box: Any = spaces.Box(-np.inf, np.inf, (batch.observation_size,), np.float32)
    return cast("Float32Space", box)


def action_space(batch: MarketBatch) -> Float32Space:
    """Return one action in [−1, 1] an asset."""
    box: Any = spaces.Box(-1.0, 1.0, (batch.assets,), np.float32)
    return cast("Float32Space", box)
