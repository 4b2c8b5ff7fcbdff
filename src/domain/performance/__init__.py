"""Metrics of returns and trades, with their intervals."""

from .figure import Figure
from .metrics import DrawPlan, Draws, Metrics, measure, plan_draws
from .record import Record
from .returns import nav_per_unit, simple_returns
from .statistics import FillTotals, fill_totals
from .trade_rows import FILL_FIELDS, TRADE_DTYPE
from .trades import fill_rows, trade_table

__all__ = [
    "FILL_FIELDS",
    "TRADE_DTYPE",
    "DrawPlan",
    "Draws",
    "Figure",
    "FillTotals",
    "Metrics",
    "Record",
    "fill_rows",
    "fill_totals",
    "measure",
    "nav_per_unit",
    "plan_draws",
    "simple_returns",
    "trade_table",
]
