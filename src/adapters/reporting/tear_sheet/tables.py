"""The tables of the tear sheet as HTML; every text is escaped here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

import numpy as np

from ....application.backtest import BacktestResult
from ....application.backtest.words import DASH, MINUS, WORDS, Unit, interval, unit_of, write
from ....application.ports.backtest_engine import FillReason
from ....domain.market import CASH_SCALE
from ....domain.performance.returns import months
from .words import instant

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_STRONG = 0.20
"""A month of this size has the full colour."""


def figures(result: BacktestResult) -> str:
    """Return every figure with interval, sample and meaning, or the reason why it is missing."""
    rows = []
    for name, figure in result.metrics.figures().items():
        word, quote = WORDS[name], result.quote
        label = " ".join(filter(None, (word.label, unit_of(name, result.metrics))))
        shown = write(figure.value, word.unit, quote)
        note = word.meaning if figure.value is not None else figure.reason
        cells = (
            f"<th scope=row>{escape(label)}</th>",
            f'<td class=num data-figure="{name}">{escape(shown)}</td>',
            f"<td class=num>{escape(interval(figure, word.unit)) or DASH}</td>",
            f"<td class=num>{figure.n:,}</td>",
            f'<td class="note{"" if figure.value is not None else " why"}">{escape(note)}</td>',
        )
        rows.append("".join(cells))
    heads = ("Figure", "Value", f"{result.metrics.level:.0%} interval", "n", "")
    return table(heads, rows, numeric=(1, 2, 3))


def month_map(result: BacktestResult) -> str:
    """Return months by year as a heat map, with the year's total."""
    found = months(result.times, result.nav)
    years: dict[int, dict[int, float]] = {}
    for year, month, grown in found:
        years.setdefault(year, {})[month] = grown
    rows = []
    for year, values in years.items():
        total = float(np.prod([1.0 + one for one in values.values()]) - 1.0)
        cells = "".join(_heat(values.get(month)) for month in range(1, 13))
        rows.append(f"<th scope=row>{year}</th>{cells}{_heat(total, 'total')}")
    return table(("", *_MONTHS, "Year"), rows, numeric=range(1, 14), kind="months")


def trades(result: BacktestResult, each: int = 5) -> str:
    """Return the best, worst, first and last trades."""
    rows = result.trades
    if not len(rows):
        return "<p class=empty>No trade was closed.</p>"
    order = np.argsort(rows["net"], kind="stable")
    groups: list[tuple[str, Sequence[int]]] = [("All", range(len(rows)))]
    if len(rows) > 4 * each:
        groups = [
            ("Best", order[::-1][:each].tolist()),
            ("Worst", order[:each].tolist()),
            ("First", range(each)),
            ("Last", range(len(rows) - each, len(rows))),
        ]
    lines = []
    for name, chosen in groups:
        if len(groups) > 1:
            lines.append(f"<th scope=rowgroup colspan=8 class=group>{name}</th>")
        lines += [_trade(result, int(number)) for number in chosen]
    heads = ("#", "Asset", "Net", "On cost", "Costs", "Opened", "Closed", "Exit")
    return table(heads, lines, numeric=(0, 2, 3, 4))


def windows(result: BacktestResult) -> str:
    """Return the walk-forward windows."""
    opens = result.panel.open_time
    rows = [
        f"<td class=when>{instant(opens[one.start])}</td>"
        f"<td class=when>{instant(opens[one.stop - 1])}</td>"
        f"<td>{escape(one.agent)}</td>{_signed(one.total_return, Unit.SHARE)}"
        f"<td class=num>{one.trades:,}</td>"
        for one in result.windows
    ]
    return table(("From", "To", "Agent", "Return", "Trades"), rows, numeric=(3, 4))


def pairs(rows: Iterable[tuple[str, str]]) -> str:
    """Return names and values as a definition list."""
    inside = "".join(f"<div><dt>{escape(a)}</dt><dd>{escape(b)}</dd></div>" for a, b in rows)
    return f"<dl class=pairs>{inside}</dl>"


def table(
    heads: Sequence[str], rows: Iterable[str], *, numeric: Iterable[int] = (), kind: str = ""
) -> str:
    """Return a table that scrolls sideways inside its own box."""
    right = set(numeric)
    top = "".join(
        f"<th scope=col{' class=num' if number in right else ''}>{escape(text)}</th>"
        for number, text in enumerate(heads)
    )
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    return (
        f'<div class=scroll tabindex=0><table class="{kind}"><thead><tr>{top}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def _trade(result: BacktestResult, number: int) -> str:
    row = result.trades[number]
    opens = result.panel.open_time
    net = int(row["net"]) / CASH_SCALE
    on_cost = int(row["net"]) / int(row["basis"]) if row["basis"] else None
    costs = (int(row["fee"]) + int(row["slippage"]) - int(row["funding"])) / CASH_SCALE
    side = "long" if row["side"] > 0 else "short"
    reason = FillReason(int(row["reason"])).name.replace("_", " ").lower()
    asset = escape(str(result.instruments[row["asset"]].symbol))
    return (
        f"<td class=num>{number + 1:,}</td>"
        f"<td class=when>{asset} <span class=side>{side}</span></td>"
        f"{_signed(net, Unit.MONEY)}{_signed(on_cost, Unit.SHARE)}"
        f"<td class=num>{write(costs, Unit.MONEY)}</td>"
        f"<td class=when>{instant(opens[row['opened']])}</td>"
        f"<td class=when>{instant(opens[row['closed']])}</td><td class=when>{reason}</td>"
    )


def _signed(value: float | None, unit: Unit) -> str:
    text = write(value, unit)
    kind = "" if value is None or not value else " loss" if text.startswith(MINUS) else " gain"
    return f'<td class="num{kind}">{text}</td>'


def _heat(value: float | None, kind: str = "") -> str:
    if value is None:
        return f'<td class="heat none {kind}"></td>'
    sign = "gain" if value > 0 else "loss" if value < 0 else "flat"
    strength = min(1.0, abs(value) / _STRONG)
    share = round(6 + 44 * strength) if value else 0
    return (
        f'<td class="num heat {sign} {kind}" style="--share:{share}%">'
        f"{write(value, Unit.SHARE).removesuffix(' %')}</td>"
    )
