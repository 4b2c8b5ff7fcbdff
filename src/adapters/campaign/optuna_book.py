"""A study's memory in Optuna's own database, that Optuna's other tools can read."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import optuna
import sqlalchemy as sa
from optuna.distributions import BaseDistribution, FloatDistribution, IntDistribution
from optuna.exceptions import (
    DuplicatedStudyError,
    ExperimentalWarning,
    StorageInternalError,
    UpdateFinishedTrialError,
)
from optuna.storages import RDBStorage
from optuna.storages._rdb.models import BaseModel
from optuna.study import StudyDirection
from optuna.trial import Trial, TrialState, create_trial
from sqlalchemy.exc import SQLAlchemyError

from ...application.campaign.definition import OBJECTIVE, CampaignDefinition
from ...application.campaign.records import AttemptStatus, lineage
from ...application.campaign.space import SPACES, Parameter, Space
from ...domain.errors import ConfigError, NotFound, StorageError

SCHEMA = "optuna"
"""Of PostgreSQL: Optuna's tables and ours both have an ``alembic_version``."""

_MAKER_LOCK = 0x6F7074756E61  # PostgreSQL's advisory lock of whoever makes the tables
_STARTUP = 10  # trials drawn at random before the sampler learns from them
_STATES = {
    AttemptStatus.COMPLETED: TrialState.COMPLETE,
    AttemptStatus.PRUNED: TrialState.PRUNED,
    AttemptStatus.FAILED: TrialState.FAIL,
}
_SEEN = {state: status for status, state in _STATES.items()} | {
    TrialState.RUNNING: AttemptStatus.RUNNING,
    TrialState.WAITING: AttemptStatus.QUEUED,
}


class OptunaBook:
    """See :class:`~mettle.application.ports.study_book.StudyBook`.

    Every transaction on SQLite takes the write lock when it begins and waits for its turn: one that
    began by reading could not wait, and would fail under many workers.

    Args:
        storage: A file of SQLite, or a URL that Optuna understands.
        lock_timeout_s: How long a writer waits for another one.
    """

    def __init__(self, storage: str, *, lock_timeout_s: float = 60.0) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._url = storage if "://" in storage else f"sqlite:///{storage}"
        self._patience = lock_timeout_s
        self._storage: RDBStorage | None = None
        self._studies: dict[str, optuna.Study] = {}

    def prepare(self, definition: CampaignDefinition) -> None:
        """See the port."""
        with translated():
            self._make_tables()
            directions = [StudyDirection[one.upper()] for one in definition.directions]
            try:
                study_id = self._open().create_new_study(directions, definition.study)
                self._open().set_study_user_attr(study_id, "objectives", definition.objectives)
            except DuplicatedStudyError:
                pass
            study = self._study(definition.study)
            if study.directions != directions:
                raise ConfigError(
                    f"study {definition.study} has {len(study.directions)} other objectives in "
                    "Optuna's storage",
                    mend="choose another name for the study",
                )
            for number in range(len(study.get_trials(deepcopy=False)), definition.trials):
                name = {"lineage": lineage(definition.study, number)}
                study.add_trial(create_trial(state=TrialState.WAITING, user_attrs=name))

    def begin(self, definition: CampaignDefinition, number: int, space: Space) -> dict[str, object]:
        """See the port."""
        with translated():
            study = self._study(definition.study)
            trial_id = self._trial_id(study, number)
            storage = study._storage  # noqa: SLF001  a trial by its number has no public way
            try:
                storage.set_trial_state_values(trial_id, TrialState.RUNNING)
            except UpdateFinishedTrialError:
                return dict(storage.get_trial(trial_id).params)
            study.sampler = _sampler(definition, number)
            trial = Trial(study, trial_id)
            return {one.name: _draw(trial, one) for one in space}

    def live(self, definition: CampaignDefinition, number: int) -> tuple[optuna.Study, int]:
        """Return study and id that a trial of Optuna's own is made of, for a user's function.

        The trial runs then; what was drawn for it before is drawn again.
        """
        with translated():
            study = self._study(definition.study)
            trial_id = self._trial_id(study, number)
            with suppress(UpdateFinishedTrialError):
                storage = study._storage  # noqa: SLF001  as above
                storage.set_trial_state_values(trial_id, TrialState.RUNNING)
            study.sampler = _sampler(definition, number)
            pruners = optuna.pruners
            study.pruner = pruners.MedianPruner() if definition.prune else pruners.NopPruner()
            return study, trial_id

    def report(self, study: str, number: int, fold: int, score: float) -> None:
        """See the port."""
        with translated():
            held = self._study(study)
            trial_id = self._trial_id(held, number)
            storage = held._storage  # noqa: SLF001  as above
            with suppress(UpdateFinishedTrialError):
                storage.set_trial_intermediate_value(trial_id, fold, score)

    def best_folds(self, study: str) -> Sequence[float]:
        """See the port."""
        with translated():
            held = self._study(study)
            if len(held.directions) > 1:
                return ()
            trials = held.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
            sign = 1 if held.directions[0] is StudyDirection.MAXIMIZE else -1
            best = max(trials, key=lambda one: sign * (one.value or 0.0), default=None)
            if best is None:
                return ()
            return [best.intermediate_values[step] for step in sorted(best.intermediate_values)]

    def tell(
        self,
        definition: CampaignDefinition,
        number: int,
        status: AttemptStatus,
        values: Sequence[float] | None,
        parameters: Mapping[str, object],
    ) -> None:
        """See the port."""
        with translated():
            study = self._study(definition.study)
            trial_id = self._trial_id(study, number)
            storage = study._storage  # noqa: SLF001  as above
            with suppress(UpdateFinishedTrialError):
                if storage.set_trial_state_values(trial_id, TrialState.RUNNING):
                    # It waited: what the study knew went with a power cut, ours is synced.
                    for name, one in _kinds(definition).items():
                        if name in parameters:
                            kept = one.to_internal_repr(parameters[name])
                            storage.set_trial_param(trial_id, name, kept, one)
                storage.set_trial_state_values(trial_id, _STATES[status], values)

    def endings(self, study: str) -> Mapping[int, AttemptStatus]:
        """See the port."""
        with translated():
            trials = self._study(study).get_trials(deepcopy=False)
            return {one.number: _SEEN[one.state] for one in trials}

    def close(self) -> None:
        """See the port."""
        self._studies.clear()
        if self._storage is not None:
            self._storage.remove_session()
            self._storage.engine.dispose()
            self._storage = None

    def _make_tables(self) -> None:
        """Make the tables where there are none; two who do it at once both succeed."""
        engine = sa.create_engine(self._address(), connect_args=self._options())
        _listen(engine)
        with engine.begin() as connection:
            if engine.dialect.name == "postgresql":
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_MAKER_LOCK})")
                connection.exec_driver_sql(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
            BaseModel.metadata.create_all(connection)
        engine.dispose()

    def _open(self) -> RDBStorage:
        if self._storage is None:
            address = self._address().render_as_string(hide_password=False)
            options = {"connect_args": self._options()}
            # The constructor only reads, unless the tables are new.
            storage = RDBStorage(address, engine_kwargs=options, skip_table_creation=True)
            storage.remove_session()
            _listen(storage.engine)
            storage.engine.dispose()  # what is in the pool was opened without the listeners
            self._storage = storage
        return self._storage

    def _address(self) -> sa.URL:
        url = sa.make_url(self._url)
        return url.set(drivername="postgresql+psycopg") if url.drivername == "postgresql" else url

    def _options(self) -> dict[str, Any]:
        if self._address().get_backend_name() == "sqlite":
            return {"timeout": self._patience, "isolation_level": None}
        return {"options": f"-c search_path={SCHEMA}"}

    def _study(self, name: str) -> optuna.Study:
        found = self._studies.get(name)
        if found is None:
            try:
                found = optuna.load_study(study_name=name, storage=self._open())
            except KeyError as error:
                raise NotFound(
                    f"Optuna's storage has no study {name!r}", mend="see `mettle study list`"
                ) from error
            self._studies[name] = found
        return found

    def _trial_id(self, study: optuna.Study, number: int) -> int:
        storage = study._storage  # noqa: SLF001  as above
        try:
            return storage.get_trial_id_from_study_id_trial_number(study._study_id, number)  # noqa: SLF001
        except KeyError as error:
            raise NotFound(
                f"study {study.study_name} has no trial {number} in Optuna's storage",
                mend=f"`mettle study resume {study.study_name}` adds what is missing",
            ) from error


def _listen(engine: sa.Engine) -> None:
    if engine.dialect.name != "sqlite":
        return

    @sa.event.listens_for(engine, "connect")
    def prepare(connection: Any, _: Any) -> None:
        cursor = connection.cursor()
        # A power cut may take the last commits; the queue of attempts is synced and tells again.
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def _sampler(definition: CampaignDefinition, number: int) -> optuna.samplers.BaseSampler:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        return optuna.samplers.TPESampler(
            n_startup_trials=_STARTUP,
            multivariate=True,
            group=definition.agent == OBJECTIVE,  # whose trials need not draw the same parameters
            constant_liar=True,  # trials that still run are taken for bad: workers spread out
            seed=(definition.seed * 1_000_003 + number) % 2**32,
        )


def _distribution(one: Parameter) -> BaseDistribution:
    if one.whole:
        return IntDistribution(int(one.low), int(one.high), log=one.log)
    return FloatDistribution(one.low, one.high, log=one.log)


def _kinds(definition: CampaignDefinition) -> dict[str, BaseDistribution]:
    return {one.name: _distribution(one) for one in SPACES.get(definition.agent, ())}


def _draw(trial: Trial, one: Parameter) -> int | float:
    if one.whole:
        return trial.suggest_int(one.name, int(one.low), int(one.high), log=one.log)
    return trial.suggest_float(one.name, one.low, one.high, log=one.log)


@contextmanager
def translated() -> Iterator[None]:
    """Give errors of Optuna's storage the class and the words of ours."""
    try:
        yield
    except (StorageInternalError, SQLAlchemyError) as error:
        cause = error.__cause__ or error
        raise StorageError(
            f"the study's storage failed: {cause}",
            mend="free some disk space, or look for who holds the database",
        ) from error
