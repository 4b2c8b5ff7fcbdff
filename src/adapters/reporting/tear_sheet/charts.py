"""The charts as plotly specifications; ``@name`` stands for a colour of the palette."""

from __future__ import annotations

from typing import Any

import numpy as np

from ....application.backtest import BacktestResult
from ....application.backtest.words import Unit, write
from ....domain.performance.drawdown import underwater
from . import series
from .series import FloatArray

Spec = dict[str, Any]

WIDE = 4.0
"""Growth that spans more than this factor is drawn on a logarithmic scale."""

MAX_SEAMS = 25
"""More walk-forward windows than this are not marked in the chart."""

_NO_HOVER = {"hoverinfo": "skip", "showlegend": False}


def growth(result: BacktestResult) -> Spec:
    """Draw growth beside the benchmarks, and the way under water below it."""
    keep = series.thin(result.nav)
    times = result.times[keep].tolist()
    names = {"buy and hold": ("@held", "solid"), "BTC": ("@btc", "dot")}
    shown = result.benchmarks if len(result.instruments) > 1 else result.benchmarks[:1]
    lines = [(result.agent, result.nav[keep], "@own", "solid")]
    lines += [(one.name, one.nav[keep], *names[one.name]) for one in shown if one.nav is not None]
    values = np.concatenate([nav for _, nav, _, _ in lines])
    wide = bool(values.min() > 0 and values.max() > WIDE * values.min())
    traces = [
        _line(name, times, _scaled(nav, wide=wide), colour, 2.2 if colour == "@own" else 1.4, dash)
        for name, nav, colour, dash in lines
    ]
    depth = series.numbers(-underwater(result.nav)[keep] * 100, 3)
    traces.append(
        _line("under water", times, depth, "@loss", 1.2)
        | {"yaxis": "y2", "fill": "tozeroy", "fillcolor": "@loss/20", "showlegend": False}
    )
    scale: Spec = {"ticksuffix": " %", "title": {"text": "growth"}}
    if wide:
        scale = {"type": "log", "title": {"text": "growth, log"}} | _factors(values)
    seams = [_seam(result, one.start) for one in result.windows[1:]]
    layout = {
        "xaxis": _time(anchor="y2"),
        "yaxis": {"domain": [0.34, 1], **scale},
        "yaxis2": {"domain": [0, 0.26], "ticksuffix": " %", "title": {"text": "under water"}},
        "hovermode": "x unified",
        "legend": _LEGEND,
        "shapes": [_level(1.0 if wide else 0.0, "@muted", "solid")]
        + (seams if len(seams) < MAX_SEAMS else []),
    }
    return _spec(traces, layout, 440)


def candles(result: BacktestResult, column: int, bars: int = 1_200, shown: int = 240) -> Spec:
    """Draw the last ``bars`` candles of one asset with every fill, ``shown`` of them at first."""
    run, panel = result.run, result.panel
    first = max(run.start, run.stop - bars)
    rows = slice(first, run.stop)
    tick = float(panel.instruments[column].tick_size)
    digits = max(0, -int(panel.instruments[column].tick_size.normalize().as_tuple().exponent))
    opens = panel.open_time[rows]
    there = ~panel.missing[rows, column]
    price = {
        name: series.numbers(getattr(panel, name)[rows, column][there] * tick, digits)
        for name in ("open", "high", "low", "close")
    }
    bar = {
        "type": "candlestick", "name": str(panel.symbols[column]), "x": opens[there].tolist(),
        **price, "increasing": _body("@up"), "decreasing": _body("@down"), "showlegend": False,
    }  # fmt: skip
    fills = run.fills[(run.fills["asset"] == column) & (run.fills["bar"] >= first)]
    traces = [bar] + [
        _marks(result, fills[chosen], tick, look)
        for look, chosen in (
            (("buy", "triangle-up", "@own"), fills["side"] > 0),
            (("sell", "triangle-down", "@loss"), (fills["side"] < 0) & (fills["reason"] == 0)),
            (("stop or liquidation", "x", "@loss"), (fills["side"] < 0) & (fills["reason"] > 0)),
        )
    ]
    begin = int(panel.open_time[max(first, run.stop - shown)])
    layout = {
        "xaxis": _time(
            range=[
                begin,
                int(opens[-1]),
            ]
        )
        | {"rangeslider": {"thickness": 0.09, "yaxis": {"rangemode": "auto"}}},
        "yaxis": {"title": {"text": result.quote}, "fixedrange": False},
        "legend": _LEGEND,
    }
    return _spec([one for one in traces if one["x"]], layout, 460)


def waterfall(result: BacktestResult) -> Spec:
    """Draw the way from the profit at reference prices to what was left."""
    costs = result.costs
    steps = [
        ("before costs", float(costs.gross), "absolute"),
        ("fees", -float(costs.fee), "relative"),
        ("slippage", -float(costs.slippage), "relative"),
        ("funding", float(costs.funding), "relative"),
        ("after costs", float(costs.net), "total"),
    ]
    bars = {
        "type": "waterfall",
        "x": [name for name, _, _ in steps],
        "y": [round(value, 2) for _, value, _ in steps],
        "measure": [kind for _, _, kind in steps],
        "text": [write(value, Unit.MONEY) for _, value, _ in steps],
        "textposition": "outside",
        "cliponaxis": False,
        "constraintext": "none",
        "hovertemplate": "%{x}: %{text} " + result.quote + "<extra></extra>",
        "increasing": {"marker": {"color": "@own"}},
        "decreasing": {"marker": {"color": "@loss"}},
        "totals": {"marker": {"color": "@held"}},
        "connector": {"line": {"color": "@line", "width": 1}},
    }
    layout = {"yaxis": {"title": {"text": result.quote}}, "shapes": [_level(0.0)]}
    return _spec([bars], layout, 320)


def distribution(result: BacktestResult) -> Spec:
    """Draw how the returns are spread, beside buy and hold's."""
    bins = series.histogram(result)
    own = {
        "type": "bar", "name": result.agent, "x": bins["middle"], "y": bins["own"],
        "marker": {"color": "@own/75"}, "hovertemplate": "%{x:.2f} %: %{y:.1f} %<extra></extra>",
    }  # fmt: skip
    held = _line("buy and hold", bins["middle"], bins["held"], "@held", 1.5)
    held["line"]["shape"] = "hvh"
    layout = {
        "bargap": 0.04,
        "xaxis": {
            "ticksuffix": " %",
            "title": {"text": f"return of a {series.sampled(result)[3]}"},
        },
        "yaxis": {"ticksuffix": " %", "title": {"text": "share"}},
        "legend": _LEGEND,
    }
    return _spec([own, held], layout, 320)


def rolling_sharpe(result: BacktestResult) -> Spec | None:
    """Draw the rolling Sharpe with its 90 % band; None for a short record."""
    found = series.rolling(result)
    if found is None:
        return None
    edge = {"width": 0}
    traces = [
        _line("", found["time"], found["high"], "@own", 0) | _NO_HOVER | {"line": edge},
        _line("90 % band", found["time"], found["low"], "@own", 0)
        | {"fill": "tonexty", "fillcolor": "@own/18", "line": edge, "hoverinfo": "skip"},
        _line("rolling Sharpe", found["time"], found["value"], "@own", 1.8),
    ]
    whole = result.metrics.returns.sharpe.value
    layout: Spec = {
        "xaxis": _time(),
        "yaxis": {"title": {"text": "Sharpe a year"}},
        "legend": _LEGEND,
        "shapes": [_level(0.0)],
    }
    if whole is not None and result.metrics.annualised:
        layout["shapes"].append(_level(whole, "@own", "dot"))
    return _spec(traces, layout, 320)


def exposure(result: BacktestResult) -> Spec:
    """Draw the value of the positions as a share of equity, averaged over stretches."""
    keep, means = series.bucket_means(result.exposure, 180)
    values = series.numbers(means * 100, 2)
    trace = _line("exposure", result.times[keep].tolist(), values, "@held", 1)
    trace |= {"fill": "tozeroy", "fillcolor": "@held/25", "showlegend": False}
    trace["line"]["shape"] = "hv"
    layout = {"xaxis": _time(), "yaxis": {"ticksuffix": " %", "rangemode": "tozero"}}
    return _spec([trace], layout, 320)


_LEGEND = {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"}


def _spec(traces: list[Spec], layout: Spec, height: int) -> Spec:
    return {"data": traces, "layout": layout | {"height": height}}


def _line(name: str, x: Any, y: Any, colour: str, width: float, dash: str = "solid") -> Spec:
    return {
        "type": "scatter", "mode": "lines", "name": name, "x": x, "y": y,
        "line": {"color": colour, "width": width, "dash": dash},
    }  # fmt: skip


def _time(**more: Any) -> Spec:
    return {"type": "date", **more}


def _scaled(nav: FloatArray, *, wide: bool) -> list[float | None]:
    """Return factors for the logarithmic scale, percent for the plain one."""
    return series.numbers(nav if wide else (nav - 1.0) * 100.0, 4)


def _factors(values: FloatArray) -> Spec:
    """Return ticks at 1, 2 and 5 times each power of ten in the range."""
    low, high = np.log10(values.min()), np.log10(values.max())
    found = [
        digit * 10.0**power
        for power in range(int(np.floor(low)), int(np.ceil(high)) + 1)
        for digit in (1, 2, 5)
    ]
    kept = [one for one in found if values.min() <= one <= values.max()]
    return {"tickvals": kept, "ticktext": [f"×{one:,g}" for one in kept]}


def _level(value: float, colour: str = "@muted", dash: str = "solid") -> Spec:
    return {
        "type": "line", "xref": "paper", "x0": 0, "x1": 1, "yref": "y", "y0": value, "y1": value,
        "line": {"color": colour, "width": 1, "dash": dash}, "layer": "below",
    }  # fmt: skip


def _seam(result: BacktestResult, bar: int) -> Spec:
    at = int(result.panel.open_time[bar])
    return {
        "type": "line", "x0": at, "x1": at, "yref": "paper", "y0": 0, "y1": 1,
        "line": {"color": "@line", "width": 1, "dash": "dot"}, "layer": "below",
    }  # fmt: skip


def _body(colour: str) -> Spec:
    return {"line": {"color": colour, "width": 1}, "fillcolor": colour}


def _marks(result: BacktestResult, fills: Any, tick: float, look: tuple[str, str, str]) -> Spec:
    name, symbol, colour = look
    return {
        "type": "scatter", "mode": "markers", "name": name,
        "x": result.panel.open_time[fills["bar"]].tolist(),
        "y": [round(float(one), 10) for one in np.asarray(fills["ticks"]) * tick],
        "marker": {"symbol": symbol, "size": 10, "color": colour,
                   "line": {"color": "@paper", "width": 1}},
        "hovertemplate": name + " at %{y}<br>%{x}<extra></extra>",
    }  # fmt: skip
