"""Figures of the return series, with intervals by the stationary bootstrap."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from . import ratios
from .benchmarks import capture_ratio, captures
from .drawdown import deepest, longest, underwater
from .figure import Figure
from .intervals import (
    BootstrapPlan,
    Ends,
    intervals_of_sums,
    percentile_interval,
    stationary_blocks,
)
from .paths import resampled_paths
from .probabilistic import minimum_track_record, probabilistic_sharpe
from .record import Record
from .returns import MINIMUM_DAYS, annual_return, simple_returns, total_return
from .sample import Sample

FloatArray = NDArray[np.float64]

NO_INTERVAL = "no interval: too few observations, or none was asked for"
NO_METHOD = "shown without an interval"
NO_BENCHMARK = "there is no benchmark"
UNBOUNDED = "one end of the interval is unbounded"
FLAT = "the returns do not vary"
NEVER_FELL = "the NAV never fell"


@dataclass(frozen=True, slots=True)
class ReturnFigures:
    """Figures of the NAV per unit; definitions and sources are in docs/concepts/metrics.md."""

    total_return: Figure
    annual_return: Figure
    excess_return: Figure
    volatility: Figure
    sharpe: Figure
    sortino: Figure
    calmar: Figure
    max_drawdown: Figure
    drawdown_days: Figure
    recovery_days: Figure
    probabilistic_sharpe: Figure
    track_record_days: Figure
    up_capture: Figure
    down_capture: Figure
    capture_ratio: Figure
    sharpe_per_bar: Figure
    skewness: Figure
    kurtosis: Figure


def return_figures(
    record: Record, plan: BootstrapPlan | None, uniforms: FloatArray | None, level: float
) -> ReturnFigures:
    """Measure the NAV; see :func:`.metrics.measure`."""
    returns, depth = simple_returns(record.nav), underwater(record.nav)
    ends = _intervals(record, returns, plan, uniforms, level)
    sample = Sample.of(returns)
    return ReturnFigures(
        **_growth(record, returns.size, float(depth.max()), ends),
        **_risk(record, sample, depth, ends),
        **_luck(record, sample),
        **_against_benchmark(record, returns, ends),
    )


def figure(value: float | None, n: int, reason: str, ends: Ends | None = None) -> Figure:
    """Build a figure: ``reason`` explains a missing value, else the missing interval is named."""
    if value is None or not math.isfinite(value):
        return Figure.undefined(reason, n)
    if ends is None:
        return Figure(value, NO_INTERVAL, n=n)
    missing = "" if None not in ends else UNBOUNDED
    return Figure(value, missing, ends[0], ends[1], n)


def plain(value: float | None, n: int, reason: str = "") -> Figure:
    """Build a figure that never has an interval: a count, a moment, a length."""
    if value is None or not math.isfinite(value):
        return Figure.undefined(reason, n)
    return Figure(value, NO_METHOD, n=n)


def _growth(record: Record, n: int, depth: float, ends: dict[str, Ends]) -> dict[str, Figure]:
    annual = annual_return(record.nav, record.bars_per_year) if record.annualised else None
    calmar = None
    if record.annualised:
        calmar = ratios.calmar(record.nav, record.bars_per_year, depth)
    short = f"the record is under {MINIMUM_DAYS} days"
    return {
        "total_return": figure(total_return(record.nav), n, "", ends.get("total_return")),
        "annual_return": figure(annual, n, short, ends.get("annual_return")),
        "calmar": figure(calmar, n, NEVER_FELL if record.annualised else short, ends.get("calmar")),
    }


def _risk(
    record: Record, sample: Sample, depth: FloatArray, ends: dict[str, Ends]
) -> dict[str, Figure]:
    n = sample.count
    factor = record.bars_per_year if record.annualised else 1.0
    worst = deepest(depth)
    recovery = None if worst is None or worst.recovery is None else worst.recovery
    few = "fewer than two returns" if n < 2 else FLAT
    no_loss = "fewer than two returns" if n < 2 else "no bar lost"
    unrecovered = NEVER_FELL if worst is None else "the deepest drawdown has not recovered"
    in_days = 1.0 / record.bars_per_day
    skew, tails = sample.moments()
    return {
        "volatility": figure(sample.volatility(factor), n, few, ends.get("volatility")),
        "sharpe": figure(sample.sharpe(factor), n, few, ends.get("sharpe")),
        "sortino": figure(sample.sortino(factor), n, no_loss, ends.get("sortino")),
        "max_drawdown": figure(float(depth.max()), n, "", ends.get("max_drawdown")),
        "drawdown_days": plain(longest(depth) * in_days, n),
        "recovery_days": plain(None if recovery is None else recovery * in_days, n, unrecovered),
        "sharpe_per_bar": figure(sample.sharpe(), n, few, ends.get("sharpe_per_bar")),
        "skewness": plain(skew, n, few),
        "kurtosis": plain(tails, n, few),
    }


def _luck(record: Record, sample: Sample) -> dict[str, Figure]:
    n = sample.count
    ratio, (skew, tails) = sample.sharpe(), sample.moments()
    if ratio is None or skew is None or tails is None:
        reason = "fewer than two returns" if n < 2 else FLAT
        missing = Figure.undefined(reason, n)
        return {"probabilistic_sharpe": missing, "track_record_days": missing}
    chance = probabilistic_sharpe(ratio, n, skewness=skew, kurtosis=tails)
    needed = minimum_track_record(ratio, skewness=skew, kurtosis=tails)
    days = None if needed is None else needed / record.bars_per_day
    return {
        "probabilistic_sharpe": plain(chance, n),
        "track_record_days": plain(days, n, "the Sharpe ratio is not positive"),
    }


def _against_benchmark(
    record: Record, returns: FloatArray, ends: dict[str, Ends]
) -> dict[str, Figure]:
    n = returns.size
    names = ("excess_return", "up_capture", "down_capture", "capture_ratio")
    if record.benchmark is None:
        return {name: Figure.undefined(NO_BENCHMARK, n) for name in names}
    other = simple_returns(record.benchmark)
    excess = total_return(record.nav) - total_return(record.benchmark)
    up, down = captures(returns, other)
    return {
        "excess_return": figure(excess, n, "", ends.get("excess_return")),
        "up_capture": plain(up, n, "the benchmark never rose"),
        "down_capture": plain(down, n, "the benchmark never fell"),
        "capture_ratio": plain(
            capture_ratio(up, down), n, "downside capture is missing or not positive"
        ),
    }


def _intervals(
    record: Record,
    returns: FloatArray,
    plan: BootstrapPlan | None,
    uniforms: FloatArray | None,
    level: float,
) -> dict[str, Ends]:
    if plan is None or uniforms is None:
        return {}
    blocks = stationary_blocks(plan, uniforms)
    columns = [returns, np.square(returns), np.square(np.minimum(returns, 0.0))]
    factor = math.sqrt(record.bars_per_year if record.annualised else 1.0)
    statistics = _moment_statistics(returns.size, factor)
    whole = bool(returns.min() > -1.0)
    if whole:
        columns.append(np.log1p(returns))
        statistics["total_return"] = lambda sums: np.expm1(sums[:, 3])
        if record.benchmark is not None:
            columns.append(np.log1p(simple_returns(record.benchmark)))
            statistics["excess_return"] = lambda sums: np.exp(sums[:, 3]) - np.exp(sums[:, 4])
    table = np.stack(columns, axis=1)
    ends = intervals_of_sums(table, blocks, statistics, level)
    if whole:
        ends |= _path_intervals(record, columns[3], plan, uniforms, level)
    return ends


def _moment_statistics(n: int, factor: float) -> dict[str, Callable[[FloatArray], FloatArray]]:
    def spread(sums: FloatArray) -> FloatArray:
        mean = sums[:, 0] / n
        variance = (sums[:, 1] - n * mean * mean) / (n - 1)
        return np.sqrt(np.where(variance > 1e-24 * mean * mean, variance, np.nan))

    def per_bar(sums: FloatArray) -> FloatArray:
        return sums[:, 0] / n / spread(sums)

    def downside(sums: FloatArray) -> FloatArray:
        return sums[:, 0] / n / np.sqrt(np.maximum(sums[:, 2], 0.0) / n) * factor

    return {
        "volatility": lambda sums: spread(sums) * factor,
        "sharpe_per_bar": per_bar,
        "sharpe": lambda sums: per_bar(sums) * factor,
        "sortino": downside,
    }


def _path_intervals(
    record: Record, logs: FloatArray, plan: BootstrapPlan, uniforms: FloatArray, level: float
) -> dict[str, Ends]:
    growth, depth = resampled_paths(logs, plan, uniforms)
    ends = {"max_drawdown": percentile_interval(depth, level)}
    if record.annualised:
        with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
            annual = np.expm1(growth * record.bars_per_year / plan.n)
            ends["annual_return"] = percentile_interval(annual, level)
            ends["calmar"] = percentile_interval(annual / depth, level)
    return ends
