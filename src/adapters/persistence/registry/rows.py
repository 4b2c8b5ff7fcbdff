"""What a place for the registry's rows must offer: one transaction over three tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from ....application.learning.registry import ModelRecord, Ranking, RegistryEvent
from ....application.ports.model_registry import Wanted


class RegistryRows(Protocol):
    """Rows as one transaction sees them; the rules are the caller's."""

    def add(self, record: ModelRecord) -> None:
        """Append a record whose id and trial are known to be free."""

    def put(self, record: ModelRecord) -> None:
        """Replace the record of that id."""

    def by_id(self, model_id: str) -> ModelRecord | None:
        """Return a record, or None."""

    def by_name(self, name: str) -> ModelRecord | None:
        """Return the newest record of a name, or None."""

    def by_trial(self, study: str, trial: int) -> Sequence[ModelRecord]:
        """Return the attempts of a trial, first to last."""

    def listed(self, wanted: Wanted, limit: int | None) -> Sequence[ModelRecord]:
        """Return records, newest first."""

    def best(
        self, limit: int, by: Ranking, study: str | None, timeframe: str | None
    ) -> Sequence[ModelRecord]:
        """Return usable records that have the figure, best first; ties go to the older."""

    def children(self, model_id: str) -> Sequence[ModelRecord]:
        """Return the records that name a parent, oldest first."""

    def aliases(self) -> Mapping[str, str]:
        """Return ids by alias, in order of the alias."""

    def set_alias(self, alias: str, model_id: str | None) -> None:
        """Give an alias to an id, or remove it."""

    def add_event(self, event: RegistryEvent) -> None:
        """Append an event under the next number; its own is not looked at."""

    def events(self, *, model_id: str = "", alias: str = "") -> Iterable[RegistryEvent]:
        """Return the events of a model, of an alias, or of both, oldest first."""
