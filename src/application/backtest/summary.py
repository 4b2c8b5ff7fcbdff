"""A result as plain values: what ``--json`` prints and registries store."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...domain.market import CASH_SCALE
from .request import day
from .result import BacktestResult
from .words import Unit, interval, write

SCHEMA = "mettle.backtest/1"


def to_summary(result: BacktestResult) -> dict[str, Any]:
    """Return a JSON-serialisable record of a result, without its series.

    Amounts are decimal text in the quote currency; shares are fractions; times Unix milliseconds.
    """
    return {
        "schema": SCHEMA,
        "agent": {"name": result.agent, "hash": result.agent_hash},
        "market": {
            "symbols": [str(one.symbol) for one in result.instruments],
            "timeframe": result.panel.timeframe.label,
            "synthetic": result.synthetic,
            "data_hash": result.data_hash,
            "quote": result.quote,
        },
        "period": {
            "start": result.start_ms,
            "stop": result.stop_ms,
            "from": day(result.start_ms),
            "to": day(result.stop_ms),
            "bars": len(result.times),
        },
        "equity": {
            "first": f"{_money(result, 0)}",
            "last": f"{_money(result, -1)}",
        },
        "costs": {
            "profile": result.cost_profile,
            **{name: str(getattr(result.costs, name)) for name in _COSTS},
        },
        "metrics": result.metrics.to_dict(),
        "benchmarks": [
            {"name": one.name, "total_return": one.total_return, "reason": one.reason}
            for one in result.benchmarks
        ],
        "windows": [
            {
                "from": day(result.panel.open_time[one.start]),
                "to": day(result.panel.open_time[one.stop - 1]),
                "agent": one.agent,
                "hash": one.agent_hash,
                "total_return": one.total_return,
                "trades": one.trades,
            }
            for one in result.windows
        ],
        "settings": result.settings.to_dict(),
        "verdict": verdict(result),
        "warnings": list(result.warnings),
    }


def verdict(result: BacktestResult) -> str:
    """Return the result in two sentences: what was earned, and whether it can be believed."""
    metrics, held = result.metrics, result.benchmarks[0]
    change = metrics.returns.total_return.value or 0.0
    did = "Earned" if change > 0 else "Lost"
    kind = "synthetic " if result.synthetic else ""
    first = (
        f"{did} {write(abs(change), Unit.SHARE)} after costs in {metrics.days:,.0f} {kind}days "
        f"with {metrics.trades:,} {'trade' if metrics.trades == 1 else 'trades'}"
    )
    if held.total_return is not None:
        other = "earned" if held.total_return > 0 else "lost"
        first += f"; {held.name} {other} {write(abs(held.total_return), Unit.SHARE)}"
    return f"{first}. {_belief(result)}"


def _belief(result: BacktestResult) -> str:
    figure = result.metrics.returns.sharpe
    if figure.value is None:
        return f"There is no Sharpe ratio: {figure.reason}."
    value = write(figure.value, Unit.RATIO)
    if figure.interval is None:
        return f"The Sharpe ratio {value} has no interval: {figure.reason}."
    low, high = figure.interval
    shown = f"The Sharpe ratio {value} {interval(figure, Unit.RATIO)}"
    if low > 0.0:
        return f"{shown} lies above 0."
    return f"{shown} lies below 0." if high < 0.0 else f"{shown} cannot be told from 0."


_COSTS = ("gross", "fee", "slippage", "funding", "net")


def _money(result: BacktestResult, mark: int) -> str:
    whole, rest = divmod(abs(int(result.equity[mark])), CASH_SCALE)
    sign = "-" if np.sign(result.equity[mark]) < 0 else ""
    return f"{sign}{whole}.{rest:08d}"
