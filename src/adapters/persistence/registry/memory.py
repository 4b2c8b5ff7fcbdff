"""The registry in memory: for tests and for trials that need no tomorrow."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import replace

from ....application.learning.registry import (
    USABLE,
    EventKind,
    ModelRecord,
    Ranking,
    RegistryEvent,
)
from ....application.ports.model_registry import Wanted
from .ruled import RuledModelRegistry


class MemoryRows:
    """Rows in dictionaries."""

    def __init__(self) -> None:
        self._records: dict[str, ModelRecord] = {}
        self._aliases: dict[str, str] = {}
        self._events: tuple[RegistryEvent, ...] = ()

    def __copy__(self) -> MemoryRows:
        made = MemoryRows()
        made._records = dict(self._records)
        made._aliases = dict(self._aliases)
        made._events = self._events
        return made

    def add(self, record: ModelRecord) -> None:
        """Append a record."""
        self._records[record.model_id] = record

    put = add

    def by_id(self, model_id: str) -> ModelRecord | None:
        """Return a record, or None."""
        return self._records.get(model_id)

    def by_name(self, name: str) -> ModelRecord | None:
        """Return the newest record of a name, or None."""
        return next(iter(self.listed(Wanted(name=name), 1)), None)

    def by_trial(self, study: str, trial: int) -> Sequence[ModelRecord]:
        """Return the attempts of a trial."""
        found = [one for one in self._records.values() if (one.study, one.trial) == (study, trial)]
        return sorted(found, key=lambda one: one.attempt)

    def listed(self, wanted: Wanted, limit: int | None) -> Sequence[ModelRecord]:
        """Return records, newest first."""
        found = [one for one in reversed(self._records.values()) if _admits(wanted, one)]
        return found[:limit]

    def best(
        self, limit: int, by: Ranking, study: str | None, timeframe: str | None
    ) -> Sequence[ModelRecord]:
        """Return usable records, best first."""
        wanted = Wanted(study=study, timeframe=timeframe, held=True)
        found = [
            one
            for one in reversed(self.listed(wanted, None))
            if one.status in USABLE and getattr(one.figures, by.value) is not None
        ]
        sense = 1 if by is Ranking.DRAWDOWN else -1
        return sorted(found, key=lambda one: sense * getattr(one.figures, by.value))[:limit]

    def children(self, model_id: str) -> Sequence[ModelRecord]:
        """Return the records that name a parent."""
        return [one for one in self._records.values() if model_id in one.parents]

    def aliases(self) -> Mapping[str, str]:
        """Return ids by alias."""
        return dict(sorted(self._aliases.items()))

    def set_alias(self, alias: str, model_id: str | None) -> None:
        """Give an alias to an id, or remove it."""
        if model_id is None:
            del self._aliases[alias]
        else:
            self._aliases[alias] = model_id

    def add_event(self, event: RegistryEvent) -> None:
        """Append an event under the next number."""
        self._events = (*self._events, replace(event, sequence=len(self._events) + 1))

    def events(self, *, model_id: str = "", alias: str = "") -> Sequence[RegistryEvent]:
        """Return the events of a model, of an alias, or of both."""
        return [
            one
            for one in self._events
            if (not model_id or _concerns(one, model_id))
            and (not alias or (one.kind is EventKind.ALIAS and one.subject == alias))
        ]


def _concerns(event: RegistryEvent, model_id: str) -> bool:
    lost = event.kind is EventKind.ALIAS and event.before == model_id
    return lost or event.model_id == model_id


def _admits(wanted: Wanted, record: ModelRecord) -> bool:
    pairs = (
        (wanted.study, record.study),
        (wanted.timeframe, record.timeframe),
        (wanted.name, record.name),
        (wanted.status, record.status),
        (wanted.held, record.collected_at is None),
    )
    return all(asked is None or asked == found for asked, found in pairs)


class MemoryModelRegistry(RuledModelRegistry):
    """A registry that is gone with the process."""

    def __init__(self) -> None:
        super().__init__(self._transaction)
        self._rows = MemoryRows()
        self._lock = threading.Lock()

    @contextmanager
    def _transaction(self, writing: bool) -> Iterator[MemoryRows]:
        if not writing:
            yield self._rows
            return
        with self._lock:
            rows = copy(self._rows)
            yield rows
            self._rows = rows
