"""The queue of campaigns in the workspace's database."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from ....application.campaign.definition import CampaignDefinition
from ....application.campaign.records import (
    AttemptEnding,
    AttemptStatus,
    Footprint,
    TrialAttempt,
)
from ....application.ports.campaign_store import Beat, Campaign
from ....domain.errors import InvalidValue, NotFound
from .campaign_codec import attempt_record, attempt_row
from .campaign_tables import CampaignRow, TrialAttemptRow
from .columns import Base
from .engine import WRITING, open_engine, translated
from .migrate import migrate
from .session import converted

_CAMPAIGNS = Base.metadata.tables[CampaignRow.__tablename__]
_ATTEMPTS = Base.metadata.tables[TrialAttemptRow.__tablename__]
_RUNNING = AttemptStatus.RUNNING.value
_QUEUED = AttemptStatus.QUEUED.value
_ENDED = tuple(
    one.value for one in AttemptStatus if one not in (AttemptStatus.QUEUED, AttemptStatus.RUNNING)
)
_ERROR_LIMIT = 4_000  # characters of a message that are kept


class SqlCampaignStore:
    """See :class:`~mettle.application.ports.campaign_store.CampaignStore`.

    A writer takes the lock at once and waits its turn, so that many workers on one file of SQLite
    wait for each other instead of failing.

    Args:
        database: A file of SQLite, or a URL of SQLite or PostgreSQL.
        lock_timeout_s: How long a writer waits for another one.
    """

    def __init__(self, database: str | Path, *, lock_timeout_s: float = 60.0) -> None:
        self._engine = open_engine(database, lock_timeout_s=lock_timeout_s)
        try:
            migrate(self._engine)
        except BaseException:
            self._engine.dispose()
            raise

    def create(self, definition: CampaignDefinition, now: int) -> None:
        """See the port."""
        with self._writing() as connection:
            if self._campaign(connection, definition.study) is not None:
                raise InvalidValue(
                    f"there is a study {definition.study!r} already",
                    mend="go on with it (--resume), or choose another name",
                )
            values = {
                "study": definition.study,
                "definition": definition.to_text(),
                "created_at": now,
                "stop_requested": 0,
            }
            connection.execute(_CAMPAIGNS.insert().values(values))

    def find(self, study: str) -> Campaign | None:
        """See the port."""
        with self._reading() as connection:
            return self._campaign(connection, study)

    def campaigns(self) -> Sequence[Campaign]:
        """See the port."""
        with self._reading() as connection:
            order = (_CAMPAIGNS.c.created_at, _CAMPAIGNS.c.study)
            rows = connection.execute(sa.select(_CAMPAIGNS).order_by(*order)).mappings().all()
        return [converted(dict(row), _campaign) for row in rows]

    def extend(self, study: str, definition: CampaignDefinition) -> None:
        """See the port."""
        self._change_campaign(study, {"definition": definition.to_text()})

    def request_stop(self, study: str, *, wanted: bool) -> None:
        """See the port."""
        self._change_campaign(study, {"stop_requested": int(wanted)})

    def add_trials(self, study: str, trials: int, footprint: Footprint) -> None:
        """See the port."""
        with self._writing() as connection:
            held = set(
                connection.execute(
                    sa.select(_ATTEMPTS.c.number).where(_ATTEMPTS.c.study == study).distinct()
                ).scalars()
            )
            rows = [
                attempt_row(
                    TrialAttempt(study=study, number=number, attempt=1, footprint=footprint)
                )
                for number in range(trials)
                if number not in held
            ]
            if rows:
                connection.execute(_ATTEMPTS.insert(), rows)

    def claim(self, study: str, worker: str, now: int) -> TrialAttempt | None:
        """See the port."""
        with self._writing() as connection:
            due = (
                sa.select(_ATTEMPTS)
                .where(
                    _ATTEMPTS.c.study == study,
                    _ATTEMPTS.c.status == _QUEUED,
                    _ATTEMPTS.c.not_before <= now,
                )
                .order_by(_ATTEMPTS.c.number, _ATTEMPTS.c.attempt)
                .limit(1)
            )
            row = connection.execute(due).mappings().first()
            if row is None:
                return None
            found = converted(dict(row), attempt_record)
            claimed = replace(
                found,
                status=AttemptStatus.RUNNING,
                worker=worker,
                epoch=found.epoch + 1,
                claimed_at=now,
                heartbeat_at=now,
            )
            connection.execute(_ATTEMPTS.update().where(*_is(found)).values(attempt_row(claimed)))
        return claimed

    def parameters(self, attempt: TrialAttempt, values: Mapping[str, object], folder: str) -> bool:
        """See the port."""
        return self._change(attempt, {"parameters": json.dumps(dict(values)), "checkpoint": folder})

    def beat(self, attempt: TrialAttempt, now: int) -> Beat:
        """See the port."""
        with self._writing() as connection:
            met = connection.execute(
                _ATTEMPTS.update().where(*_held(attempt)).values(heartbeat_at=now)
            ).rowcount
            stop = connection.execute(
                sa.select(_CAMPAIGNS.c.stop_requested).where(_CAMPAIGNS.c.study == attempt.study)
            ).scalar()
        return Beat(met == 1, bool(stop))

    def end(self, attempt: TrialAttempt, ending: AttemptEnding) -> bool:
        """See the port."""
        values = {
            "status": ending.status.value,
            "ended_at": ending.at,
            "figures": json.dumps(dict(ending.figures), allow_nan=False),
            "digest": ending.digest,
            "error_class": ending.error_class,
            "error": ending.error[-_ERROR_LIMIT:],
        }
        with self._writing() as connection:
            change = _ATTEMPTS.update().where(*_held(attempt)).values(values)
            if connection.execute(change).rowcount != 1:
                return False
            if ending.successor is not None:
                connection.execute(_ATTEMPTS.insert().values(attempt_row(ending.successor)))
        return True

    def give_back(self, attempt: TrialAttempt) -> bool:
        """See the port."""
        return self._change(attempt, {"status": _QUEUED, "worker": "", "heartbeat_at": None})

    def open_trials(self, study: str) -> int:
        """See the port."""
        wanted = (_ATTEMPTS.c.study == study, _ATTEMPTS.c.status.in_((_QUEUED, _RUNNING)))
        with self._reading() as connection:
            found = connection.execute(sa.select(sa.func.count()).where(*wanted)).scalar()
        return int(found or 0)

    def attempts(
        self,
        study: str,
        *,
        number: int | None = None,
        statuses: Sequence[AttemptStatus] | None = None,
    ) -> Sequence[TrialAttempt]:
        """See the port."""
        wanted = [_ATTEMPTS.c.study == study]
        if number is not None:
            wanted.append(_ATTEMPTS.c.number == number)
        if statuses is not None:
            wanted.append(_ATTEMPTS.c.status.in_([one.value for one in statuses]))
        return self._select(*wanted)

    def silent(self, study: str, before: int) -> Sequence[TrialAttempt]:
        """See the port."""
        return self._select(
            _ATTEMPTS.c.study == study,
            _ATTEMPTS.c.status == _RUNNING,
            _ATTEMPTS.c.heartbeat_at < before,
        )

    def untold(self, study: str) -> Sequence[TrialAttempt]:
        """See the port."""
        found = self._select(
            _ATTEMPTS.c.study == study, _ATTEMPTS.c.status.in_(_ENDED), _ATTEMPTS.c.told == 0
        )
        return sorted(found, key=lambda one: (one.ended_at or 0, one.number, one.attempt))

    def set_told(self, attempt: TrialAttempt) -> None:
        """See the port."""
        with self._writing() as connection:
            connection.execute(_ATTEMPTS.update().where(*_is(attempt)).values(told=1))

    def close(self) -> None:
        """See the port."""
        self._engine.dispose()

    def _change(self, attempt: TrialAttempt, values: Mapping[str, object]) -> bool:
        with self._writing() as connection:
            change = _ATTEMPTS.update().where(*_held(attempt)).values(**values)
            return connection.execute(change).rowcount == 1

    def _change_campaign(self, study: str, values: Mapping[str, object]) -> None:
        with self._writing() as connection:
            change = _CAMPAIGNS.update().where(_CAMPAIGNS.c.study == study).values(**values)
            if connection.execute(change).rowcount != 1:
                raise NotFound(f"there is no study {study!r}", mend="see `mettle study list`")

    def _select(self, *wanted: sa.ColumnElement[bool]) -> Sequence[TrialAttempt]:
        order = (_ATTEMPTS.c.number, _ATTEMPTS.c.attempt)
        with self._reading() as connection:
            found = connection.execute(sa.select(_ATTEMPTS).where(*wanted).order_by(*order))
            rows = found.mappings().all()
        return [converted(dict(row), attempt_record) for row in rows]

    def _campaign(self, connection: sa.Connection, study: str) -> Campaign | None:
        wanted = sa.select(_CAMPAIGNS).where(_CAMPAIGNS.c.study == study)
        row = connection.execute(wanted).mappings().first()
        return None if row is None else converted(dict(row), _campaign)

    @contextmanager
    def _writing(self) -> Iterator[sa.Connection]:
        with translated(self._engine), self._engine.connect() as plain:
            connection = plain.execution_options(**{WRITING: True})
            with connection.begin():
                yield connection

    @contextmanager
    def _reading(self) -> Iterator[sa.Connection]:
        with translated(self._engine), self._engine.connect() as connection, connection.begin():
            yield connection


def _is(attempt: TrialAttempt) -> tuple[sa.ColumnElement[bool], ...]:
    key = ("study", "number", "attempt")
    return tuple(_ATTEMPTS.c[name] == getattr(attempt, name) for name in key)


def _held(attempt: TrialAttempt) -> tuple[sa.ColumnElement[bool], ...]:
    """Return what is true only while the attempt is still that worker's, by that claim."""
    return (
        *_is(attempt),
        _ATTEMPTS.c.status == _RUNNING,
        _ATTEMPTS.c.worker == attempt.worker,
        _ATTEMPTS.c.epoch == attempt.epoch,
    )


def _campaign(row: Mapping[str, Any]) -> Campaign:
    return Campaign(
        CampaignDefinition.from_text(row["definition"]),
        row["created_at"],
        bool(row["stop_requested"]),
    )
