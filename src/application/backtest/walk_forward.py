"""Walk-forward: window after window, each judged on bars that its agent has not seen."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ...domain.errors import DataError, InvalidValue
from ...domain.performance import trade_table
from ..ports.backtest_engine import BacktestEngine, EngineRun
from ..ports.feature_builder import FeatureBuilder, FeatureTable
from ..ports.randomness import Randomness
from .assess import assess
from .close_out import close_out
from .request import BacktestRequest, Period, Provenance, Retrain, check_overlap, choose_period
from .result import BacktestResult, WindowResult
from .run import with_costs


@dataclass(frozen=True, slots=True)
class Window:
    """Bars ``[train_start, train_stop)`` to learn from, ``[start, stop)`` to be judged on."""

    train_start: int
    train_stop: int
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class WalkForward:
    """How a period is cut; all lengths in bars.

    Attributes:
        train: Training bars of a window; the least of them when anchored.
        test: Bars of each out-of-sample window.
        anchored: Training always begins at the first bar; else it rolls along.
        purge: Training bars dropped before a test: the label's or episode's horizon.
        embargo: Further bars left out between the two.
    """

    train: int
    test: int
    anchored: bool = False
    purge: int = 0
    embargo: int = 0

    def __post_init__(self) -> None:
        if self.train < 1 or self.test < 2 or self.purge < 0 or self.embargo < 0:
            raise InvalidValue(
                "walk-forward needs train ≥ 1, test ≥ 2, purge and embargo ≥ 0 bars, had "
                f"{self.train}, {self.test}, {self.purge}, {self.embargo}"
            )

    def windows(self, first: int, stop: int) -> tuple[Window, ...]:
        """Cut the bars ``[first, stop)``; a last window shorter than half a test is joined.

        Raises:
            DataError: If they do not hold one window.
        """
        start = first + self.train + self.purge + self.embargo
        if start + self.test > stop:
            raise DataError(
                f"the period holds {stop - first} bars, one window needs "
                f"{start - first + self.test}",
                mend="shorten the windows or take a longer period",
            )
        edges = list(range(start, stop - self.test // 2, self.test))
        ends = [*edges[1:], stop]
        out = []
        for begin, end in zip(edges, ends, strict=True):
            train_stop = begin - self.purge - self.embargo
            train_start = first if self.anchored else train_stop - self.train
            out.append(Window(train_start, train_stop, begin, end))
        return tuple(out)


def run_walk_forward(
    request: BacktestRequest,
    plan: WalkForward,
    features: FeatureBuilder,
    engine: BacktestEngine,
    randomness: Randomness,
    retrain: Retrain | None = None,
) -> BacktestResult:
    """Judge an agent, or a way of training one, window by window.

    One account runs through all windows: each starts with what the last one left, flat, and ends
    flat with costs. The result is that of the joined out-of-sample stretch.

    Args:
        request: Period, costs and starting cash.
        plan: How the period is cut.
        features: Computes each agent's features.
        engine: Plays each window.
        randomness: For the intervals.
        retrain: Gives each window its own agent; without it the request's agent is judged.

    Raises:
        DataError: If the period is too short or has gaps that the request refuses.
        InvalidValue: If a window overlaps with its agent's training.
    """
    request = with_costs(request)
    table = features.table(request.panel, request.agent.feature_set)
    period = _whole_period(request, table, retrain)
    runs: list[EngineRun] = []
    rows: list[WindowResult] = []
    warnings = list(period.warnings)
    cash = request.settings.initial_cash
    for window in plan.windows(period.start, period.stop):
        if cash <= 0:
            warnings.append("the account was ruined before the last window")
            break
        asked, seen = request, table
        if retrain is not None:
            agent, provenance = retrain(window.train_start, window.train_stop)
            asked = replace(request, agent=agent, provenance=provenance)
            check_overlap(asked, window.start, window.stop)
            seen = features.table(request.panel, agent.feature_set)
        stop = min(window.stop + 1, period.stop)
        run = _play(asked, seen, engine, (window.start, stop), cash)
        cash = int(run.equity[-1])
        runs.append(run)
        rows.append(_window_result(asked, window, run))
    return assess(join(runs), request, randomness, tuple(warnings), tuple(rows))


def join(runs: list[EngineRun]) -> EngineRun:
    """Return the runs as one: each begins at the bar and with the equity of the last one's end."""
    first, last = runs[0], runs[-1]
    ruined = [run.ruined_at for run in runs if run.ruined_at >= 0]
    return EngineRun(
        start=first.start,
        stop=last.stop,
        equity=np.concatenate([first.equity, *(run.equity[1:] for run in runs[1:])]),
        cash=np.concatenate([first.cash, *(run.cash[1:] for run in runs[1:])]),
        lots=np.concatenate([first.lots, *(run.lots[1:] for run in runs[1:])]),
        actions=np.concatenate([run.actions for run in runs]),
        funding=np.concatenate([run.funding for run in runs]),
        fills=np.concatenate([run.fills for run in runs]),
        ruined_at=ruined[0] if ruined else -1,
    )


def _whole_period(request: BacktestRequest, table: FeatureTable, retrain: Retrain | None) -> Period:
    if retrain is None:
        return choose_period(request, table)
    return choose_period(replace(request, provenance=Provenance()), table)


def _play(
    request: BacktestRequest,
    table: FeatureTable,
    engine: BacktestEngine,
    bars: tuple[int, int],
    cash: int,
) -> EngineRun:
    """Play one window, up to the mark at which the next one begins, and end flat."""
    settings = replace(request.settings, initial_cash=cash)
    run = engine.run(request.panel, table, request.agent, settings, *bars)
    return close_out(run, request.panel, settings)


def _window_result(request: BacktestRequest, window: Window, run: EngineRun) -> WindowResult:
    trades = trade_table(run.fills, request.panel.unit_values)
    return WindowResult(
        train_start=window.train_start,
        train_stop=window.train_stop,
        start=run.start,
        stop=run.stop,
        agent=request.agent.name,
        agent_hash=request.provenance.hash,
        total_return=float(run.equity[-1] / run.equity[0] - 1.0),
        trades=len(trades),
    )
