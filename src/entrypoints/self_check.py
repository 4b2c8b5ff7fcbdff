"""A small proof that the native kernels of this installation compute what they should."""

from __future__ import annotations

import numpy as np

from ..application.learning.policy import DenseLayer, Network
from ..application.market import MarketPanel
from ..application.strategies.ema_cross import EmaCross
from ..domain.signals.catalogue import default_feature_set
from ..domain.simulation.settings import SimulationSettings

_BARS = 120
_TOLERANCE = 1e-5


def check_kernels() -> list[str]:
    """Return what is wrong, in words; empty if all agrees.

    Raises:
        ImportError: If the native module does not load.
    """
    from ..adapters.market_data.synthetic import synthetic_panel

    panel = synthetic_panel(seed=7, assets=2, bars=_BARS)
    return [*_features(panel), *_inference(), *_market(panel)]


def _features(panel: MarketPanel) -> list[str]:
    from ..adapters.features.native import NativeFeatures

    builder, wanted = NativeFeatures(threads=1), default_feature_set()
    table, stream = builder.table(panel, wanted), builder.stream(panel, wanted)
    for row in range(len(panel)):
        values = stream.update(
            panel.open[row],
            panel.high[row],
            panel.low[row],
            panel.close[row],
            panel.volume[row],
            panel.state[row],
        )
        if not np.array_equal(values, table.values[row]):
            return [f"features: bar by bar differs from the table at bar {row}"]
    return [] if np.isfinite(table.values).all() else ["features: a value is not finite"]


def _inference() -> list[str]:
    from ..adapters.learning.policy_agent import native_network

    rng = np.random.default_rng(7)
    first = DenseLayer(_floats(rng, 8, 5), _floats(rng, 8))
    second = DenseLayer(_floats(rng, 2, 8), _floats(rng, 2))
    seen = _floats(rng, 5)
    hidden = np.tanh(first.weight @ seen + first.bias)
    wanted = np.clip(second.weight @ hidden + second.bias, -1, 1)
    found = native_network(Network((first, second), "tanh")).forward(seen)
    if np.abs(found - wanted).max() > _TOLERANCE:
        return [f"inference: {found.tolist()} instead of {wanted.tolist()}"]
    return []


def _market(panel: MarketPanel) -> list[str]:
    from ..adapters.features.native import NativeFeatures
    from ..adapters.simulation.native_engine import NativeEngine
    from ..adapters.simulation.reference import ReferenceEngine

    agent, settings = EmaCross(3, 7), SimulationSettings(stop_loss=20_000)
    table = NativeFeatures(threads=1).table(panel, agent.feature_set)
    start = table.warmup + agent.window
    native, reference = (
        engine.run(panel, table, agent, settings, start, len(panel))
        for engine in (NativeEngine(), ReferenceEngine())
    )
    if not np.array_equal(native.equity, reference.equity):
        return [f"market: equity {native.equity[-1]} instead of {reference.equity[-1]}"]
    return [] if np.array_equal(native.fills, reference.fills) else ["market: other fills"]


def _floats(
    rng: np.random.Generator, *shape: int
) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    return rng.standard_normal(shape).astype(np.float32)
