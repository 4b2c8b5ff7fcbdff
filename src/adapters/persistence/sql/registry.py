"""The model registry in a database."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sqlalchemy import and_, or_, select

from ....application.learning.registry import EventKind, ModelRecord, Ranking, RegistryEvent
from ....application.ports.model_registry import Wanted
from ..registry.ruled import RuledModelRegistry
from . import registry_codec as codec
from .database import Database
from .engine import open_engine
from .migrate import migrate
from .registry_tables import ModelAliasRow, ModelEventRow, ModelParentRow, ModelRow
from .session import SqlSession
from .statements import Query, given, removing

_MANY = 1 << 40
"""The limit of a query that has none."""

_MODELS = select(ModelRow.__table__)
_PARENT = ModelParentRow.__table__.c
_ALIAS = ModelEventRow.kind == EventKind.ALIAS.value


class SqlRegistryRows:
    """The registry's rows within one transaction."""

    _BY_ID = Query(_MODELS.where(ModelRow.model_id == given("model_id")))
    _BY_NAME = Query(
        _MODELS.where(ModelRow.name == given("name")).order_by(ModelRow.place.desc()).limit(1)
    )
    _BY_TRIAL = Query(
        _MODELS.where(ModelRow.study == given("study"), ModelRow.trial == given("trial")).order_by(
            ModelRow.attempt
        )
    )
    _CHILDREN = Query(
        _MODELS.join(ModelParentRow.__table__, _PARENT.child_id == ModelRow.model_id)
        .where(_PARENT.parent_id == given("parent_id"))
        .order_by(ModelRow.place)
    )
    _ALIASES = Query(select(ModelAliasRow.__table__).order_by(ModelAliasRow.alias))
    _FORGET = removing(ModelAliasRow, ("alias",))
    _OF_MODEL = Query(
        select(ModelEventRow.__table__)
        .where(
            or_(
                ModelEventRow.model_id == given("model_id"),
                and_(_ALIAS, ModelEventRow.before == given("model_id")),
            )
        )
        .order_by(ModelEventRow.place)
    )
    _OF_ALIAS = Query(
        select(ModelEventRow.__table__)
        .where(_ALIAS, ModelEventRow.subject == given("alias"))
        .order_by(ModelEventRow.place)
    )

    def __init__(self, session: SqlSession) -> None:
        self._session = session

    def add(self, record: ModelRecord) -> None:
        """Append a record."""
        self._session.insert(ModelRow, [codec.model_row(record)])
        rows = [{"parent_id": one, "child_id": record.model_id} for one in record.parents]
        if rows:
            self._session.insert(ModelParentRow, rows)

    def put(self, record: ModelRecord) -> None:
        """Replace the record of that id."""
        row = codec.model_row(record)
        self._session.change(ModelRow, {"model_id": row.pop("model_id")}, row)

    def by_id(self, model_id: str) -> ModelRecord | None:
        """Return a record, or None."""
        return next(iter(self._records(self._BY_ID, {"model_id": model_id})), None)

    def by_name(self, name: str) -> ModelRecord | None:
        """Return the newest record of a name, or None."""
        return next(iter(self._records(self._BY_NAME, {"name": name})), None)

    def by_trial(self, study: str, trial: int) -> Sequence[ModelRecord]:
        """Return the attempts of a trial."""
        return self._records(self._BY_TRIAL, {"study": study, "trial": trial})

    def listed(self, wanted: Wanted, limit: int | None) -> Sequence[ModelRecord]:
        """Return records, newest first."""
        values: dict[str, Any] = {
            "study": wanted.study,
            "timeframe": wanted.timeframe,
            "name": wanted.name,
            "status": None if wanted.status is None else wanted.status.value,
        }
        stated = {name: value for name, value in values.items() if value is not None}
        query = _listing(tuple(stated), wanted.held)
        return self._records(query, {**stated, "limit": _MANY if limit is None else limit})

    def best(
        self, limit: int, by: Ranking, study: str | None, timeframe: str | None
    ) -> Sequence[ModelRecord]:
        """Return usable records, best first."""
        values = {"study": study, "timeframe": timeframe}
        stated = {name: value for name, value in values.items() if value is not None}
        return self._records(_ranking(by, tuple(stated)), {**stated, "limit": limit})

    def children(self, model_id: str) -> Sequence[ModelRecord]:
        """Return the records that name a parent."""
        return self._records(self._CHILDREN, {"parent_id": model_id})

    def aliases(self) -> Mapping[str, str]:
        """Return ids by alias."""
        return {row["alias"]: row["model_id"] for row in self._session.rows(self._ALIASES, {})}

    def set_alias(self, alias: str, model_id: str | None) -> None:
        """Give an alias to an id, or remove it."""
        if model_id is None:
            self._session.write(self._FORGET, {"alias": alias})
        else:
            self._session.put(ModelAliasRow, {"alias": alias, "model_id": model_id})

    def add_event(self, event: RegistryEvent) -> None:
        """Append an event."""
        self._session.insert(ModelEventRow, [codec.event_row(event)])

    def events(self, *, model_id: str = "", alias: str = "") -> Iterator[RegistryEvent]:
        """Return the events of a model, of an alias, or of both."""
        query = self._OF_MODEL if model_id else self._OF_ALIAS
        values = {"model_id": model_id} if model_id else {"alias": alias}
        for one in self._session.records(query, values, codec.event_record):
            if not alias or (one.kind is EventKind.ALIAS and one.subject == alias):
                yield one

    def _records(self, query: Query, values: dict[str, Any]) -> list[ModelRecord]:
        return list(self._session.records(query, values, codec.model_record))


@cache
def _listing(names: tuple[str, ...], held: bool | None) -> Query:
    columns = ModelRow.__table__.c
    query = _MODELS.where(*(columns[name] == given(name) for name in names))
    if held is not None:
        gone = ModelRow.collected_at
        query = query.where(gone.is_(None) if held else gone.is_not(None))
    return Query(query.order_by(ModelRow.place.desc()).limit(given("limit")))


@cache
def _ranking(by: Ranking, names: tuple[str, ...]) -> Query:
    columns = ModelRow.__table__.c
    figure = columns[by.value]
    query = _MODELS.where(
        or_(ModelRow.status == "completed", ModelRow.status == "deployed"),
        ModelRow.collected_at.is_(None),
        figure.is_not(None),
        *(columns[name] == given(name) for name in names),
    )
    order = figure.asc() if by is Ranking.DRAWDOWN else figure.desc()
    return Query(query.order_by(order, ModelRow.place).limit(given("limit")))


class SqlModelRegistry(RuledModelRegistry):
    """A registry in a database; it is created or brought up to date when it is opened.

    Each process opens its own. A writer waits for the others, which hold the lock for one
    transaction of a few rows.

    Args:
        database: A file of SQLite, or a URL of SQLite or PostgreSQL; the journal's own will do.
        lock_timeout_s: How long a writer waits.

    Raises:
        StorageError: If it cannot be opened, or is newer than this version of mettle.
        ConfigError: If the URL names another kind of database.
    """

    def __init__(self, database: str | Path, *, lock_timeout_s: float = 30.0) -> None:
        super().__init__(self._transaction)
        engine = open_engine(database, lock_timeout_s=lock_timeout_s)
        try:
            migrate(engine)
        except BaseException:
            engine.dispose()
            raise
        self._database = Database(engine, lock_timeout_s=lock_timeout_s)

    @contextmanager
    def _transaction(self, writing: bool) -> Iterator[SqlRegistryRows]:
        session = SqlSession(self._database, writing=writing)
        try:
            yield SqlRegistryRows(session)
            if writing:
                session.commit()
        finally:
            session.close()

    def close(self) -> None:
        """Release files and connections."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
