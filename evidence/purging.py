"""Purging: a leak of the label horizon shows without a purge and not with it.

1. A learner of labels that look ``HORIZON`` bars ahead is fitted in each split twice: on the
   market, and on the same market with the tested blocks replaced. With purge and look-back it must
   learn the very same to the last bit; without it must not, or the test would prove nothing.
2. The same learner on martingales: without a purge it earns out of sample what nobody can, with it
   nothing.
3. Splits and paths equal skfolio's, deflated Sharpe skfolio's and the paper's, the probability of
   overfitting the paper's algorithm written out.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from mettle.adapters.features.native import NativeFeatures
from mettle.adapters.market_data.synthetic import synthetic_panel
from mettle.adapters.simulation.native_engine import NativeEngine
from mettle.adapters.system import PhiloxRandomness
from mettle.application.backtest import BacktestRequest, cost_profile
from mettle.application.market import MarketPanel
from mettle.application.ports.agent import Agent
from mettle.application.ports.feature_builder import FeatureBuilder, FeatureStream, FeatureTable
from mettle.application.ports.synthetic_market import SyntheticMode
from mettle.application.research import Ground, Tools, cross_validate
from mettle.domain.errors import InvalidValue
from mettle.domain.performance.probabilistic import deflated_sharpe
from mettle.domain.performance.selection import (
    CombinatorialPurged,
    Span,
    judge_study,
    overfitting_probability,
)
from mettle.domain.signals.catalogue import feature
from mettle.domain.signals.features import FeatureSet, FeatureSpec
from mettle.domain.simulation import SimulationSettings
from numpy.typing import NDArray
from scipy.spatial import KDTree
from scipy.stats import rankdata
from skfolio.measures import deflated_sharpe_ratio
from skfolio.model_selection import CombinatorialPurgedCV

from . import Outcome

Floats = NDArray[np.float64]

HORIZON = 48
"""Bars that a label looks ahead."""
FEATURES = FeatureSet((feature("rolling_std", 40), feature("price_change")))
TIME = FeatureSet((FeatureSpec("bar_number"),))
"""The planted leak: who knows the time repeats the label of the nearest bar of the training."""
TOLERANCE = 1e-6


@dataclass(frozen=True, slots=True, eq=False)
class Neighbour:
    """Does what paid after the most similar bar of its training; implements ``Agent``.

    Attributes:
        known: Features of the training bars in units of their deviation, shape (n, F).
        scale: Those deviations, shape (F,).
        labels: Return over the ``HORIZON`` bars after each, shape (n,); its sign is what pays.
    """

    known: Floats
    scale: Floats
    labels: Floats
    name: str = "nearest-neighbour"
    feature_set: FeatureSet = FEATURES
    window: int = 1

    def decide(self, features: Floats, portfolio: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the action of one bar."""
        del portfolio
        row: NDArray[np.float32] = self.decide_batch(features)[-1]
        return row

    def decide_batch(self, features: Floats) -> NDArray[np.float32]:
        """Return the actions of many bars: features (T, 1, F) to actions (T, 1)."""
        asked = features[:, 0] / self.scale
        _, place = KDTree(self.known).query(asked)
        found: NDArray[np.float32] = np.sign(self.labels[place])[:, np.newaxis].astype(np.float32)
        return found


class BarNumbers:
    """The time as a feature, of a look-back of nothing; implements ``FeatureBuilder``."""

    def known(self) -> Sequence[str]:
        """Return the one name."""
        return TIME.names

    def warmup(self, feature_set: FeatureSet) -> int:
        """Return 0: a bar's number needs no history."""
        del feature_set
        return 0

    def table(self, panel: MarketPanel, feature_set: FeatureSet) -> FeatureTable:
        """Return the bars' numbers."""
        numbers = np.arange(len(panel), dtype=np.float64)
        values = np.ascontiguousarray(np.broadcast_to(numbers[:, None, None], (len(panel), 1, 1)))
        return FeatureTable(feature_set, values, ~panel.missing, 0)

    def stream(self, panel: MarketPanel, feature_set: FeatureSet) -> FeatureStream:
        """Refuse: nothing here goes bar by bar."""
        raise InvalidValue(f"no stream of {feature_set} for {len(panel)} bars")


def run(*, full: bool) -> Outcome:
    """Run all three parts; ``full`` takes more markets and matrices."""
    same, changed = _invariance(8 if full else 2)
    without, purged = _profit(400 if full else 60)
    splits, dsr, pbo = _oracles(100 if full else 12)
    leaks = without[0] - 1.96 * without[1] > 0.0
    clean = abs(purged[0]) <= 2.5 * purged[1]
    print(f"learned the same with purge: {same[0]} of {same[1]} splits, without: {changed[0]}")
    print(f"mean Sharpe a year on martingales without purge {_mean(without)}, with {_mean(purged)}")
    print(f"splits unlike skfolio's: {splits}; largest differences: DSR {dsr:.1e}, PBO {pbo:.1e}")
    figure = (
        f"{same[1] - same[0]} of {same[1]} purged splits knew their test ({same[1] - changed[0]} "
        f"unpurged); martingale Sharpe {_mean(purged)} purged, {_mean(without)} not; {splits} "
        f"splits unlike skfolio's, DSR within {dsr:.0e}, PBO within {pbo:.0e}"
    )
    holds = (
        same[0] == same[1]
        and changed[0] == 0
        and leaks
        and clean
        and splits == 0
        and max(dsr, pbo) <= TOLERANCE
    )
    return Outcome(figure, "0 purged, all unpurged; 0 splits; 1e-6", holds)


def _plans(lookback: int) -> tuple[CombinatorialPurged, CombinatorialPurged]:
    """Return the plan without a purge and the one with it."""
    purged = CombinatorialPurged(horizon=HORIZON, lookback=lookback, embargo=5)
    return CombinatorialPurged(), purged


def _learn(panel: MarketPanel, training: tuple[Span, ...], features: FeatureBuilder) -> Neighbour:
    """Fit on the training bars: their labels reach past them, which is what a purge is for."""
    table = features.table(panel, TIME if isinstance(features, BarNumbers) else FEATURES)
    bars = np.concatenate([np.arange(*span) for span in training])
    bars = bars[bars + HORIZON < len(panel)]
    close = panel.close[:, 0].astype(np.float64)
    known = table.values[bars, 0]
    scale = known.std(axis=0)
    labels = close[bars + HORIZON] / close[bars] - 1.0
    return Neighbour(known / scale, scale, labels, feature_set=table.feature_set)


def _invariance(markets: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """Count the splits whose learner is the same after their tested blocks were replaced."""
    counts, native = [], NativeFeatures(1)
    for plan in reversed(_plans(native.warmup(FEATURES))):
        same = total = 0
        for seed in range(markets):
            panel, other = (_market(2 * seed + which) for which in (0, 1))
            for split in plan.splits(100, len(panel)):
                ours = _learn(panel, split.training, native)
                theirs = _learn(_replaced(panel, other, split.tests), split.training, native)
                equal = np.array_equal(ours.known, theirs.known)
                same += equal and np.array_equal(ours.labels, theirs.labels)
                total += 1
        counts.append((same, total))
    return counts[0], counts[1]


def _market(seed: int, bars: int = 2000) -> MarketPanel:
    return synthetic_panel(5_000 + seed, assets=1, bars=bars, mode=SyntheticMode.MARTINGALE)


def _replaced(panel: MarketPanel, other: MarketPanel, tests: tuple[Span, ...]) -> MarketPanel:
    columns = {}
    for name in ("open", "high", "low", "close", "volume"):
        values = getattr(panel, name).copy()
        for span in tests:
            values[span.start : span.stop] = getattr(other, name)[span.start : span.stop]
        columns[name] = values
    return replace(panel, **columns)


def _profit(markets: int) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return mean and standard error of the paths' Sharpe ratio, without and with a purge."""
    found: list[list[float]] = [[], []]
    tools = Tools(BarNumbers(), NativeEngine(), PhiloxRandomness(1))
    for seed in range(markets):
        panel = _market(1_000 + seed)
        request = BacktestRequest(
            panel,
            Neighbour(np.zeros((1, 1)), np.ones(1), np.zeros(1), feature_set=TIME),
            SimulationSettings(allow_short=True, leverage=2),
            costs=cost_profile("zero"),
            resamples=0,
        )
        ground = Ground.of(request, [request.agent], tools)
        for plan, into in zip(_plans(0), found, strict=True):

            def fit(training: tuple[Span, ...], panel: MarketPanel = panel) -> Agent:
                return _learn(panel, training, tools.features)

            paths = cross_validate(ground, plan, fit).paths
            into.append(float(np.mean([one.sharpe.value or 0.0 for one in paths])))
    return _summary(found[0]), _summary(found[1])


def _summary(values: list[float]) -> tuple[float, float]:
    return float(np.mean(values)), float(np.std(values, ddof=1) / math.sqrt(len(values)))


def _mean(found: tuple[float, float]) -> str:
    return f"{found[0]:+.2f} ± {1.96 * found[1]:.2f}"


def _oracles(count: int) -> tuple[int, float, float]:
    """Return splits unlike skfolio's and the largest differences of DSR and PBO."""
    unlike = sum(_unlike(*case) for case in _cases(count))
    dsr = abs(_published(100) - 0.9004) > 5e-5 or abs(_published(46) - 0.9505) > 5e-5
    worst_dsr, worst_pbo = float(dsr), 0.0
    for seed in range(count):
        rng = np.random.default_rng(seed)
        trials, blocks = int(rng.integers(2, 30)), int(rng.choice([4, 6, 8]))
        returns = rng.standard_t(4, (int(rng.integers(80, 400)), trials)) * 0.01
        returns += rng.normal(0.0, 0.002, trials)
        sharpes = returns.mean(axis=0) / returns.std(axis=0, ddof=1)
        ours = judge_study(returns, trials, 8760.0).deflated.value or 0.0
        theirs = deflated_sharpe_ratio(returns[:, sharpes.argmax()], sharpes)
        worst_dsr = max(worst_dsr, abs(ours - float(theirs)))
        fitted = overfitting_probability(returns, blocks).probability
        worst_pbo = max(worst_pbo, abs(fitted - _by_the_paper(returns, blocks)))
    return unlike, worst_dsr, worst_pbo


def _published(trials: int) -> float:
    """Return the strategist's example of Bailey & López de Prado (2014)."""
    return deflated_sharpe(
        2.5 / math.sqrt(250), 1250, trials=trials, variance=0.5 / 250, skewness=-3.0, kurtosis=10.0
    )


def _cases(count: int) -> Iterator[tuple[int, int, int, int, int]]:
    rng = np.random.default_rng(99)
    for _ in range(count):
        groups = int(rng.integers(4, 11))
        tested, purge, embargo = (int(rng.integers(low, high)) for low, high in
                                  ((2, min(groups, 5)), (0, 8), (0, 8)))  # fmt: skip
        yield groups * 20 + int(rng.integers(0, 200)), groups, tested, purge, embargo


def _unlike(bars: int, groups: int, tested: int, purge: int, embargo: int) -> int:
    ours = CombinatorialPurged(groups, tested, purge, purge, embargo, least_share=0.0)
    theirs = CombinatorialPurgedCV(groups, tested, purge, embargo)
    wrong = int(not np.array_equal(np.array(ours.paths()).T, theirs.recombined_paths))
    pairs = zip(ours.splits(0, bars), theirs.split(np.zeros((bars, 1))), strict=True)
    for mine, (train, tests) in pairs:
        rows = np.concatenate([np.arange(*span) for span in mine.training])
        ends = [(int(one[0]), int(one[-1]) + 1) for one in tests]
        wrong += not (np.array_equal(rows, train) and [tuple(one) for one in mine.tests] == ends)
    return wrong


def _by_the_paper(returns: Floats, blocks: int) -> float:
    """Follow Bailey et al. (2017), section 3, step by step."""
    size = len(returns) // blocks
    parts = np.split(returns[len(returns) - size * blocks :], blocks)
    below = total = 0
    for inside in combinations(range(blocks), blocks // 2):
        sample = np.concatenate([parts[one] for one in inside])
        rest = np.concatenate([parts[one] for one in range(blocks) if one not in inside])
        best = int(np.argmax(sample.mean(axis=0) / sample.std(axis=0, ddof=1)))
        rank = rankdata(rest.mean(axis=0) / rest.std(axis=0, ddof=1))[best]
        omega = rank / (returns.shape[1] + 1)
        below += math.log(omega / (1 - omega)) <= 1e-12
        total += 1
    return below / total
