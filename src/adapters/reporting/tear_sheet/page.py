"""The page: header, figures, charts, tables, provenance, in one HTML text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from html import escape
from importlib.resources import files
from typing import Any

import numpy as np

from ....application.backtest import BacktestResult, verdict
from ....application.backtest.words import HEADLINES, WORDS, Unit, interval, unit_of, write
from ....domain.market import Instrument
from ....domain.performance import Figure
from . import charts, series, tables
from .words import date, settings_rows

Specs = dict[str, Any]

MAX_ASSETS = 6
"""Candles are drawn for the assets traded most."""

_NEUTRAL = {"hit_rate": 0.5, "profit_factor": 1.0}
"""Where neither gain nor loss lies, if not at 0."""

_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:"
)


def page(result: BacktestResult, library: str) -> str:
    """Return the whole document.

    Args:
        result: What is shown.
        library: Source of plotly.js.
    """
    specs: Specs = {}
    body = "".join(
        (
            _header(result),
            _cards(result),
            _section(
                "Growth", _growth_lead(result), _chart("growth", charts.growth(result), specs)
            ),
            _candles(result, specs),
            _section("Months", "Return in percent, UTC.", tables.month_map(result)),
            _charts(result, specs),
            _windows(result),
            _section("Trades", _trades_lead(result), tables.trades(result)),
            _section("All figures", _figures_lead(result), tables.figures(result)),
            _footer(result),
        )
    )
    own = files(__package__)
    script = library.replace("</script", "<\\/script")
    return (
        '<!doctype html><html lang=en><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name=viewport content="width=device-width, initial-scale=1">'
        f'<link rel=icon href="data:,"><title>{escape(result.agent)} · tear sheet</title>'
        f"<style>{own.joinpath('style.css').read_text('utf-8')}</style></head>"
        f"<body><main>{body}</main>"
        f'<script type="application/json" id=specs>{_inline(specs)}</script>'
        f"<script>{script}</script>"
        f"<script>{own.joinpath('page.js').read_text('utf-8')}</script></body></html>\n"
    )


def _inline(specs: Mapping[str, Any]) -> str:
    text = json.dumps(specs, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _header(result: BacktestResult) -> str:
    badge = ("synthetic", "SYNTHETIC MARKET") if result.synthetic else ("real", "REAL DATA")
    symbols = ", ".join(str(one.symbol) for one in result.instruments)
    facts = (
        symbols,
        f"{result.panel.timeframe} bars",
        f"{date(result.start_ms)} to {date(result.stop_ms)}",
        f"{result.metrics.bars:,} bars, {result.metrics.trades:,} trades",
        f"costs: {result.cost_profile}",
    )
    shown = "".join(f"<span>{escape(one)}</span>" for one in facts)
    kind = "down" if (result.metrics.returns.total_return.value or 0.0) < 0 else "up"
    warnings = "".join(f"<li>{escape(one)}</li>" for one in result.warnings)
    return (
        f"<header><div class=top><h1>{escape(result.agent)}</h1>"
        f'<span class="badge {badge[0]}">{badge[1]}</span></div>'
        f'<p class=facts>{shown}<span title="{result.data_hash}">data '
        f"<code>{result.data_hash[:12]}</code></span></p>"
        f'<p class="verdict {kind}">{escape(verdict(result))}</p>'
        + (f"<ul class=warnings>{warnings}</ul>" if warnings else "")
        + "</header>"
    )


def _cards(result: BacktestResult) -> str:
    found = result.metrics.figures()
    return f"<div class=cards>{''.join(_card(result, one, found[one]) for one in HEADLINES)}</div>"


def _card(result: BacktestResult, name: str, figure: Figure) -> str:
    word = WORDS[name]
    extra = unit_of(name, result.metrics)
    small = f" <small>{extra}</small>" if extra else ""
    ends = escape(interval(figure, word.unit, result.quote))
    trade_figure = name in {"hit_rate", "profit_factor"}
    counted = f"{figure.n:,} {'trades' if trade_figure else 'returns'}"
    if name == "sharpe":
        counted += f", {result.metrics.trades:,} trades"
    note = ends if figure.value is not None and ends else escape(figure.reason)
    return (
        f'<div class=card title="{escape(word.meaning)}"><div class=label>{word.label}</div>'
        f'<div class="value{"" if figure.value is not None else " none"}" data-headline="{name}">'
        f"{escape(write(figure.value, word.unit, result.quote))}{small}</div>"
        f"{_whisker(name, figure)}<div class=range>{note}</div><div class=n>{counted}</div></div>"
    )


def _whisker(name: str, figure: Figure) -> str:
    """Draw the interval as a line with the value on it, dotted where a reader's eye should stop."""
    if figure.value is None or figure.low is None or figure.high is None:
        return ""
    mark = _NEUTRAL.get(name, 0.0)
    low, high = min(figure.low, figure.value, mark), max(figure.high, figure.value, mark)
    if high <= low:
        return ""

    def at(value: float) -> float:
        return round(4.0 + 92.0 * (value - low) / (high - low), 1)

    left, right = at(figure.low), at(figure.high)
    return (
        f'<div class=whisker aria-hidden=true><u style="left:{at(mark)}%"></u>'
        f'<i style="left:{left}%;width:{round(right - left, 1)}%"></i>'
        f'<b style="left:{at(figure.value)}%"></b></div>'
    )


def _section(title: str, lead: str, inside: str) -> str:
    return f"<section><h2>{title}</h2><p>{lead}</p>{inside}</section>"


def _chart(name: str, spec: Specs, specs: Specs, *, hidden: bool = False) -> str:
    specs[name] = spec
    height = spec["layout"]["height"]
    off = " hidden" if hidden else ""
    return f'<div class=chart id="{name}" style="min-height:{min(height, 320)}px"{off}></div>'


def _candles(result: BacktestResult, specs: Specs) -> str:
    count = np.bincount(result.run.fills["asset"], minlength=len(result.instruments))
    chosen = np.argsort(-count, kind="stable")[:MAX_ASSETS].tolist()
    boxes, buttons = [], []
    for place, column in enumerate(chosen):
        name = f"candles-{column}"
        boxes.append(_chart(name, charts.candles(result, column), specs, hidden=place > 0))
        symbol = escape(str(result.instruments[column].symbol))
        buttons.append(
            f'<button type=button role=tab data-chart="{name}" '
            f"aria-selected={str(place == 0).lower()}>{symbol}</button>"
        )
    tabs = f"<div class=tabs role=tablist>{''.join(buttons)}</div>" if len(chosen) > 1 else ""
    lead = "The last bars; move the strip below to look further back."
    return _section("Trades on candles", lead, tabs + "".join(boxes))


def _charts(result: BacktestResult, specs: Specs) -> str:
    rolling = charts.rolling_sharpe(result)
    window = series.rolling_window(result)
    sample = series.sampled(result)[3]
    short = "<p class=empty>The record is too short for a rolling figure.</p>"
    return (
        "<div class=pair>"
        + _section(
            "Costs",
            f"From the profit at reference prices to what was left, {escape(result.quote)}.",
            _chart("waterfall", charts.waterfall(result), specs),
        )
        + _section(
            "Returns",
            f"How often a {sample} returned how much; the line is buy and hold.",
            _chart("distribution", charts.distribution(result), specs),
        )
        + "</div><div class=pair>"
        + _section(
            "Rolling Sharpe",
            f"Over {window} {sample}s, with its 90 % band (Lo)." if window else "",
            _chart("rolling", rolling, specs) if rolling else short,
        )
        + _section(
            "Exposure",
            "Value of the positions as a share of equity.",
            _chart("exposure", charts.exposure(result), specs),
        )
        + "</div>"
    )


def _windows(result: BacktestResult) -> str:
    if not result.windows:
        return ""
    lead = "Each window lies after the bars that its agent learned from; all start and end flat."
    inside = f"<div class=tall>{tables.windows(result)}</div>"
    return _section("Walk-forward windows", lead, inside)


def _growth_lead(result: BacktestResult) -> str:
    words = [f"{write(result.metrics.returns.total_return.value, Unit.SHARE)} after costs"]
    words += [
        f"{one.name} {write(one.total_return, Unit.SHARE)}"
        for one in result.benchmarks
        if one.nav is not None
    ]
    return escape("; ".join(words) + ".")


def _trades_lead(result: BacktestResult) -> str:
    return (
        "A trade is one reduction of a position, by average cost, net of fees and funding "
        f"({escape(result.quote)})."
    )


def _figures_lead(result: BacktestResult) -> str:
    scale = "annualised over 365 days" if result.metrics.annualised else "not annualised"
    return (
        f"Risk-free rate 0, ddof 1, {scale}; intervals by stationary block bootstrap. "
        "Definitions: docs/concepts/metrics.md."
    )


def _footer(result: BacktestResult) -> str:
    first = f"{result.equity[0] / 1e8:,.2f} {result.quote}"
    rows = [
        ("starting equity", first),
        ("final equity", f"{result.final_equity:,.2f} {result.quote}"),
        ("cost profile", result.cost_profile),
    ]
    rows += [(one.symbol.base + " fees", _fees(one)) for one in result.instruments]
    rows += settings_rows(result.settings)
    return (
        f"<section><h2>Settings</h2>{tables.pairs(rows)}</section><footer>"
        f"<p>data <code>{result.data_hash}</code></p>"
        f"<p>agent <code>{escape(result.agent_hash or 'no hash')}</code></p>"
        "<p>Past returns, simulated or real, promise nothing.</p></footer>"
    )


def _fees(instrument: Instrument) -> str:
    tier = instrument.fees.tiers[0]
    return f"maker {tier.maker_ppm / 1e4:g} %, taker {tier.taker_ppm / 1e4:g} %"
