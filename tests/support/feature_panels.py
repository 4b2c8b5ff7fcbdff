"""Panels for feature tests: random walks with gaps and empty bars, extremes, real candles."""

from __future__ import annotations

import os
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from mettle.application.market import MarketPanel
from mettle.domain.market import BarState, FeeSchedule, Instrument, Symbol, Timeframe
from numpy.typing import NDArray

REAL = Path(__file__).resolve().parents[3] / "shared" / "data" / "ohlcv"


def instruments(assets: int, tick: str = "0.01", lot: str = "0.000001") -> tuple[Instrument, ...]:
    """Return instruments called C0, C1, … against USDT."""
    fees = FeeSchedule.flat(1000, 1000)
    return tuple(
        Instrument(Symbol(f"C{i}", "USDT"), Decimal(tick), Decimal(lot), fees)
        for i in range(assets)
    )


def random_panel(
    bars: int, assets: int = 1, *, seed: int = 0, gaps: float = 0.0, level: float = 5e6
) -> MarketPanel:
    """Return random walks around ``level`` ticks; a share of ``gaps`` bars is missing."""
    rng = np.random.default_rng(seed)
    steps = rng.standard_normal((bars, assets)) * rng.choice([0.0, 0.002, 0.03], (bars, assets))
    close = np.maximum((level * np.exp(np.cumsum(steps, axis=0))).astype(np.int64), 1)
    open_ = np.vstack([close[:1], close[:-1]])
    reach = np.maximum(close // 100, 1)
    high = np.maximum(open_, close) + rng.integers(0, reach)
    low = np.maximum(np.minimum(open_, close) - rng.integers(0, reach), 1)
    volume = rng.integers(0, 10**9, (bars, assets))
    state = np.full((bars, assets), BarState.TRADED, dtype=np.uint8)
    empty = rng.random((bars, assets)) < 0.03
    state[empty] = BarState.EMPTY
    volume[empty] = 0
    state[rng.random((bars, assets)) < gaps] = BarState.MISSING
    return panel_of(open_, high, low, close, volume, state)


def panel_of(
    open_: NDArray[np.int64],
    high: NDArray[np.int64],
    low: NDArray[np.int64],
    close: NDArray[np.int64],
    volume: NDArray[np.int64],
    state: NDArray[np.uint8] | None = None,
    tick: str = "0.01",
) -> MarketPanel:
    """Return a panel of hourly bars from arrays of shape (T, A)."""
    bars, assets = close.shape
    hour = Timeframe.parse("1h")
    nothing = np.zeros((bars, assets), dtype=np.int64)
    times = 1_700_000_000_000 // hour.milliseconds + np.arange(bars, dtype=np.int64)
    if state is None:
        state = np.full((bars, assets), BarState.TRADED, dtype=np.uint8)
    return MarketPanel(
        hour, instruments(assets, tick), times * hour.milliseconds,
        open_, high, low, close, volume, state, nothing, nothing,
    )  # fmt: skip


def flat_panel(bars: int, assets: int = 1, *, volume: int = 0) -> MarketPanel:
    """Return bars in which nothing moves."""
    price = np.full((bars, assets), 12_345, dtype=np.int64)
    return panel_of(price, price, price, price, np.full_like(price, volume))


def real_panel(bars: int) -> MarketPanel:
    """Return the last real hourly bars of two symbols, or skip where there are none."""
    names = ("BTCUSDT", "DOGEUSDT")
    files = [REAL / f"binance_{name}_1h.parquet" for name in names]
    if not all(one.exists() for one in files):
        if os.environ.get("CI") == "true":
            pytest.fail(f"real candles are missing: {REAL}")
        pytest.skip(f"real candles are not at {REAL}")
    import polars as pl  # noqa: PLC0415 - only tests with real candles pay for it

    frames = [pl.read_parquet(one).tail(bars) for one in files]
    ticks = [100, 100_000]
    columns = {
        name: np.column_stack(
            [
                np.rint(f[name].to_numpy() * t).astype(np.int64)
                for f, t in zip(frames, ticks, strict=True)
            ]
        )
        for name in ("open", "high", "low", "close")
    }
    volume = np.column_stack(
        [np.rint(f["volume"].to_numpy() * 1e6).astype(np.int64) for f in frames]
    )
    return panel_of(columns["open"], columns["high"], columns["low"], columns["close"], volume)
