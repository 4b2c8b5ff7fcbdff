"""From what an engine saw to a result."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from ...domain.market import CASH_SCALE
from ...domain.performance import (
    Draws,
    FillTotals,
    Metrics,
    Record,
    fill_totals,
    measure,
    nav_per_unit,
    plan_draws,
    trade_table,
)
from ...domain.performance.benchmarks import buy_and_hold
from ...domain.simulation.settings import SimulationSettings
from ..market import MarketPanel
from ..ports.backtest_engine import EngineRun
from ..ports.randomness import Randomness
from .request import BacktestRequest
from .result import BacktestResult, Benchmark, Costs, WindowResult

FEW_TRADES = 30

FloatArray = NDArray[np.float64]


def assess(
    run: EngineRun,
    request: BacktestRequest,
    randomness: Randomness,
    warnings: tuple[str, ...] = (),
    windows: tuple[WindowResult, ...] = (),
) -> BacktestResult:
    """Measure a run.

    Args:
        run: What the engine saw.
        request: What was asked, its panel and settings with the costs applied.
        randomness: Gives the bootstrap its numbers.
        warnings: What is already known to be doubtful.
        windows: Of a walk-forward run.
    """
    panel = request.panel
    totals = fill_totals(run.fills, panel.unit_values)
    trades = trade_table(run.fills, panel.unit_values, run.funding, run.start)
    exposure = gross_exposure(run, panel)
    benchmarks = _benchmarks(run, request)
    record = Record(
        nav=nav_per_unit(run.equity),
        bars_per_day=float(panel.timeframe.bars_per_day),
        trades=trades,
        fills=totals,
        exposure=exposure,
        mean_equity=float(run.equity.mean()),
        benchmark=benchmarks[0].nav,
    )
    metrics = draw_and_measure(record, randomness, request.resamples, request.level)
    return BacktestResult(
        agent=request.agent.name,
        agent_hash=request.provenance.hash,
        panel=panel,
        settings=request.settings,
        cost_profile=request.costs.name,
        run=run,
        times=panel.open_time[run.start : run.stop] + panel.timeframe.milliseconds,
        nav=record.nav,
        exposure=exposure,
        trades=trades,
        costs=_costs(run, totals),
        metrics=metrics,
        benchmarks=benchmarks,
        warnings=warnings + _doubts(run, panel, metrics, request.settings),
        windows=windows,
    )


def draw_and_measure(
    record: Record, randomness: Randomness, resamples: int = 1000, level: float = 0.9
) -> Metrics:
    """Measure a record with intervals: the one place that draws for the bootstrap.

    Args:
        record: What was observed.
        randomness: Streams ``bootstrap/returns`` and ``bootstrap/trades`` are taken.
        resamples: 0 leaves the intervals out.
        level: Coverage.
    """
    if resamples == 0:
        return measure(record, level=level)
    plan = plan_draws(record)
    drawn = {
        name: randomness.stream("bootstrap", name).random((resamples, one.draws, 2))
        for name, one in (("returns", plan.returns), ("trades", plan.trades))
        if one is not None
    }
    return measure(record, plan, Draws(**drawn), level)


def gross_exposure(run: EngineRun, panel: MarketPanel) -> FloatArray:
    """Return Σ |lots|·close·u ÷ equity at each mark, shape (n,); 0 where nothing is left."""
    value = np.abs(run.lots).astype(np.float64)
    value *= panel.close[run.start : run.stop]
    value *= panel.unit_values
    total: FloatArray = value[:, 0] if value.shape[1] == 1 else value.sum(axis=1)
    alive = run.equity > 0
    np.divide(total, run.equity, out=total, where=alive)
    total[~alive] = 0.0
    return total


def _costs(run: EngineRun, totals: FillTotals) -> Costs:
    net = int(run.equity[-1]) - int(run.equity[0])
    funding = int(run.funding.sum())
    gross = net + totals.fee + totals.slippage - funding
    return Costs(*(_money(one) for one in (gross, totals.fee, totals.slippage, funding, net)))


def _money(units: int) -> Decimal:
    return Decimal(units) / CASH_SCALE


def _benchmarks(run: EngineRun, request: BacktestRequest) -> tuple[Benchmark, ...]:
    panel = request.panel
    close = panel.close[run.start : run.stop]
    held = Benchmark("buy and hold", buy_and_hold(close))
    bases = [symbol.base for symbol in panel.symbols]
    if request.btc is not None:
        return held, Benchmark("BTC", buy_and_hold(request.btc[run.start : run.stop]))
    if "BTC" in bases:
        return held, Benchmark("BTC", buy_and_hold(close[:, bases.index("BTC")]))
    return held, Benchmark("BTC", None, "no BTC bars in the data")


def _doubts(
    run: EngineRun, panel: MarketPanel, metrics: Metrics, settings: SimulationSettings
) -> tuple[str, ...]:
    said = []
    if panel.synthetic:
        said.append("synthetic market: this says nothing about a real one")
    if metrics.trades < FEW_TRADES:
        count = "no trade" if metrics.trades == 0 else _count(metrics.trades, "trade")
        said.append(f"{count}: too few to judge")
    if not metrics.annualised:
        said.append(f"{metrics.days:.1f} days: under 30, nothing is annualised")
    if run.ruined_at >= 0:
        said.append("the account was ruined")
    ends = metrics.returns.sharpe.interval
    if ends is not None and ends[0] <= 0.0 <= ends[1]:
        said.append("the interval of the Sharpe ratio contains 0: luck is not ruled out")
    if np.any(run.lots[-1]):
        said.append("positions were open at the end and are marked without closing costs")
    taker = max(one.fees.tiers[0].taker_ppm for one in panel.instruments)
    if taker == 0 and settings.slippage == 0:
        said.append("no costs were charged: a result without costs is not a result")
    inferred = [str(one.symbol) for one in panel.instruments if one.inferred]
    if inferred:
        said.append(f"tick and lot sizes were read off the data: {', '.join(inferred)}")
    return tuple(said)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
