"""Can a study's choice be told from luck? The answer, its criteria and its words."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ...errors import InvalidValue
from .. import ratios
from ..figure import Figure
from ..intervals import (
    BootstrapPlan,
    intervals_of_sums,
    plan_bootstrap,
    stationary_blocks,
)
from ..probabilistic import expected_best_sharpe, minimum_track_record, probabilistic_sharpe
from ..sample import Sample
from .overfitting import MIN_BARS_A_BLOCK, overfitting_probability

FloatArray = NDArray[np.float64]

LUCK, SKILL = "not distinguishable from luck", "distinguishable from luck"


@dataclass(frozen=True, slots=True)
class SelectionRules:
    """What a study must show.

    Attributes:
        deflated_sharpe: Least deflated Sharpe ratio of the chosen trial.
        overfitting: The probability of overfitting must lie below.
        blocks: S of the symmetric cross-validation.
        level: Coverage of the interval that is shown.
    """

    deflated_sharpe: float = 0.95
    overfitting: float = 0.5
    blocks: int = 16
    level: float = 0.9


@dataclass(frozen=True, slots=True)
class Criterion:
    """One condition of a verdict and what was found."""

    name: str
    figure: Figure
    comparison: Literal["≥", "<"]
    threshold: float

    @property
    def holds(self) -> bool:
        """Whether it is met; what is undefined is not."""
        value = self.figure.value
        if value is None:
            return False
        return value >= self.threshold if self.comparison == "≥" else value < self.threshold

    def __str__(self) -> str:
        value = self.figure.value
        found = f"none ({self.figure.reason})" if value is None else _short(value)
        mark = "holds" if self.holds else "fails"
        return f"{self.name} {found}, wanted {self.comparison} {self.threshold:g}: {mark}"


@dataclass(frozen=True, slots=True)
class StudyVerdict:
    """What a study's out-of-sample returns say about the trial chosen from it.

    Ratios are per bar and not annualised unless they say so.

    Attributes:
        started: N, all trials ever started on the data: completed, failed, pruned, running.
        completed: Those with returns.
        bars: T, out-of-sample returns of each.
        chosen: Column of the trial that is judged, None if none completed.
        sharpe: Its Sharpe ratio with the block bootstrap's interval.
        annual_sharpe: The same, annualised.
        expected_best: What the best of N without skill would show.
        deflated: Probability that the true ratio exceeds that.
        floored: The same, with the trials at least as uneven as the noise of T bars makes
            independent ones: trials that share most of their luck look even, and are not.
        overfitting: By symmetric cross-validation.
        track_record: Bars that would prove the ratio to exceed the expected best with 95 %.
        criteria: All must hold.
    """

    started: int
    completed: int
    bars: int
    chosen: int | None
    sharpe: Figure
    annual_sharpe: Figure
    expected_best: Figure
    deflated: Figure
    floored: Figure
    overfitting: Figure
    track_record: Figure
    criteria: tuple[Criterion, ...]

    @property
    def distinguishable(self) -> bool:
        """Whether every criterion holds."""
        return all(one.holds for one in self.criteria)

    @property
    def words(self) -> str:
        """The verdict in one line: ``not distinguishable from luck: 412 trials, deflated …``."""
        count = f"{self.started:,} trial" + ("" if self.started == 1 else "s")
        parts = [SKILL + ": " + count if self.distinguishable else LUCK + ": " + count]
        if self.deflated.value is None:
            parts.append(f"no deflated Sharpe ({self.deflated.reason})")
        else:
            parts.append(f"deflated Sharpe {_short(self.deflated.value)}")
        for one in self.criteria[1:]:
            if one.figure.reason and one.figure.reason == self.deflated.reason:
                continue
            if one.figure.value is None:
                parts.append(f"no {one.name} ({one.figure.reason})")
            elif self.distinguishable or not one.holds:
                parts.append(f"{one.name} {_short(one.figure.value)}")
        return ", ".join(parts)

    def to_dict(self) -> dict[str, object]:
        """Return plain values for JSON."""
        names = (
            "sharpe", "annual_sharpe", "expected_best", "deflated", "floored", "overfitting",
            "track_record",
        )  # fmt: skip
        return {
            "words": self.words,
            "distinguishable": self.distinguishable,
            "started": self.started,
            "completed": self.completed,
            "bars": self.bars,
            "chosen": self.chosen,
            **{name: getattr(self, name).to_dict() for name in names},
            "criteria": [
                {
                    "name": one.name,
                    "value": one.figure.value,
                    "reason": one.figure.reason,
                    "comparison": one.comparison,
                    "threshold": one.threshold,
                    "holds": one.holds,
                }
                for one in self.criteria
            ],
        }


def plan_verdict(returns: FloatArray, chosen: int | None = None) -> BootstrapPlan | None:
    """Return the random numbers that :func:`judge_study` wants; None where there are too few bars.

    Args:
        returns: Of the completed trials, shape (T, C).
        chosen: As for :func:`judge_study`.
    """
    column = _choose(returns, chosen)
    return None if column is None else plan_bootstrap(returns[:, column])


def judge_study(
    returns: FloatArray,
    started: int,
    bars_per_year: float,
    rules: SelectionRules | None = None,
    *,
    chosen: int | None = None,
    uniforms: FloatArray | None = None,
) -> StudyVerdict:
    """Judge the best trial of a study, or the one that was chosen.

    Args:
        returns: Per-bar out-of-sample returns of the completed trials on identical bars, shape
            (T, C); C may be 0.
        started: Trials ever started on that data, failed and pruned included; at least C.
        bars_per_year: Annualises the ratio that is shown.
        rules: What must be shown.
        chosen: Column that is judged; that with the highest Sharpe ratio if None.
        uniforms: In [0, 1), shape (R, plan.draws, 2) of :func:`plan_verdict`; without them the
            ratio has no interval.

    Raises:
        InvalidValue: If the shapes or counts do not fit, or a return is not finite.
    """
    rules = rules or SelectionRules()
    _check(returns, started, chosen)
    column = _choose(returns, chosen)
    sharpes = _sharpes(returns)
    per_bar = _sharpe_figure(returns, column, rules.level, uniforms)
    spread = _variance(sharpes, started)
    series = None if column is None else returns[:, column]
    best = _expected_best(spread, started)
    deflated, record = _deflate(series, spread, started)
    floored = _deflate(series, _floor(spread, started, len(returns)), started)[0]
    fitted = _overfitting(returns, started, rules.blocks)
    criteria = [Criterion("deflated Sharpe", deflated, "≥", rules.deflated_sharpe)]
    if started > 1:  # of a single trial nothing was selected
        criteria += [
            Criterion("noise-floored", floored, "≥", rules.deflated_sharpe),
            Criterion("probability of overfitting", fitted, "<", rules.overfitting),
        ]
    return StudyVerdict(
        started=started,
        completed=returns.shape[1],
        bars=len(returns),
        chosen=column,
        sharpe=per_bar,
        annual_sharpe=_scaled(per_bar, math.sqrt(bars_per_year)),
        expected_best=best,
        deflated=deflated,
        floored=floored,
        overfitting=fitted,
        track_record=record,
        criteria=tuple(criteria),
    )


def _check(returns: FloatArray, started: int, chosen: int | None) -> None:
    if returns.ndim != 2 or not np.isfinite(returns).all():
        raise InvalidValue(f"returns must be a finite table (bars, trials), was {returns.shape}")
    if started < max(1, returns.shape[1]):
        raise InvalidValue(
            f"{started} trials were started and {returns.shape[1]} completed: count all of them"
        )
    if chosen is not None and not 0 <= chosen < returns.shape[1]:
        raise InvalidValue(f"trial {chosen} is not among {returns.shape[1]}")


def _sharpes(returns: FloatArray) -> FloatArray:
    """Return each trial's ratio; a trial that never traded has earned nothing and counts as 0."""
    return np.array([ratios.sharpe(column) or 0.0 for column in returns.T])


def _choose(returns: FloatArray, chosen: int | None) -> int | None:
    if chosen is not None or not returns.size:
        return chosen
    return int(_sharpes(returns).argmax())


def _sharpe_figure(
    returns: FloatArray, column: int | None, level: float, uniforms: FloatArray | None
) -> Figure:
    if column is None:
        return Figure.undefined("no trial completed")
    series = returns[:, column]
    ratio = ratios.sharpe(series)
    if ratio is None:
        return Figure.undefined("the chosen trial's returns do not vary", series.size)
    plan = plan_bootstrap(series)
    if plan is None or uniforms is None:
        return Figure(ratio, "no interval: too few bars or no draws", n=series.size)
    n = series.size

    def per_bar(sums: FloatArray) -> FloatArray:
        mean = sums[:, 0] / n
        variance = (sums[:, 1] - n * mean * mean) / (n - 1)
        ratio: FloatArray = mean / np.sqrt(np.where(variance > 0.0, variance, np.nan))
        return ratio

    wanted: dict[str, Callable[[FloatArray], FloatArray]] = {"sharpe": per_bar}
    columns = np.stack((series, np.square(series)), axis=1)
    blocks = stationary_blocks(plan, uniforms)
    low, high = intervals_of_sums(columns, blocks, wanted, level)["sharpe"]
    missing = "" if low is not None and high is not None else "one end is unbounded"
    return Figure(ratio, missing, low, high, n)


def _variance(sharpes: FloatArray, started: int) -> Figure:
    """Return the variance of the completed trials' ratios; a single trial was not selected."""
    if started == 1:
        return Figure(0.0, n=1)
    if sharpes.size < 2:
        few = "no trial completed" if not sharpes.size else "only one trial completed"
        return Figure.undefined(few, started)
    return Figure(float(sharpes.var(ddof=1)), n=sharpes.size)


def _floor(spread: Figure, started: int, bars: int) -> Figure:
    """Return the variance, at least that of a ratio of ``bars`` returns without skill."""
    if spread.value is None or started == 1 or bars < 2:
        return spread
    return Figure(max(spread.value, 1.0 / (bars - 1)), n=spread.n)


def _expected_best(spread: Figure, started: int) -> Figure:
    if spread.value is None:
        return Figure.undefined(spread.reason, started)
    return Figure(expected_best_sharpe(started, spread.value), n=started)


def _deflate(series: FloatArray | None, spread: Figure, started: int) -> tuple[Figure, Figure]:
    """Return the deflated ratio and the bars that would prove the series better than luck."""
    n = 0 if series is None else series.size
    if series is None or spread.value is None:
        missing = Figure.undefined(spread.reason or "no trial completed", n)
        return missing, missing
    sample = Sample.of(series)
    ratio, (skew, tails) = sample.sharpe(), sample.moments()
    if ratio is None or skew is None or tails is None:
        missing = Figure.undefined("the chosen trial's returns do not vary", n)
        return missing, missing
    luck = expected_best_sharpe(started, spread.value)
    chance = probabilistic_sharpe(ratio, n, luck, skewness=skew, kurtosis=tails)
    needed = minimum_track_record(ratio, luck, skewness=skew, kurtosis=tails)
    if needed is None:
        record = Figure.undefined("the ratio does not exceed the expected best of luck", n)
    else:
        record = Figure(needed, n=n)
    return Figure(chance, n=n), record


def _overfitting(returns: FloatArray, started: int, blocks: int) -> Figure:
    n, completed = returns.shape
    if completed < 2:
        only = "one trial: nothing was selected" if started == 1 else "fewer than two completed"
        return Figure.undefined(only, n)
    if n < blocks * MIN_BARS_A_BLOCK:
        return Figure.undefined(f"{n} bars are too few for {blocks} blocks", n)
    return Figure(overfitting_probability(returns, blocks).probability, n=n)


def _scaled(figure: Figure, factor: float) -> Figure:
    if figure.value is None:
        return figure
    low, high = (None if end is None else end * factor for end in (figure.low, figure.high))
    return Figure(figure.value * factor, figure.reason, low, high, figure.n)


def _short(value: float) -> str:
    """Return two digits, more where they would hide how near an end it is."""
    if 0.99 < value < 1.0:
        return "> 0.99"
    return "< 0.01" if 0.0 < value < 0.01 else f"{value:.2f}"
