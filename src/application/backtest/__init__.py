"""Backtest: play an agent over history, measure it, say what it is worth."""

from .assess import draw_and_measure
from .cost_profiles import COST_PROFILES, OWN, CostProfile, cost_profile
from .request import BacktestRequest, GapPolicy, Provenance
from .result import BacktestResult, Benchmark, Costs, WindowResult
from .run import run_backtest
from .summary import SCHEMA, to_summary, verdict
from .walk_forward import WalkForward, Window, run_walk_forward

__all__ = [
    "COST_PROFILES",
    "OWN",
    "SCHEMA",
    "BacktestRequest",
    "BacktestResult",
    "Benchmark",
    "CostProfile",
    "Costs",
    "GapPolicy",
    "Provenance",
    "WalkForward",
    "Window",
    "WindowResult",
    "cost_profile",
    "draw_and_measure",
    "run_backtest",
    "run_walk_forward",
    "to_summary",
    "verdict",
]
