"""Where a campaign stands, from the attempts at its trials."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from .definition import CampaignDefinition
from .records import OPEN, AttemptStatus, TrialAttempt


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a campaign stands.

    Attributes:
        trials: How many there are to be.
        counts: Trials by the status of their newest attempt.
        attempts: At all trials together.
        remaining_s: Estimated seconds to the end; None before the first trial has ended.
        best: The best completed trial by the first objective.
    """

    study: str
    trials: int
    counts: Mapping[AttemptStatus, int]
    attempts: int
    remaining_s: float | None
    best: TrialAttempt | None

    @property
    def done(self) -> int:
        """Trials that are over, well or not."""
        return sum(count for status, count in self.counts.items() if status not in OPEN)

    @property
    def completed_share(self) -> float:
        """Trials that ended with a result, as a share of those that are over; 0 before one is."""
        return 1 - self.counts[AttemptStatus.FAILED] / self.done if self.done else 0.0


@dataclass(frozen=True, slots=True)
class FailureClass:
    """Failures of one class.

    Attributes:
        trials: How many trials met it.
        lost: How many of them never completed.
        example: Message of the newest.
    """

    error_class: str
    attempts: int
    trials: int
    lost: int
    example: str


def newest(attempts: Sequence[TrialAttempt]) -> dict[int, TrialAttempt]:
    """Return the newest attempt at each trial, by number."""
    found: dict[int, TrialAttempt] = {}
    for one in attempts:
        if one.number not in found or one.attempt > found[one.number].attempt:
            found[one.number] = one
    return found


def standing(
    definition: CampaignDefinition, attempts: Sequence[TrialAttempt], now: int
) -> Standing:
    """Return where a campaign stands."""
    last = newest(attempts)
    counts = Counter(one.status for one in last.values())
    counts[AttemptStatus.QUEUED] += max(0, definition.trials - len(last))
    return Standing(
        definition.study,
        max(definition.trials, len(last)),
        {status: counts[status] for status in AttemptStatus},
        len(attempts),
        _remaining(definition, attempts, last, now),
        best_trial(definition, last.values()),
    )


def best_trial(
    definition: CampaignDefinition, attempts: Iterable[TrialAttempt]
) -> TrialAttempt | None:
    """Return the completed trial with the best first objective, the earlier one of equals."""
    name = definition.objectives[0]
    sign = 1 if definition.directions[0] == "maximize" else -1
    found = [
        one
        for one in attempts
        if one.status is AttemptStatus.COMPLETED and one.figures.get(name) is not None
    ]
    return max(
        found, key=lambda one: (sign * (one.figures[name] or 0.0), -one.number), default=None
    )


def front(definition: CampaignDefinition, attempts: Sequence[TrialAttempt]) -> list[TrialAttempt]:
    """Return the completed trials that no other one beats in every objective (Pareto)."""
    rows = [one for one in attempts if one.status is AttemptStatus.COMPLETED]
    signs = [1 if one == "maximize" else -1 for one in definition.directions]

    def values(one: TrialAttempt) -> list[float]:
        named = zip(signs, definition.objectives, strict=True)
        return [sign * (one.figures.get(name) or 0.0) for sign, name in named]

    def beaten(mine: list[float]) -> bool:
        others = (values(one) for one in rows)
        return any(
            all(theirs >= own for theirs, own in zip(other, mine, strict=True)) and other != mine
            for other in others
        )

    return [one for one in rows if not beaten(values(one))]


def failures(attempts: Sequence[TrialAttempt]) -> list[FailureClass]:
    """Return failed attempts by class, the most frequent first."""
    last = newest(attempts)
    groups: defaultdict[str, list[TrialAttempt]] = defaultdict(list)
    for one in attempts:
        if one.status is AttemptStatus.FAILED:
            groups[one.error_class].append(one)
    found = []
    for name, group in groups.items():
        numbers = {one.number for one in group}
        lost = sum(
            last[number].status is AttemptStatus.FAILED and last[number].error_class == name
            for number in numbers
        )
        example = max(group, key=lambda one: one.ended_at or 0).error
        found.append(FailureClass(name, len(group), len(numbers), lost, example))
    return sorted(found, key=lambda one: (-one.attempts, one.error_class))


def _remaining(
    definition: CampaignDefinition,
    attempts: Sequence[TrialAttempt],
    last: Mapping[int, TrialAttempt],
    now: int,
) -> float | None:
    """Return what is left at the pace so far, waiting and retries included."""
    over = [one for one in last.values() if one.status not in OPEN and one.ended_at is not None]
    begun = [one.claimed_at for one in attempts if one.claimed_at is not None]
    if not over or not begun:
        return None
    elapsed = (now - min(begun)) / 1000
    return max(0.0, elapsed * (definition.trials - len(over)) / len(over))
