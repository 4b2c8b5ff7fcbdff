"""Thirteen features: one pass here, a call each in TA-Lib; and streams, bar by bar."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Any

import numpy as np
import talib
from mettle.adapters.features.native import NativeFeatures
from mettle.application.market import MarketPanel
from mettle.domain.market import FeeSchedule, Instrument, Symbol, Timeframe
from mettle.domain.signals.catalogue import daily_feature_set, default_feature_set
from numpy.typing import NDArray

BARS = 1_000_000
Columns = tuple[NDArray[np.float64], ...]


def run(full: bool) -> list[dict[str, Any]]:
    """Measure tables (ms for a million bars) and streams (ns a bar of one asset).

    Args:
        full: More repetitions.
    """
    repeats = 15 if full else 5
    rows = []
    for assets in (1, 8):
        panel = _panel(BARS // assets, assets)
        columns = _floats(panel)
        talib_ms = _milliseconds(partial(_talib, columns), repeats)
        rows.append(_row(f"TA-Lib, 13 features, {assets} assets", talib_ms, "ms"))
        for threads in (1, 2):
            if threads > assets:
                continue
            table = partial(NativeFeatures(threads).table, panel)
            ours = _milliseconds(partial(table, daily_feature_set()), repeats)
            name = f"mettle, 13 features, {assets} assets, {threads} threads"
            rows.append(_row(name, ours, "ms", peer=talib_ms))
        table = partial(NativeFeatures(1).table, panel)
        learning = _milliseconds(partial(table, default_feature_set()), repeats)
        rows.append(_row(f"mettle, 14 stationary, {assets} assets, 1 thread", learning, "ms"))
    rows += [_stream(assets, repeats) for assets in (1, 8)]
    return rows


def _stream(assets: int, repeats: int) -> dict[str, Any]:
    bars = 20_000
    panel = _panel(bars, assets)
    fields = ("open", "high", "low", "close", "volume", "state")
    columns = [list(getattr(panel, name)) for name in fields]

    def once() -> None:
        stream = NativeFeatures(1).stream(panel, default_feature_set())
        for row in zip(*columns, strict=True):
            stream.update(*row)

    times = [1e6 * one / (bars * assets) for one in _milliseconds(once, repeats)]
    return _row(f"mettle, stream from Python, 14 stationary, {assets} assets", times, "ns/bar")


def _talib(assets: list[Columns]) -> list[object]:
    """Compute the thirteen with TA-Lib, asset by asset, and keep them all, as a table does."""
    kept: list[object] = []
    for open_, high, low, close, volume in assets:
        kept += [
            talib.RSI(close, 14),
            talib.MACD(close, 12, 26, 9),
            talib.BBANDS(close, 20, 2, 2),
            talib.ATR(high, low, close, 14),
            talib.SMA(volume, 20),
            talib.ROC(close, 1),
            close / open_,
            high - low,
            talib.STDDEV(close, 20),
        ]
    return kept


def _floats(panel: MarketPanel) -> list[Columns]:
    fields = ("open", "high", "low", "close", "volume")
    return [
        tuple(np.ascontiguousarray(getattr(panel, one)[:, asset] * 0.01) for one in fields)
        for asset in range(len(panel.instruments))
    ]


def _panel(bars: int, assets: int) -> MarketPanel:
    rng = np.random.default_rng(0)
    walk = np.exp(np.cumsum(rng.standard_normal((bars, assets)) * 0.003, axis=0))
    close = np.maximum((5e6 * walk).astype(np.int64), 1_000)
    open_ = np.vstack([close[:1], close[:-1]])
    high = np.maximum(open_, close) + rng.integers(0, 500, close.shape)
    low = np.minimum(open_, close) - rng.integers(0, 500, close.shape)
    one = Decimal("0.01")
    instruments = tuple(
        Instrument(Symbol(f"C{i}", "USDT"), one, one / 100, FeeSchedule.flat(1000, 1000))
        for i in range(assets)
    )
    minute = Timeframe.parse("1m")
    nothing = np.zeros_like(close)
    return MarketPanel(
        minute, instruments, np.arange(bars, dtype=np.int64) * minute.milliseconds, open_, high,
        low, close, rng.integers(0, 10**9, close.shape), np.ones(close.shape, dtype=np.uint8),
        nothing, nothing, synthetic=True,
    )  # fmt: skip


def _milliseconds(work: Callable[[], object], repeats: int) -> list[float]:
    work()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(1e3 * (time.perf_counter() - start))
    return times


def _row(
    name: str, times: list[float], unit: str, peer: list[float] | None = None
) -> dict[str, Any]:
    """Return the median, the interquartile range and, with a peer, how many times as fast."""
    quarters = statistics.quantiles(times, n=4)
    row: dict[str, Any] = {
        "name": name,
        "value": statistics.median(times),
        "unit": unit,
        "spread": quarters[2] - quarters[0],
    }
    if peer is not None:
        row["peer"] = "TA-Lib"
        row["ratio"] = statistics.median(peer) / row["value"]
    return row
