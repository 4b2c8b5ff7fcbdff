"""The rules of the model registry, the same wherever its rows are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import fields, replace
from typing import TypeVar

from ....application.learning.registry import (
    USABLE,
    Ending,
    EventKind,
    FailureGroup,
    ModelRecord,
    ModelStatus,
    Ranking,
    RegistryEvent,
    Sign,
    StudyProgress,
    check_alias,
)
from ....application.ports.model_registry import EVERYTHING, Wanted
from ....domain.errors import InvalidValue, NotFound
from .rows import RegistryRows
from .tallies import failures, progress

T = TypeVar("T")
Open = Callable[[bool], AbstractContextManager[RegistryRows]]
"""Opens a transaction: a writing one if True, which commits if the block ends well."""


class RuledModelRegistry:
    """See :class:`~mettle.application.ports.model_registry.ModelRegistry`."""

    def __init__(self, open_rows: Open) -> None:
        self._open = open_rows

    def register(self, record: ModelRecord) -> None:
        """Write down an attempt that begins, or a finished model from elsewhere."""
        with self._open(True) as rows:
            if rows.by_id(record.model_id) is not None:
                raise InvalidValue(f"model {record.model_id} is registered already")
            tried = [one.attempt for one in rows.by_trial(record.study, record.trial)]
            if record.attempt in tried:
                raise InvalidValue(
                    f"attempt {record.attempt} of trial {record.trial} of study "
                    f"{record.study!r} is registered already",
                    mend=f"the next one is {max(tried) + 1}",
                )
            for parent in record.parents:
                _found(rows, parent)
            rows.add(record)
            sign = Sign(at=record.created_at, reason=f"by {record.origin.value}")
            _log(rows, record.model_id, EventKind.STATUS, ("", record.status.value), sign)

    def finish(self, model_id: str, ending: Ending) -> ModelRecord:
        """Say how an attempt ended."""
        with self._open(True) as rows:
            record = _found(rows, model_id)
            ended = _ended(record, ending)
            if ended == record:
                return record
            if record.status is not ModelStatus.TRAINING:
                raise InvalidValue(
                    f"model {model_id} is {record.status.value} already, it cannot end as "
                    f"{ending.status.value}",
                    mend="register another attempt",
                )
            rows.put(ended)
            sign = Sign(at=ending.at, reason=ending.error_class)
            change = (record.status.value, ended.status.value)
            _log(rows, model_id, EventKind.STATUS, change, sign)
            return ended

    def get(self, model_id: str) -> ModelRecord:
        """Return one record."""
        with self._open(False) as rows:
            return _found(rows, model_id)

    def find(self, text: str) -> ModelRecord | None:
        """Return the record of an id, an alias or a name."""
        with self._open(False) as rows:
            known = rows.by_id(text)
            if known is None and (holder := rows.aliases().get(text)) is not None:
                known = rows.by_id(holder)
            return known if known is not None else rows.by_name(text)

    def attempts(self, study: str, trial: int) -> Sequence[ModelRecord]:
        """Return the attempts of a trial."""
        with self._open(False) as rows:
            return rows.by_trial(study, trial)

    def list(
        self, wanted: Wanted = EVERYTHING, *, limit: int | None = None
    ) -> Sequence[ModelRecord]:
        """Return records, newest first."""
        with self._open(False) as rows:
            return rows.listed(wanted, limit)

    def best(
        self,
        limit: int,
        *,
        by: Ranking = Ranking.SHARPE,
        study: str | None = None,
        timeframe: str | None = None,
    ) -> Sequence[ModelRecord]:
        """Return the best usable models."""
        if limit < 1:
            raise InvalidValue(f"how many of the best must be 1 or more, was {limit}")
        with self._open(False) as rows:
            return rows.best(limit, by, study, timeframe)

    def failures(self, study: str | None = None) -> Sequence[FailureGroup]:
        """Return failures by class."""
        with self._open(False) as rows:
            return failures(rows.listed(Wanted(study=study, status=ModelStatus.FAILED), None))

    def progress(self, study: str | None = None) -> Sequence[StudyProgress]:
        """Return where studies stand."""
        with self._open(False) as rows:
            return progress(rows.listed(Wanted(study=study), None))

    def set_status(self, model_id: str, status: ModelStatus, sign: Sign) -> ModelRecord:
        """Deploy a completed model, or take a deployed one back."""
        if status not in USABLE:
            raise InvalidValue(f"a model is deployed or completed, not {status.value}")
        with self._open(True) as rows:
            record = _usable(rows, model_id)
            change = (record.status.value, status.value)
            return _changed(rows, replace(record, status=status), EventKind.STATUS, change, sign)

    def set_stage(self, model_id: str, stage: str, sign: Sign) -> ModelRecord:
        """Move a usable model to a rung of the ladder."""
        with self._open(True) as rows:
            record = _usable(rows, model_id)
            change = (record.stage, stage)
            return _changed(rows, replace(record, stage=stage), EventKind.STAGE, change, sign)

    def set_alias(self, alias: str, model_id: str | None, sign: Sign) -> str | None:
        """Give an alias to a model, or to none."""
        check_alias(alias)
        with self._open(True) as rows:
            before = rows.aliases().get(alias)
            if model_id is not None:
                _usable(rows, model_id)
            if before != model_id:
                rows.set_alias(alias, model_id)
                change = (before or "", model_id or "")
                about = model_id or before or ""
                _log(rows, about, EventKind.ALIAS, change, sign, subject=alias)
            return before

    def aliases(self) -> Mapping[str, str]:
        """Return ids by alias."""
        with self._open(False) as rows:
            return rows.aliases()

    def alias_history(self, alias: str) -> Sequence[RegistryEvent]:
        """Return who had an alias."""
        with self._open(False) as rows:
            return list(rows.events(alias=alias))

    def history(self, model_id: str) -> Sequence[RegistryEvent]:
        """Return what happened to a model."""
        with self._open(False) as rows:
            _found(rows, model_id)
            return list(rows.events(model_id=model_id))

    def trust(self, model_id: str, source: str, sign: Sign) -> None:
        """Write down that a person vouched for a model's files."""
        with self._open(True) as rows:
            _found(rows, model_id)
            _log(rows, model_id, EventKind.TRUST, ("", source), sign)

    def held_by(self, model_id: str) -> str:
        """Return why a model's files must stay, "" if nothing holds them."""
        with self._open(False) as rows:
            return _needed(rows, _found(rows, model_id))

    def collect(self, model_id: str, sign: Sign) -> ModelRecord:
        """Write down that a model's files go."""
        with self._open(True) as rows:
            record = _found(rows, model_id)
            if record.collected_at is not None:
                return record
            if reason := _needed(rows, record):
                raise InvalidValue(f"model {model_id} is not garbage: {reason}")
            gone = replace(record, collected_at=sign.at)
            change = (record.paths.artefact, "")
            return _changed(rows, gone, EventKind.COLLECTED, change, sign)


def _ended(record: ModelRecord, ending: Ending) -> ModelRecord:
    return replace(
        record,
        status=ending.status,
        finished_at=ending.at,
        duration_s=ending.duration_s,
        figures=_filled(record.figures, ending.figures),
        hashes=_filled(record.hashes, ending.hashes),
        paths=_filled(record.paths, ending.paths),
        error_class=ending.error_class,
        error=ending.error,
    )


def _filled(before: T, after: T) -> T:
    """Return ``before`` with every field that ``after`` states."""
    stated = {one.name: getattr(after, one.name) for one in fields(after)}  # type: ignore[arg-type]  # T is a dataclass
    return replace(before, **{n: v for n, v in stated.items() if v is not None and v != ""})  # type: ignore[type-var]  # the same


def _found(rows: RegistryRows, model_id: str) -> ModelRecord:
    record = rows.by_id(model_id)
    if record is None:
        raise NotFound(f"no model {model_id!r} is registered", mend="see `mettle models list`")
    return record


def _usable(rows: RegistryRows, model_id: str) -> ModelRecord:
    record = _found(rows, model_id)
    if record.status not in USABLE:
        raise InvalidValue(f"model {model_id} is {record.status.value}, it cannot serve")
    if record.collected_at is not None:
        raise InvalidValue(f"the files of model {model_id} were removed, it cannot serve")
    return record


def _changed(
    rows: RegistryRows, record: ModelRecord, kind: EventKind, change: tuple[str, str], sign: Sign
) -> ModelRecord:
    if change[0] != change[1]:
        rows.put(record)
        _log(rows, record.model_id, kind, change, sign)
    return record


def _log(
    rows: RegistryRows,
    model_id: str,
    kind: EventKind,
    change: tuple[str, str],
    sign: Sign,
    *,
    subject: str = "",
) -> None:
    before, after = change
    rows.add_event(
        RegistryEvent(
            sequence=0,
            model_id=model_id,
            kind=kind,
            at=sign.at,
            subject=subject,
            before=before,
            after=after,
            by=sign.by,
            reason=sign.reason,
        )
    )


def _needed(rows: RegistryRows, record: ModelRecord) -> str:
    """Return why a model's files must stay, or "" if nothing holds them."""
    if record.status in (ModelStatus.TRAINING, ModelStatus.DEPLOYED):
        return f"it is {record.status.value}"
    if record.stage:
        return f"it is on the ladder, at {record.stage}"
    for event in rows.events(model_id=record.model_id):
        # One that served is what a rollback returns to.
        if event.kind is EventKind.ALIAS and record.model_id in (event.before, event.after):
            return f"it is or was {event.subject}"
    for child in rows.children(record.model_id):
        if child.collected_at is None and child.status is not ModelStatus.FAILED:
            return f"{child.name} ({child.model_id}) comes from it"
    return ""
