"""The candles that everyone plays: seeded walks for speed, and the synthetic market for trades."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from functools import cache
from pathlib import Path

import numpy as np
from mettle.adapters.simulation.market_batch import BatchSettings, MarketBatch, ObservationMode
from mettle.application.market import MarketPanel
from mettle.domain.market import FeeSchedule, Instrument, Symbol, Timeframe
from mettle.domain.simulation.settings import SimulationSettings
from numpy.typing import NDArray

FEATURES = 14
EPISODE = 512


@cache
def walk(bars: int, assets: int, *, perpetual: bool = False, fee: int = 1000) -> MarketPanel:
    """Return seeded random walks with volume: quick to make at any length, never traded empty.

    Args:
        perpetual: Whether they are perpetuals, with a rate of funding every eight hours.
        fee: In millionths.
    """
    rng = np.random.default_rng(0)
    steps = rng.standard_normal((bars, assets), dtype=np.float32) * np.float32(0.002)
    drift = np.cumsum(steps, axis=0, dtype=np.float64)
    # Back towards where it began, so that a long walk neither dies out nor leaves 64 bits.
    close = (5e6 * np.exp(drift - np.linspace(0, 1, bars)[:, None] * drift[-1])).astype(np.int64)
    open_ = np.vstack([close[:1], close[:-1]])
    high = np.maximum(open_, close) + rng.integers(0, 500, close.shape)
    low = np.minimum(open_, close) - rng.integers(0, 500, close.shape)
    cent = Decimal("0.01")
    instruments = tuple(
        Instrument(
            Symbol(f"C{i}", "USDT", "USDT" if perpetual else ""),
            cent,
            cent / 100,
            FeeSchedule.flat(fee, fee),
        )
        for i in range(assets)
    )
    minutes = Timeframe.parse("5m")
    nothing = np.zeros_like(close)
    funding = nothing.copy()
    if perpetual:
        funding[::96] = rng.normal(15_000, 30_000, funding[::96].shape).astype(np.int64)
    return MarketPanel(
        minutes, instruments, np.arange(bars, dtype=np.int64) * minutes.milliseconds, open_, high,
        low, close, rng.integers(10**7, 10**9, close.shape), np.ones(close.shape, dtype=np.uint8),
        funding, nothing, synthetic=True,
    )  # fmt: skip


@cache
def features(bars: int, assets: int) -> NDArray[np.float32]:
    """Return 14 features an asset, shape (T, A, 14)."""
    rng = np.random.default_rng(0)
    return rng.standard_normal((bars, assets, FEATURES), dtype=np.float32)


def batch(
    bars: int,
    assets: int,
    environments: int,
    threads: int,
    mode: ObservationMode = "flat",
    window: int = 1,
) -> MarketBatch:
    """Return environments over a walk: taker orders, fees and slippage, episodes of 512 bars."""
    panel = walk(bars, assets)
    settings = BatchSettings(
        environments, episode_length=EPISODE, window=window, mode=mode, threads=threads
    )
    known = np.ones(panel.close.shape, dtype=np.bool_)
    return MarketBatch(panel, features(bars, assets), known, SimulationSettings(), settings)


class Stepper:
    """Steps a batch with one of sixteen prepared sets of random actions in turn.

    Args:
        market: What is stepped.
    """

    def __init__(self, market: MarketBatch) -> None:
        self.market = market
        shape = (16, market.environments, market.assets)
        rng = np.random.default_rng(1)
        self._actions = list(rng.uniform(-1, 1, shape).astype(np.float32))
        self._turn = 0
        market.reset(0)

    def __call__(self) -> None:
        """Step once."""
        self._turn = (self._turn + 1) % len(self._actions)
        self.market.step(self._actions[self._turn])


@contextmanager
def handed_out(**arrays: NDArray[np.generic]) -> Iterator[Path]:
    """Write arrays where the peers read them, for as long as the race lasts."""
    with tempfile.TemporaryDirectory(prefix="race-") as folder:
        path = Path(folder) / "data.npz"
        np.savez(path, **arrays)  # type: ignore[arg-type]  # the stub takes the names for options
        yield path


def floats(panel: MarketPanel) -> dict[str, NDArray[np.float64]]:
    """Return open, high, low, close and volume as numbers, shape (T, A)."""
    price, lot = 0.01, 0.0001
    found = {name: getattr(panel, name) * price for name in ("open", "high", "low", "close")}
    return found | {"volume": panel.volume * lot}
