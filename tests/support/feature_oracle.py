"""Every feature once more in plain Python: loops over floats, no state, no rolling sums."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from mettle.application.market import MarketPanel
from mettle.domain.signals.features import FeatureForm, FeatureSpec
from numpy.typing import NDArray

Floats = list[float]
NAN = math.nan


@dataclass(frozen=True, slots=True)
class Bars:
    """One asset's own bars in prices and base units; ``place`` are their rows in the panel."""

    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats
    time: list[int]
    place: list[int]

    @classmethod
    def of(cls, panel: MarketPanel, asset: int) -> Bars:
        """Take the bars that are not missing."""
        place = [int(i) for i in np.flatnonzero(~panel.missing[:, asset])]
        tick = float(panel.instruments[asset].tick_size)
        lot = float(panel.instruments[asset].lot_size)

        def prices(name: str, scale: float) -> Floats:
            return [int(getattr(panel, name)[i, asset]) * scale for i in place]

        return cls(
            prices("open", tick),
            prices("high", tick),
            prices("low", tick),
            prices("close", tick),
            prices("volume", lot),
            [int(panel.open_time[i]) for i in place],
            place,
        )


def ratio(a: float, b: float, otherwise: float = 0.0) -> float:
    """Return a / b, or ``otherwise`` where b is 0."""
    return a / b if b else otherwise


def contrast(a: float, b: float) -> float:
    """Return (a − b) / (a + b), 0 where both are 0."""
    return ratio(a - b, a + b)


def mean(values: Sequence[float]) -> float:
    """Return the mean, correctly rounded."""
    return math.fsum(values) / len(values)


def deviation(values: Sequence[float]) -> float:
    """Return the population deviation in two passes."""
    centre = mean(values)
    return math.sqrt(mean([(one - centre) ** 2 for one in values]))


def windows(values: Sequence[float], n: int, rule: Callable[[Sequence[float]], float]) -> Floats:
    """Apply ``rule`` to the last n values at each place; NaN where there are fewer or a NaN."""
    out = []
    for i in range(len(values)):
        part = values[max(i - n + 1, 0) : i + 1]
        out.append(NAN if len(part) < n or any(map(math.isnan, part)) else rule(part))
    return out


def smoothed(values: Sequence[float], n: int, weight: float) -> Floats:
    """Return the exponential average that starts with the mean of the first n numbers."""
    out: Floats = []
    known: Floats = []
    for value in values:
        if math.isnan(value):
            out.append(NAN)
            continue
        known.append(value)
        if len(known) < n:
            out.append(NAN)
        elif len(known) == n:
            out.append(mean(known))
        else:
            out.append(out[-1] * (1 - weight) + value * weight)
    return out


def lagged(values: Sequence[float], n: int, rule: Callable[[float, float], float]) -> Floats:
    """Apply ``rule`` to the value now and n bars ago."""
    return [rule(v, values[i - n]) if i >= n else NAN for i, v in enumerate(values)]


def _macd(bars: Bars, fast: int, slow: int, signal: int) -> tuple[Floats, Floats, Floats]:
    late = [NAN] * (slow - fast) + bars.close[slow - fast :]
    quick, lazy = smoothed(late, fast, 2 / (fast + 1)), smoothed(bars.close, slow, 2 / (slow + 1))
    line = [a - b for a, b in zip(quick, lazy, strict=True)]
    average = smoothed(line, signal, 2 / (signal + 1))
    return line, average, [a - b for a, b in zip(line, average, strict=True)]


def _true_range(bars: Bars) -> Floats:
    return [NAN] + [
        max(bars.high[i], bars.close[i - 1]) - min(bars.low[i], bars.close[i - 1])
        for i in range(1, len(bars.close))
    ]


def _rsi(bars: Bars, n: int, *, raw: bool) -> Floats:
    moves = lagged(bars.close, 1, lambda now, then: now - then)
    up = smoothed([m if math.isnan(m) else max(m, 0.0) for m in moves], n, 1 / n)
    down = smoothed([m if math.isnan(m) else max(-m, 0.0) for m in moves], n, 1 / n)
    pairs = zip(up, down, strict=True)
    return [100 * ratio(u, u + d) if raw else contrast(u, d) for u, d in pairs]


def _stochastic(bars: Bars, n: int, *, raw: bool) -> Floats:
    out: Floats = [NAN] * (n - 1)
    for i in range(n - 1, len(bars.close)):
        high, low = max(bars.high[i - n + 1 : i + 1]), min(bars.low[i - n + 1 : i + 1])
        close = bars.close[i]
        out.append(ratio(100 * (close - low) if raw else 2 * close - high - low, high - low))
    return out


def _typical(bars: Bars) -> Floats:
    return [(h + low + c) / 3 for h, low, c in zip(bars.high, bars.low, bars.close, strict=True)]


def _money_flow(bars: Bars, n: int, *, raw: bool) -> Floats:
    price = _typical(bars)
    ticks = [
        round(h + low + c, 9) for h, low, c in zip(bars.high, bars.low, bars.close, strict=True)
    ]
    rises = [NAN, *np.sign(np.diff(ticks))]
    flow = [p * v for p, v in zip(price, bars.volume, strict=True)]
    out: Floats = [NAN] * min(n, len(price))
    for i in range(n, len(price)):
        part = range(i - n + 1, i + 1)
        up = math.fsum(flow[k] for k in part if rises[k] > 0)
        down = math.fsum(flow[k] for k in part if rises[k] < 0)
        out.append(100 * ratio(up, up + down) if raw else contrast(up, down))
    return out


def _vwap_distance(bars: Bars, n: int, *, raw: bool) -> Floats:
    price = _typical(bars)
    out: Floats = [NAN] * (n - 1)
    for i in range(n - 1, len(price)):
        part = range(i - n + 1, i + 1)
        total = math.fsum(bars.volume[k] for k in part)
        vwap = ratio(math.fsum(price[k] * bars.volume[k] for k in part), total, bars.close[i])
        out.append(bars.close[i] - vwap if raw else bars.close[i] / vwap - 1)
    return out


def _volume_ratio(bars: Bars, n: int, *, raw: bool) -> Floats:
    before = [NAN, *windows(bars.volume, n, mean)[:-1]]
    pairs = zip(bars.volume, before, strict=True)
    return [NAN if math.isnan(m) else (ratio(v, m) if raw else contrast(v, m)) for v, m in pairs]


def _volatility(bars: Bars, name: str, n: int) -> Floats:
    span = [math.log(h / low) ** 2 for h, low in zip(bars.high, bars.low, strict=True)]
    body = [math.log(c / o) ** 2 for c, o in zip(bars.close, bars.open, strict=True)]
    terms = {
        "realised_volatility": lagged(bars.close, 1, lambda a, b: math.log(a / b) ** 2),
        "parkinson": [one / (4 * math.log(2)) for one in span],
        "garman_klass": [
            s / 2 - (2 * math.log(2) - 1) * b for s, b in zip(span, body, strict=True)
        ],
    }[name]
    return windows(terms, n, lambda part: math.sqrt(max(mean(part), 0.0)))


def _circle(bars: Bars, name: str) -> Floats:
    day = 86_400_000
    length, origin = (day, 0) if name.startswith("hour") else (7 * day, 4 * day)
    curve = math.sin if name.endswith("sin") else math.cos
    return [curve(2 * math.pi * ((time - origin) % length) / length) for time in bars.time]


def _z_score(window: Sequence[float]) -> float:
    return ratio(window[-1] - mean(window), deviation(window) if len(set(window)) > 1 else 0.0)


def one_asset(spec: FeatureSpec, bars: Bars) -> Floats:
    """Return the feature over the asset's own bars, NaN before the warm-up."""
    name, p = spec.name, spec.parameters
    raw = spec.form is FeatureForm.RAW
    n = p[0] if p else 0
    close = bars.close

    def to_close(values: Floats) -> Floats:
        return [v if raw else v / c for v, c in zip(values, close, strict=True)]

    def less_close(values: Floats) -> Floats:
        return [v if raw else v / c - 1 for v, c in zip(values, close, strict=True)]

    def change(lag: int) -> Floats:
        return lagged(close, lag, lambda a, b: (100 if raw else 1) * (a - b) / b)

    bands = {"bollinger_upper": 1, "bollinger_middle": 0, "bollinger_lower": -1}
    if name in bands:
        width = bands[name] * p[1]
        return less_close(windows(close, n, lambda w: mean(w) + width * deviation(w)))
    if name in ("hour_sin", "hour_cos", "day_sin", "day_cos"):
        return _circle(bars, name)
    if name.startswith("macd"):
        which = ("macd", "macd_signal", "macd_histogram").index(name)
        values = _macd(bars, *p)
        return to_close(
            [NAN if math.isnan(s) else v for v, s in zip(values[which], values[1], strict=True)]
        )
    volumes = zip(bars.volume, windows(bars.volume, n or 1, mean), strict=True)
    span = [high - low for high, low in zip(bars.high, bars.low, strict=True)]
    fast_k = _stochastic(bars, n, raw=raw) if name.startswith("stochastic") else []
    slow_k = windows(fast_k, p[1], mean) if fast_k else []
    table: dict[str, Callable[[], Floats]] = {
        "sma": lambda: less_close(windows(close, n, mean)),
        "ema": lambda: less_close(smoothed(close, n, 2 / (n + 1))),
        "rsi": lambda: _rsi(bars, n, raw=raw),
        "price_change": lambda: change(1),
        "roc": lambda: change(n),
        "close_open": lambda: [c / o - (not raw) for c, o in zip(close, bars.open, strict=True)],
        "log_return": lambda: lagged(close, n, lambda a, b: math.log(a / b)),
        "momentum": lambda: to_close(lagged(close, n, lambda a, b: a - b)),
        "z_score": lambda: windows(close, n, _z_score),
        "stochastic_k": lambda: slow_k,
        "stochastic_d": lambda: windows(slow_k, p[2], mean),
        "atr": lambda: to_close(smoothed(_true_range(bars), n, 1 / n)),
        "true_range": lambda: to_close(_true_range(bars)),
        "high_low_range": lambda: to_close(span),
        "rolling_std": lambda: to_close(windows(close, n, deviation)),
        "volume_sma": lambda: [m if raw or math.isnan(m) else ratio(v - m, m) for v, m in volumes],
        "volume_change": lambda: lagged(bars.volume, 1, operator.sub if raw else contrast),
        "volume_ratio": lambda: _volume_ratio(bars, n, raw=raw),
        "money_flow": lambda: _money_flow(bars, n, raw=raw),
        "vwap_distance": lambda: _vwap_distance(bars, n, raw=raw),
    }  # fmt: skip
    return table[name]() if name in table else _volatility(bars, name, n)


def cross_asset(spec: FeatureSpec, panel: MarketPanel) -> list[Floats]:
    """Return the feature of each asset over its own bars, NaN before the warm-up."""
    n = spec.parameters[0]
    lag = n if spec.name in ("relative_strength", "cross_rank") else 1
    assets = [Bars.of(panel, a) for a in range(len(panel.instruments))]
    own = [lagged(one.close, lag, lambda a, b: math.log(a / b)) for one in assets]
    at = [
        dict(zip(one.place, values, strict=True)) for one, values in zip(assets, own, strict=True)
    ]
    out: list[Floats] = []
    for a, one in enumerate(assets):
        column: Floats = []
        pairs: list[tuple[float, float]] = []
        for place, value in zip(one.place, own[a], strict=True):
            others = [row[place] for row in at if not math.isnan(row.get(place, NAN))]
            if math.isnan(value):
                column.append(NAN)
                continue
            pairs.append((value, mean(others)))
            column.append(_cross(spec.name, value, others, pairs[-n:], n))
        out.append(column)
    return out


def _cross(
    name: str, value: float, others: Floats, pairs: list[tuple[float, float]], n: int
) -> float:
    if name == "relative_strength":
        return value - mean(others)
    if name == "cross_rank":
        score = sum(value > one for one in others) - sum(value < one for one in others)
        return ratio(score, len(others) - 1)
    if len(pairs) < n:
        return NAN
    xs, ys = [x for x, _ in pairs], [y for _, y in pairs]
    mx, my = mean(xs), mean(ys)
    product = math.fsum((x - mx) * (y - my) for x, y in pairs)
    xx, yy = (math.fsum((v - m) ** 2 for v in vs) for vs, m in ((xs, mx), (ys, my)))
    return (
        ratio(product, math.sqrt(xx * yy)) if name == "correlation_to_mean" else ratio(product, yy)
    )


def column(spec: FeatureSpec, panel: MarketPanel) -> NDArray[np.float64]:
    """Return the feature on the grid, shape (T, A); NaN before warm-up and where missing."""
    assets = len(panel.instruments)
    if spec.name in ("relative_strength", "cross_rank", "correlation_to_mean", "beta_to_mean"):
        values = cross_asset(spec, panel)
    else:
        values = [one_asset(spec, Bars.of(panel, a)) for a in range(assets)]
    out = np.full((len(panel), assets), NAN)
    for a in range(assets):
        out[Bars.of(panel, a).place, a] = values[a]
    return out
