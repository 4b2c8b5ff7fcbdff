"""What the charts show, thinned to what a screen can show."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ....application.backtest import BacktestResult
from ....domain.performance.returns import simple_returns
from ....domain.performance.rolling import rolling_sharpe

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

POINTS = 1_600
_DAY_MS = 86_400_000


def thin(values: FloatArray, points: int = POINTS) -> IntArray:
    """Return positions that keep both ends and each bucket's lowest and highest value."""
    n = values.size
    if n <= points:
        return np.arange(n)
    size = -(-2 * n // points)
    whole = n // size * size
    buckets = values[:whole].reshape(-1, size)
    base = np.arange(0, whole, size)
    chosen = (base + buckets.argmin(axis=1), base + buckets.argmax(axis=1), [0, n - 1])
    return np.unique(np.concatenate(chosen))


def bucket_means(values: FloatArray, points: int) -> tuple[IntArray, FloatArray]:
    """Return the first position and the mean of each of at most ``points`` buckets."""
    size = -(-values.size // points)
    first = np.arange(0, values.size, size)
    counts = np.diff(np.append(first, values.size))
    return first, np.add.reduceat(values, first) / counts


def daily(result: BacktestResult) -> tuple[IntArray, FloatArray]:
    """Return the last mark of each UTC day (first mark included): positions and NAV."""
    day = (result.times - 1) // _DAY_MS
    last = np.flatnonzero(np.append(np.diff(day) != 0, True))
    positions = np.unique(np.concatenate(([0], last)))
    return positions, result.nav[positions]


def sampled(result: BacktestResult) -> tuple[IntArray, FloatArray, float, str]:
    """Return positions, NAV, samples a year and name: by day, or by bar under 40 days."""
    positions, nav = daily(result)
    if nav.size > 40 and result.panel.timeframe.bars_per_day > 1:
        return positions, nav, 365.0, "day"
    every = np.arange(result.nav.size)
    return every, result.nav, float(result.panel.timeframe.bars_per_year), "bar"


def rolling(result: BacktestResult) -> dict[str, list[float | int | None]] | None:
    """Return the rolling Sharpe with its band as thinned columns; None if the record is short."""
    positions, nav, per_year, _ = sampled(result)
    returns = simple_returns(nav)
    window = rolling_window(result)
    if window is None:
        return None
    value, low, high = rolling_sharpe(returns, window, per_year)
    keep = thin(np.nan_to_num(value), POINTS // 2)
    times = result.times[positions[window:]][keep]
    columns = {"value": value[keep], "low": low[keep], "high": high[keep]}
    return {"time": times.tolist()} | {name: numbers(one, 4) for name, one in columns.items()}


def rolling_window(result: BacktestResult) -> int | None:
    """Return the window of the rolling Sharpe in samples.

    90 days of a record of a year or more, else 30, at most a quarter of it.
    """
    _, nav, _, name = sampled(result)
    count = nav.size - 1
    days = 90 if result.metrics.days >= 365 else 30
    wanted = days if name == "day" else days * result.panel.timeframe.bars_per_day
    window = min(wanted, count // 4)
    return window if window >= 10 else None


def histogram(result: BacktestResult) -> dict[str, list[float | None]]:
    """Return bins of the sampled returns of strategy and buy and hold, in percent."""
    positions, nav, _, _ = sampled(result)
    own = simple_returns(nav) * 100.0
    held = result.benchmarks[0].nav
    other = own if held is None else simple_returns(held[positions]) * 100.0
    both = np.concatenate((own, other))
    low, high = np.quantile(both, (0.002, 0.998)) if both.size else (-1.0, 1.0)
    reach = max(abs(float(low)), abs(float(high)), 1e-6)
    edges = np.linspace(-reach, reach, 46)
    shares = [
        np.histogram(np.clip(one, -reach, reach), edges)[0] / max(one.size, 1) * 100.0
        for one in (own, other)
    ]
    middle = (edges[:-1] + edges[1:]) / 2.0
    return {
        "middle": numbers(middle, 4),
        "own": numbers(shares[0], 3),
        "held": numbers(shares[1], 3),
        "width": [float(edges[1] - edges[0])],
    }


def numbers(values: FloatArray, digits: int) -> list[float | None]:
    """Return rounded floats for JSON, None for NaN."""
    return [None if np.isnan(one) else round(float(one), digits) for one in values]
