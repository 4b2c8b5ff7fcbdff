"""The memory of every model ever tried, as a port."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from ..learning.registry import (
    Ending,
    FailureGroup,
    ModelRecord,
    ModelStatus,
    Ranking,
    RegistryEvent,
    Sign,
    StudyProgress,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which models a list holds; None admits all.

    Attributes:
        held: True admits only those whose files are kept, False only those collected.
    """

    study: str | None = None
    timeframe: str | None = None
    name: str | None = None
    status: ModelStatus | None = None
    held: bool | None = None


EVERYTHING = Wanted()
"""Admits every model."""


class ModelRegistry(Protocol):
    """Records of attempts, with aliases and a history that is only ever added to.

    Each call is one transaction and durable when it returns. Safe for many processes, and for
    threads. Adapters: SQLite, PostgreSQL, memory.
    """

    def register(self, record: ModelRecord) -> None:
        """Write down an attempt that begins, or a finished model that comes from elsewhere.

        Raises:
            InvalidValue: If the id, or study, trial and attempt together, are taken.
            NotFound: If a parent is not registered.
        """

    def finish(self, model_id: str, ending: Ending) -> ModelRecord:
        """Say how an attempt ended, and return the whole record.

        What the ending leaves empty stays as registered. The same ending again changes nothing, so
        that a worker may repeat what it does not know to have been written.

        Raises:
            NotFound: If there is no such attempt.
            InvalidValue: If it has ended otherwise.
        """

    def get(self, model_id: str) -> ModelRecord:
        """Return one record; NotFound if there is none of that id."""

    def find(self, text: str) -> ModelRecord | None:
        """Return the record of that id or alias, else the newest of that name, else None."""

    def attempts(self, study: str, trial: int) -> Sequence[ModelRecord]:
        """Return the attempts of a trial, first to last."""

    def list(
        self, wanted: Wanted = EVERYTHING, *, limit: int | None = None
    ) -> Sequence[ModelRecord]:
        """Return records, newest first."""

    def best(
        self,
        limit: int,
        *,
        by: Ranking = Ranking.SHARPE,
        study: str | None = None,
        timeframe: str | None = None,
    ) -> Sequence[ModelRecord]:
        """Return the best usable models, best first; those without that figure are left out."""

    def failures(self, study: str | None = None) -> Sequence[FailureGroup]:
        """Return failures by class, the most frequent first."""

    def progress(self, study: str | None = None) -> Sequence[StudyProgress]:
        """Return where studies stand, the one last changed first."""

    def set_status(self, model_id: str, status: ModelStatus, sign: Sign) -> ModelRecord:
        """Deploy a completed model, or take a deployed one back; else InvalidValue or NotFound."""

    def set_stage(self, model_id: str, stage: str, sign: Sign) -> ModelRecord:
        """Move a usable model to a rung of the ladder; else InvalidValue or NotFound."""

    def set_alias(self, alias: str, model_id: str | None, sign: Sign) -> str | None:
        """Give an alias to a model, or to none, and return the id that had it.

        Raises:
            NotFound: If there is no such model.
            InvalidValue: If it is not usable, its files are collected, or the alias is no name.
        """

    def aliases(self) -> Mapping[str, str]:
        """Return model ids by alias."""

    def alias_history(self, alias: str) -> Sequence[RegistryEvent]:
        """Return who had an alias, oldest first."""

    def history(self, model_id: str) -> Sequence[RegistryEvent]:
        """Return what happened to a model, oldest first."""

    def trust(self, model_id: str, source: str, sign: Sign) -> None:
        """Write down that a person vouched for a model's files.

        Args:
            source: What was vouched for: hash of the file, and the key that had signed it.
        """

    def held_by(self, model_id: str) -> str:
        """Return why a model's files must stay, "" if nothing holds them; else NotFound."""

    def collect(self, model_id: str, sign: Sign) -> ModelRecord:
        """Write down that a model's files go, before they go; the record stays for good.

        Raises:
            NotFound: If there is no such model.
            InvalidValue: If it is in training or deployed, has or had an alias, is on the ladder,
                or is the parent of a model that is kept.
        """
