"""Thirteen features: a call each in TA-Lib, and all in one pass in numba, written for this race."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._worker import Measure, calls, data, serve

Columns = tuple[NDArray[np.float64], ...]


def talib() -> Measure:
    """Set up TA-Lib."""
    import talib as ta

    assets = _assets()

    def run() -> list[object]:
        kept: list[object] = []
        for open_, high, low, close, volume in assets:
            kept += [
                ta.RSI(close, 14),
                ta.MACD(close, 12, 26, 9),
                ta.BBANDS(close, 20, 2, 2),
                ta.ATR(high, low, close, 14),
                ta.SMA(volume, 20),
                ta.ROC(close, 1),
                close / open_,
                high - low,
                ta.STDDEV(close, 20),
            ]
        return kept

    return calls(run, _bars(assets))


def numba() -> Measure:
    """Set up the pass; it is compiled before it is measured."""
    from numba import njit

    compiled = njit(one_pass)
    assets = _assets()
    outputs = [np.empty((len(columns[0]), 13)) for columns in assets]

    def run() -> None:
        for columns, output in zip(assets, outputs, strict=True):
            compiled(*columns, output)

    return calls(run, _bars(assets))


def one_pass(
    open_: Any, high: Any, low: Any, close: Any, volume: Any, out: Any
) -> None:  # numba infers the types
    """Fill (T, 13) with running averages; warm-up rows are whatever the sums are by then."""
    gain = loss = true_range = total = squares = volumes = 0.0
    quick = slow = close[0]
    signal = 0.0
    for i in range(len(close)):
        before = close[i - 1] if i > 0 else close[0]
        change = close[i] - before
        gain += (max(change, 0.0) - gain) / 14
        loss += (max(-change, 0.0) - loss) / 14
        quick += (close[i] - quick) * (2 / 13)
        slow += (close[i] - slow) * (2 / 27)
        macd = quick - slow
        signal += (macd - signal) * (2 / 10)
        span = max(high[i] - low[i], abs(high[i] - before), abs(low[i] - before))
        true_range += (span - true_range) / 14
        total += close[i]
        squares += close[i] * close[i]
        volumes += volume[i]
        if i >= 20:
            total -= close[i - 20]
            squares -= close[i - 20] * close[i - 20]
            volumes -= volume[i - 20]
        mean = total / 20
        deviation = math.sqrt(max(squares / 20 - mean * mean, 0.0))
        both = gain + loss
        out[i, 0] = 100 * gain / both if both > 0 else 0.0
        out[i, 1] = macd
        out[i, 2] = signal
        out[i, 3] = macd - signal
        out[i, 4] = mean + 2 * deviation
        out[i, 5] = mean
        out[i, 6] = mean - 2 * deviation
        out[i, 7] = true_range
        out[i, 8] = volumes / 20
        out[i, 9] = 100 * change / before
        out[i, 10] = close[i] / open_[i]
        out[i, 11] = high[i] - low[i]
        out[i, 12] = deviation


def _assets() -> list[Columns]:
    market = data()
    names = ("open", "high", "low", "close", "volume")
    return [
        tuple(np.ascontiguousarray(market[name][:, asset]) for name in names)
        for asset in range(market["close"].shape[1])
    ]


def _bars(assets: list[Columns]) -> int:
    return sum(len(columns[0]) for columns in assets)


CASES = {"TA-Lib": talib, "numba, one pass": numba}

if __name__ == "__main__":
    serve(CASES, ("TA-Lib", "numba", "numpy"))
