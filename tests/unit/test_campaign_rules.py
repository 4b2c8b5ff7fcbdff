"""The rules of campaigns: what is tried again, how, and when a trial is given up."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest
from mettle.application.campaign.definition import PPO, CampaignDefinition
from mettle.application.campaign.pruning import THRESHOLD, plainly_worse
from mettle.application.campaign.records import AttemptStatus, Footprint, TrialAttempt
from mettle.application.campaign.remedy import ErrorClass, Remedies, classify
from mettle.application.campaign.space import (
    SPACES,
    ppo_settings,
    rule_agent,
    space_of,
    widest,
)
from mettle.application.campaign.standing import failures, front, standing
from mettle.application.ports.trainer import PpoSettings
from mettle.domain.errors import (
    ArtefactError,
    ConfigError,
    DataError,
    InvalidValue,
    MettleError,
    StorageError,
    TimedOut,
    TrainingDiverged,
)
from mettle.entrypoints.settings.sections import PpoSection
from scipy.stats import wilcoxon
from tests.support.campaigns import FOOTPRINT, definition


class OutOfMemoryError(RuntimeError):
    """Named like that of torch."""


def attempt(number: int = 0, count: int = 1, **more: object) -> TrialAttempt:
    """Return an attempt."""
    return TrialAttempt(study="study", number=number, attempt=count, footprint=FOOTPRINT, **more)  # type: ignore[arg-type]  # by name


@pytest.mark.parametrize("rollout", [1, 16, 17, 64, 2048])
def test_a_smaller_footprint_is_smaller_and_still_fits(rollout: int) -> None:
    """Every halving keeps the batch a divisor of the frames, down to nearly nothing."""
    one = Footprint(256, 64 * rollout if rollout > 1 else 128)
    for _ in range(10):
        less = one.smaller(rollout)
        assert less.environments <= max(1, one.environments // 2)
        frames = less.environments * rollout
        divisors = [size for size in range(2, frames + 1) if frames % size == 0]
        if divisors:
            assert less.batch in divisors
            assert less.batch <= max(divisors[0], one.batch // 2)
        one = less


def test_a_footprint_of_nothing_is_refused() -> None:
    """No environments and a batch of one cannot train."""
    for numbers in ((0, 2), (1, 1)):
        with pytest.raises(InvalidValue, match="footprint"):
            Footprint(*numbers)


def chained() -> MettleError:
    """Return an error of ours that came of memory."""
    error = MettleError("cannot train")
    error.__cause__ = MemoryError()
    return error


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (MemoryError(), ErrorClass.OUT_OF_MEMORY),
        (OutOfMemoryError("x"), ErrorClass.OUT_OF_MEMORY),
        (RuntimeError("CUDA error: out of memory"), ErrorClass.OUT_OF_MEMORY),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), ErrorClass.OUT_OF_MEMORY),
        (chained(), ErrorClass.OUT_OF_MEMORY),
        (RuntimeError("shapes differ"), ErrorClass.DEFECT),
        (TrainingDiverged("nan"), ErrorClass.DIVERGED),
        (StorageError("full"), ErrorClass.STORAGE),
        (OSError(28, "No space left"), ErrorClass.STORAGE),
        (TimedOut("late"), ErrorClass.TIME_LIMIT),
        (DataError("gap"), ErrorClass.INVALID),
        (ArtefactError("damaged"), ErrorClass.INVALID),
        (ConfigError("bad"), ErrorClass.INVALID),
        (ZeroDivisionError(), ErrorClass.DEFECT),
    ],
)
def test_every_error_has_its_class(error: BaseException, kind: ErrorClass) -> None:
    """By type, by cause, and by the words of libraries that have no type for it."""
    assert classify(error) is kind


@pytest.mark.parametrize(
    ("kind", "most"),
    [
        (ErrorClass.OUT_OF_MEMORY, 3),
        (ErrorClass.DIVERGED, 2),
        (ErrorClass.WORKER_DIED, 10),
        (ErrorClass.STORAGE, 5),
        (ErrorClass.TIME_LIMIT, 0),
        (ErrorClass.INVALID, 0),
        (ErrorClass.DEFECT, 0),
    ],
)
def test_each_class_has_its_number_of_attempts(kind: ErrorClass, most: int) -> None:
    """A lineage that fails the same way each time ends after as many."""
    remedies, rows = Remedies(definition(), 16), [attempt(parameters={"fast": 3})]
    while (following := remedies.successor(rows, rows[-1], kind, 1_000)) is not None:
        assert (following.attempt, following.parameters) == (len(rows) + 1, {"fast": 3})
        assert following.status is AttemptStatus.QUEUED
        failed = replace(rows[-1], status=AttemptStatus.FAILED, error_class=kind.value)
        rows = [*rows[:-1], failed, following]
    assert len(rows) == most + 1


def test_classes_are_counted_apart() -> None:
    """Workers that died take nothing from the attempts that memory is worth."""
    remedies = Remedies(definition(), 16)
    dead = [
        attempt(count=n, status=AttemptStatus.FAILED, error_class="worker-died")
        for n in range(1, 6)
    ]
    current = attempt(count=6)
    found = remedies.successor([*dead, current], current, ErrorClass.OUT_OF_MEMORY, 0)
    assert found is not None
    assert found.footprint == FOOTPRINT.smaller(16)


def test_a_full_disk_is_given_longer_each_time() -> None:
    """The pause doubles."""
    remedies, rows = Remedies(definition(), 16), [attempt()]
    waits = []
    while (following := remedies.successor(rows, rows[-1], ErrorClass.STORAGE, 0)) is not None:
        waits.append(following.not_before)
        failed = replace(rows[-1], status=AttemptStatus.FAILED, error_class="storage")
        rows = [*rows[:-1], failed, following]
    assert waits == [2_000, 4_000, 8_000, 16_000, 32_000]


def test_folds_are_compared_pair_by_pair() -> None:
    """Hard folds lower both; a trial that loses each fold a little is given up."""
    best = [0.5, -0.4, 0.3, 0.1]
    assert plainly_worse([one - 0.01 * n for n, one in enumerate(best, 1)], best)
    assert not plainly_worse([one + 0.01 * n for n, one in enumerate(best, 1)], best)
    assert not plainly_worse(best, best)
    assert not plainly_worse([], best)
    assert not plainly_worse([0.4], best), "one fold proves nothing"
    assert not plainly_worse([0.4, -0.6], best), "nor do two"


def test_a_better_mean_is_never_given_up() -> None:
    """Losing most folds narrowly and one of them by far the other way is no reason."""
    assert not plainly_worse([0.0, 0.0, 0.0, 9.0], [0.1, 0.1, 0.1, 0.1])


def test_the_test_is_that_of_scipy() -> None:
    """One-sided, exact signed-rank test; compared over random folds without ties."""
    draw = random.Random(3)  # noqa: S311  a test's examples
    for _ in range(200):
        folds = draw.randint(3, 9)
        best = [draw.gauss(0, 1) for _ in range(folds)]
        mine = [one + draw.gauss(-0.5, 1) for one in best]
        if sum(mine) >= sum(best):
            continue
        chance = wilcoxon(
            [a - b for a, b in zip(mine, best, strict=True)], alternative="less", method="exact"
        ).pvalue
        assert plainly_worse(mine, best) == (chance < THRESHOLD)


def test_every_corner_of_a_rules_space_is_allowed() -> None:
    """No parameters that can be drawn break the rule's own bounds."""
    low = {one.name: int(one.low) for one in SPACES["ema-cross"]}
    for values in (low, widest("ema-cross"), {**low, "fast": 60}, {**low, "gap": 140}):
        assert rule_agent("ema-cross", values).name.startswith("ema-cross")
    with pytest.raises(ConfigError, match="nothing"):
        space_of("nothing")


def test_whatever_is_drawn_for_ppo_could_be_set_by_hand() -> None:
    """The space has no name and no bound that the settings would refuse."""
    space = space_of(PPO)
    for bound in ("low", "high"):
        values = {one.name: getattr(one, bound) for one in space}
        section = PpoSection.model_validate(values)
        assert ppo_settings(PpoSettings(), values) == section.to_domain()


def test_the_space_of_ppo_holds_what_is_trained_with_unasked() -> None:
    """A campaign can come back to the defaults, but for the bonus that they leave out."""
    plain = PpoSettings()
    for one in space_of(PPO):
        if one.name != "entropy_coefficient":
            assert one.low <= getattr(plain, one.name) <= one.high


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"trials": 0}, "trials"),
        ({"folds": 1}, "folds"),
        ({"holdout": 0.9}, "holdout"),
        ({"retries": 4}, "retries"),
        ({"objectives": ()}, "objectives"),
        ({"objectives": ("sharpe", "sharpe")}, "objectives"),
        ({"study": "x" * 60}, "58"),
    ],
)
def test_a_definition_keeps_its_bounds(more: dict[str, object], said: str) -> None:
    """Each is refused with its name."""
    with pytest.raises(ConfigError, match=said):
        replace(definition(), **more)  # type: ignore[arg-type]  # by name


def test_a_definition_survives_its_text() -> None:
    """JSON and back; other text is refused."""
    one = definition(objectives=("sharpe", "drawdown"), settings={"training": {"seed": 2}})
    assert CampaignDefinition.from_text(one.to_text()) == one
    for text in ("", "{}", '{"study": 1}', "[]"):
        with pytest.raises(DataError, match="definition"):
            CampaignDefinition.from_text(text)


def test_standing_counts_trials_by_their_newest_attempt() -> None:
    """A trial that failed and is tried again is not failed; what has no row yet is queued."""
    failed: dict[str, Any] = {
        "status": AttemptStatus.FAILED,
        "error_class": "diverged",
        "error": "nan",
    }
    rows = [
        attempt(0, claimed_at=0, ended_at=5_000, **failed),
        attempt(0, 2, status=AttemptStatus.RUNNING, claimed_at=6_000),
        attempt(1, claimed_at=0, ended_at=10_000, status=AttemptStatus.COMPLETED,
                figures={"sharpe": 0.1}),
        attempt(2, claimed_at=0, ended_at=10_000, **failed),
    ]  # fmt: skip
    now = standing(definition(trials=6), rows, 20_000)
    counted = {status.value: count for status, count in now.counts.items() if count}
    assert counted == {"queued": 3, "running": 1, "completed": 1, "failed": 1}
    assert (now.done, now.completed_share, now.attempts) == (2, 0.5, 4)
    assert now.remaining_s == 40.0  # two trials took twenty seconds, four are left
    assert now.best == rows[2]
    (group,) = failures(rows)
    assert (group.attempts, group.trials, group.lost, group.example) == (2, 2, 1, "nan")
    assert standing(definition(trials=6), [], 0).remaining_s is None


def test_the_front_holds_what_nothing_beats() -> None:
    """Minimised objectives count the other way round; equals both stay."""
    figures = [(1.0, 0.5), (0.5, 0.1), (0.4, 0.2), (1.0, 0.5)]
    rows = [
        attempt(n, status=AttemptStatus.COMPLETED, figures={"sharpe": a, "drawdown": b})
        for n, (a, b) in enumerate(figures)
    ]
    found = front(definition(objectives=("sharpe", "drawdown")), rows)
    assert [one.number for one in found] == [0, 1, 3]
