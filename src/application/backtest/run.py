"""The use case: play an agent over a period and measure what happened."""

from __future__ import annotations

from dataclasses import replace

from ..ports.backtest_engine import BacktestEngine
from ..ports.feature_builder import FeatureBuilder
from ..ports.randomness import Randomness
from .assess import assess
from .close_out import close_out
from .request import BacktestRequest, choose_period
from .result import BacktestResult


def run_backtest(
    request: BacktestRequest,
    features: FeatureBuilder,
    engine: BacktestEngine,
    randomness: Randomness,
) -> BacktestResult:
    """Run an agent over a period.

    Raises:
        DataError: If the period is too short or has gaps that the request refuses.
        InvalidValue: If it overlaps with the agent's training.
    """
    request = with_costs(request)
    table = features.table(request.panel, request.agent.feature_set)
    period = choose_period(request, table)
    run = engine.run(
        request.panel, table, request.agent, request.settings, period.start, period.stop
    )
    if request.close_at_end:
        run = close_out(run, request.panel, request.settings)
    return assess(run, request, randomness, period.warnings)


def with_costs(request: BacktestRequest) -> BacktestRequest:
    """Return the request with its cost profile applied to panel and settings."""
    panel, settings = request.costs.apply(request.panel, request.settings)
    return replace(request, panel=panel, settings=settings)
