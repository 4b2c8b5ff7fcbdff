"""Counting records: failures by class, studies by status."""

from __future__ import annotations

from collections.abc import Sequence

from ....application.learning.registry import (
    FailureGroup,
    ModelRecord,
    ModelStatus,
    StudyProgress,
)


def failures(records: Sequence[ModelRecord]) -> list[FailureGroup]:
    """Group failed attempts by class, the most frequent first.

    Args:
        records: Failed attempts, newest first.
    """
    groups: dict[str, list[ModelRecord]] = {}
    for one in records:
        groups.setdefault(one.error_class, []).append(one)
    found = [
        FailureGroup(
            error_class=name,
            attempts=len(members),
            trials=len({(one.study, one.trial) for one in members}),
            example=members[0].error,
            last_at=max(_changed_at(one) for one in members),
        )
        for name, members in groups.items()
    ]
    return sorted(found, key=lambda one: (-one.attempts, one.error_class))


def progress(records: Sequence[ModelRecord]) -> list[StudyProgress]:
    """Count the trials of each study by the status of their newest attempt."""
    studies: dict[str, list[ModelRecord]] = {}
    for one in records:
        studies.setdefault(one.study, []).append(one)
    found = [_study(name, members) for name, members in studies.items()]
    return sorted(found, key=lambda one: (-one.last_at, one.study))


def _study(name: str, members: Sequence[ModelRecord]) -> StudyProgress:
    newest: dict[int, ModelRecord] = {}
    for one in members:
        known = newest.get(one.trial)
        if known is None or known.attempt < one.attempt:
            newest[one.trial] = one
    counts = dict.fromkeys(ModelStatus, 0)
    for one in newest.values():
        counts[one.status] += 1
    return StudyProgress(
        study=name,
        counts=counts,
        attempts=len(members),
        first_at=min(one.created_at for one in members),
        last_at=max(map(_changed_at, members)),
    )


def _changed_at(record: ModelRecord) -> int:
    return record.created_at if record.finished_at is None else record.finished_at
