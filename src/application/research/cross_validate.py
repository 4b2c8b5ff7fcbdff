"""Combinatorial purged cross-validation of a way of learning.

In each split an agent is learned from the training blocks alone and played over each tested group,
from flat to flat with costs. Of each group every path takes another test, so that the paths are
whole histories, none of which any of its agents has learned from.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ...domain.performance import Figure, ratios
from ...domain.performance.drawdown import max_drawdown
from ...domain.performance.selection import (
    CombinatorialPurged,
    Span,
    Split,
    judge_study,
    plan_verdict,
)
from ..ports.agent import Agent
from .ground import FloatArray, Ground, Played

Fit = Callable[[tuple[Span, ...]], Agent]
"""From training blocks to an agent that has seen nothing else; its scaler included."""


@dataclass(frozen=True, slots=True)
class SplitResult:
    """One split.

    Attributes:
        agent: What was learned.
        inside: Sharpe ratio per bar over the training blocks, None where undefined.
        outside: The same over the tested groups.
    """

    split: Split
    agent: str
    inside: float | None
    outside: float | None


@dataclass(frozen=True, slots=True)
class PathResult:
    """One whole history out of sample.

    Attributes:
        returns: Per bar, group after group; shape (T − N,).
        sharpe: Annualised, with the block bootstrap's interval.
        trades: Closed along it.
    """

    returns: FloatArray
    sharpe: Figure
    total_return: float
    max_drawdown: float
    trades: int


@dataclass(frozen=True, slots=True)
class CrossValidation:
    """What all splits and paths said.

    Attributes:
        ground: Where it was done.
        plan: How.
    """

    ground: Ground
    plan: CombinatorialPurged
    splits: tuple[SplitResult, ...]
    paths: tuple[PathResult, ...]

    @property
    def median_path(self) -> PathResult:
        """The path with the (lower) median Sharpe ratio: neither the lucky nor the unlucky one."""
        ordered = sorted(
            self.paths, key=lambda one: 0.0 if one.sharpe.value is None else one.sharpe.value
        )
        return ordered[(len(ordered) - 1) // 2]

    @property
    def losing_paths(self) -> int:
        """Paths that did not earn."""
        return sum(one.total_return <= 0.0 for one in self.paths)

    @property
    def training_share(self) -> float:
        """Least part of its nominal training bars that a split kept."""
        return min(one.split.kept / one.split.nominal for one in self.splits)


def cross_validate(
    ground: Ground,
    plan: CombinatorialPurged,
    fit: Fit,
    on_progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> CrossValidation:
    """Learn and test in every split, and put the paths together.

    Args:
        ground: Bars, costs and settings.
        plan: Groups, and what is purged around the tested ones.
        fit: Learns from training blocks alone.
        on_progress: Told how many of how many splits are done.

    Raises:
        DataError: If the period is too short for the plan.
    """
    splits = plan.splits(ground.first, ground.stop)
    tested: dict[tuple[int, int], Played] = {}
    rows = []
    for split in splits:
        agent = fit(split.training)
        for group, span in zip(split.groups, split.tests, strict=True):
            tested[split.number, group] = ground.play(agent, span)
        inside = [ground.returns(agent, one) for one in split.training if one.bars >= 2]
        outside = [tested[split.number, group].returns for group in split.groups]
        rows.append(SplitResult(split, agent.name, _sharpe(inside), _sharpe(outside)))
        on_progress(len(rows), len(splits))
    paths = tuple(
        _path(ground, number, [tested[split, group] for group, split in enumerate(chosen)])
        for number, chosen in enumerate(plan.paths())
    )
    return CrossValidation(ground, plan, tuple(rows), paths)


def _sharpe(parts: list[FloatArray]) -> float | None:
    return ratios.sharpe(np.concatenate(parts)) if parts else None


def _path(ground: Ground, number: int, pieces: list[Played]) -> PathResult:
    returns = np.concatenate([one.returns for one in pieces])
    nav = np.concatenate(([1.0], np.cumprod(1.0 + returns)))
    table = returns[:, np.newaxis]
    plan = plan_verdict(table) if ground.resamples else None
    draws = None
    if plan is not None:
        stream = ground.tools.randomness.stream("bootstrap", "path", number)
        draws = stream.random((ground.resamples, plan.draws, 2))
    judged = judge_study(table, 1, ground.bars_per_year, uniforms=draws)
    return PathResult(
        returns,
        judged.annual_sharpe,
        float(nav[-1] - 1.0),
        max_drawdown(nav),
        sum(one.trades for one in pieces),
    )
