"""What a trial is worth: walk-forward windows, each judged on bars that its agent has not seen."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ...domain.errors import DataError
from ...domain.performance import fill_totals, simple_returns
from ...domain.performance.drawdown import max_drawdown
from ...domain.performance.ratios import sharpe
from ..backtest import BacktestRequest, Provenance, WalkForward, Window, run_backtest
from ..backtest.request import day
from ..learning.strict import canonical
from ..market import MarketPanel
from ..ports.agent import Agent
from ..ports.backtest_engine import BacktestEngine
from ..ports.feature_builder import FeatureBuilder
from ..ports.randomness import Randomness
from ..ports.trial_files import FoldResult, TrialFiles
from .definition import CampaignDefinition
from .records import TrialAttempt


class TrialPruned(Exception):
    """The trial is plainly worse than the best one: its other folds are not worth their time."""


@dataclass(frozen=True, slots=True)
class TrialWork:
    """One attempt while it is at work.

    Attributes:
        check: Called between steps; raises if the work may not go on.
        report: Called after each fold with its place and score; raises :class:`TrialPruned`.
        note: Called with parameters that are drawn on the way; raises as ``check``.
    """

    definition: CampaignDefinition
    attempt: TrialAttempt
    files: TrialFiles
    check: Callable[[], None]
    report: Callable[[int, float], None]
    note: Callable[[Mapping[str, object]], None] = lambda _values: None

    @property
    def seed(self) -> int:
        """Seed of the attempt: another one after a divergence, the same after a crash."""
        step = self.attempt.number + 1_000_003 * self.attempt.reseeds
        return (self.definition.seed + 7_919 * step) % 2**31


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """What a trial brought.

    Attributes:
        returns: Of each bar out of sample, all folds joined, shape (n,), float64.
        figures: By name; None where undefined.
        body: What else is kept with the result.
    """

    returns: NDArray[np.float64]
    figures: Mapping[str, float | None]
    body: Mapping[str, Any] = field(default_factory=dict)


class Objective(Protocol):
    """Judges a trial."""

    def __call__(self, work: TrialWork) -> Measured:
        """Return what the trial is worth; raises whatever goes wrong."""

    def space_needed(self) -> int:
        """Return the bytes that one trial may write, a generous estimate."""


class AgentMaker(Protocol):
    """Gives each fold the agent that is judged in it."""

    def make(self, work: TrialWork, fold: int, window: Window) -> tuple[Agent, Provenance]:
        """Return the agent of a fold, which has seen only the window's training bars."""

    def keep(self, work: TrialWork) -> Mapping[str, Any]:
        """Keep the agent of the last fold and return what to note of it."""

    def fingerprint(self, work: TrialWork) -> Mapping[str, Any]:
        """Return what the agents depend on beside the parameters."""

    def space_needed(self) -> int:
        """Return the bytes that one trial may write."""


@dataclass(frozen=True, slots=True)
class Bench:
    """The tools that trials are judged with."""

    features: FeatureBuilder
    engine: BacktestEngine
    randomness: Randomness


class WalkForwardObjective:
    """Judges agents window by window; each window starts flat with the same cash and ends flat.

    Args:
        request: Bars, settings and costs; its agent and period are replaced.
        windows: All trials of a study are judged on the same ones.
    """

    def __init__(
        self,
        request: BacktestRequest,
        windows: Sequence[Window],
        maker: AgentMaker,
        bench: Bench,
    ) -> None:
        self._request = request
        self._windows = windows
        self._maker = maker
        self._bench = bench

    def __call__(self, work: TrialWork) -> Measured:
        """See :class:`Objective`."""
        fingerprint = self._fingerprint(work)
        done = list(work.files.folds(work.attempt, fingerprint))[: len(self._windows)]
        for fold, result in enumerate(done):
            work.report(fold, score(result.returns))
        for fold in range(len(done), len(self._windows)):
            work.check()
            result = self._play(work, fold)
            work.check()
            work.files.write_fold(work.attempt, fingerprint, fold, result)
            done.append(result)
            work.report(fold, score(result.returns))
        work.check()
        return Measured(
            np.concatenate([one.returns for one in done]), figures(done), self._maker.keep(work)
        )

    def space_needed(self) -> int:
        """See :class:`Objective`."""
        bars = sum(one.stop - one.start for one in self._windows)
        return 4 * 8 * bars + self._maker.space_needed()

    def _play(self, work: TrialWork, fold: int) -> FoldResult:
        window = self._windows[fold]
        agent, provenance = self._maker.make(work, fold, window)
        opens = self._request.panel.open_time
        request = replace(
            self._request,
            panel=self._request.panel.slice(0, window.stop),
            agent=agent,
            provenance=provenance,
            start_ms=int(opens[window.start]),
            stop_ms=None,
            close_at_end=True,
            resamples=0,
        )
        tools = self._bench
        result = run_backtest(request, tools.features, tools.engine, tools.randomness)
        returns = simple_returns(result.nav)
        if returns.size != window.stop - window.start - 1:
            raise DataError(
                f"{agent.name} is not warm at the first bar of fold {fold}",
                mend="take a longer period, or fewer folds",
            )
        traded = fill_totals(result.run.fills, result.panel.unit_values).notional
        mean_equity = float(np.mean(result.equity, dtype=np.float64))
        notes = {
            "turnover": traded / mean_equity if mean_equity > 0 else 0.0,
            "trades": float(len(result.trades)),
        }
        return FoldResult(returns, notes)

    def _fingerprint(self, work: TrialWork) -> str:
        body = {
            "parameters": dict(work.attempt.parameters),
            "data": work.definition.data_hash,
            "windows": [
                [one.train_start, one.train_stop, one.start, one.stop] for one in self._windows
            ],
            "settings": self._request.settings.to_dict(),
            "costs": self._request.costs.name,
            "agent": dict(self._maker.fingerprint(work)),
        }
        return hashlib.sha256(canonical(body)).hexdigest()


def walk_forward_windows(
    bars: int, warmup: int, definition: CampaignDefinition, *, purge: int
) -> tuple[Window, ...]:
    """Cut what is left before the hold-out into equal tests, each after the bars it is trained on.

    Args:
        bars: Of the whole period.
        warmup: Bars before the first training window.
        purge: Training bars dropped before each test.

    Raises:
        DataError: If the period is too short.
    """
    stop = int(bars * (1 - definition.holdout))
    length = (stop - warmup - purge) // (definition.folds + 1)
    if length < 2:
        raise DataError(
            f"{bars} bars are too few for {definition.folds} folds after a warm-up of {warmup}",
            mend="take a longer period, or fewer folds",
        )
    train = stop - warmup - purge - definition.folds * length
    plan = WalkForward(train=train, test=length, anchored=True, purge=purge)
    return plan.windows(warmup, stop)


def check_gaps(
    panel: MarketPanel, windows: Sequence[Window], *, trained: bool, judged: bool
) -> None:
    """Refuse bars whose gaps would fail every trial or the end of the study, before it is begun.

    Args:
        trained: Whether training refuses a gap.
        judged: Whether backtests do; the end of a study plays on the bars learnt from, too.

    Raises:
        DataError: Naming the first gap and the settings that refuse it.
    """
    first = windows[0].train_start
    places = np.argwhere(panel.missing[first:])
    learnt = places[places[:, 0] < windows[-1].stop - first]
    mends = ['training.gaps = "segment"'] if trained and len(learnt) else []
    mends += ['backtest.gaps = "hold"'] if judged and len(places) else []
    if mends:
        bar, asset = (int(one) for one in places[0])
        raise DataError(
            f"{len(places)} bars are missing, the first of {panel.symbols[asset]} at "
            f"{day(panel.open_time[first + bar])}: no trial could be brought to its end",
            mend=f"set {' and '.join(mends)}, or choose a period without gaps",
        )


def score(returns: NDArray[np.float64]) -> float:
    """Return the Sharpe ratio of a bar; a book that never moves scores 0, whatever it is called."""
    found = sharpe(returns)
    return 0.0 if found is None else found


def figures(folds: Sequence[FoldResult]) -> dict[str, float | None]:
    """Return the figures of all folds joined."""
    joined = np.concatenate([one.returns for one in folds])
    nav = np.concatenate([[1.0], np.cumprod(1.0 + joined)])
    return {
        "sharpe": sharpe(joined),
        "total_return": float(nav[-1] - 1.0),
        "drawdown": max_drawdown(nav),
        "turnover": float(sum(one.figures["turnover"] for one in folds)),
        "trades": float(sum(one.figures["trades"] for one in folds)),
        "bars": float(joined.size),
    }


def objective_values(
    objectives: Sequence[str], found: Mapping[str, float | None]
) -> tuple[float, ...]:
    """Return what the sampler learns from; an undefined figure counts as 0 for it alone."""
    return tuple(found.get(name) or 0.0 for name in objectives)
