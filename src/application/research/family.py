"""A family of rules as a study: every member is a trial."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product

import numpy as np

from ...domain.errors import InvalidValue
from ...domain.performance import ratios
from ...domain.performance.selection import (
    SelectionRules,
    Span,
    StudyVerdict,
    judge_study,
    plan_verdict,
)
from ..ports.agent import Agent
from ..strategies import make_strategy
from .cross_validate import Fit
from .ground import FloatArray, Ground, trial_returns

MAX_FAMILY = 10_000


def expand_grid(name: str, grid: Mapping[str, Sequence[int | bool | str]]) -> tuple[Agent, ...]:
    """Return a strategy with every combination of the parameters that it accepts.

    Combinations that the strategy refuses (a fast average above the slow one) are left out.

    Raises:
        NotFound: If nothing has that name.
        InvalidValue: If there are too many combinations, or the strategy refuses all of them.
    """
    count = int(np.prod([len(values) for values in grid.values()], dtype=np.int64))
    if count > MAX_FAMILY:
        raise InvalidValue(f"the grid has {count} combinations, at most {MAX_FAMILY} are taken")
    members: list[Agent] = []
    refused: InvalidValue | None = None
    for values in product(*grid.values()):
        try:
            members.append(make_strategy(name, dict(zip(grid, values, strict=True))))
        except InvalidValue as error:
            refused = error
    if not members:
        raise refused or InvalidValue(f"the grid of {name} holds no combination")
    return tuple(members)


def best_on(ground: Ground, agents: Sequence[Agent]) -> Fit:
    """Return the way of learning that is a choice: the agent with the best Sharpe in training."""

    def fit(training: tuple[Span, ...]) -> Agent:
        playable = [span for span in training if span.bars >= 2]
        table = trial_returns(ground, agents, playable)
        scores = [ratios.sharpe(column) or 0.0 for column in table.T]
        return agents[int(np.argmax(scores))]

    return fit


def judge_family(
    ground: Ground,
    agents: Sequence[Agent],
    started: int | None = None,
    rules: SelectionRules | None = None,
    spans: Sequence[Span] = (),
) -> StudyVerdict:
    """Judge the best of a family of agents that were not fitted to the bars.

    Args:
        started: Trials ever started on these bars; the members if None.
        spans: Blocks that each begin and end flat; the whole ground if none.
    """
    table = trial_returns(ground, agents, spans or (Span(ground.first, ground.stop),))
    return judge_returns(ground, table, started or len(agents), rules)


def judge_returns(
    ground: Ground, table: FloatArray, started: int, rules: SelectionRules | None = None
) -> StudyVerdict:
    """Judge returns on a ground, with an interval from the ground's random numbers."""
    plan = plan_verdict(table) if ground.resamples else None
    draws = None
    if plan is not None:
        stream = ground.tools.randomness.stream("bootstrap", "verdict")
        draws = stream.random((ground.resamples, plan.draws, 2))
    return judge_study(table, started, ground.bars_per_year, rules, uniforms=draws)
