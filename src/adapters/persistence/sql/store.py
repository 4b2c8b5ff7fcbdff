"""The journal in a database: ``mettle.db`` of a workspace, or PostgreSQL by URL."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

from .control_repositories import (
    SqlAudit,
    SqlBreakers,
    SqlControls,
    SqlCursors,
    SqlDiscrepancies,
    SqlLeases,
    SqlModes,
)
from .database import Database
from .engine import open_engine
from .migrate import migrate
from .order_repositories import SqlFills, SqlIntents, SqlLedgerEntries, SqlOrders
from .repositories import (
    SqlDecisions,
    SqlEquityMarks,
    SqlRuns,
    SqlSeenBars,
    SqlSnapshots,
)
from .session import SqlSession


class SqlUnitOfWork:
    """One transaction over the tables."""

    def __init__(self, database: Database, *, writing: bool, durable: bool) -> None:
        self._session = SqlSession(database, writing=writing)
        self.runs = SqlRuns(self._session)
        self.bars = SqlSeenBars(self._session)
        self.decisions = SqlDecisions(self._session)
        self.orders = SqlOrders(self._session)
        self.fills = SqlFills(self._session)
        self.ledger = SqlLedgerEntries(self._session)
        self.marks = SqlEquityMarks(self._session)
        self.snapshots = SqlSnapshots(self._session)
        self.intents = SqlIntents(self._session)
        self.leases = SqlLeases(self._session, durable=durable)
        self.controls = SqlControls(self._session)
        self.modes = SqlModes(self._session)
        self.breakers = SqlBreakers(self._session)
        self.discrepancies = SqlDiscrepancies(self._session)
        self.cursors = SqlCursors(self._session)
        self.audit = SqlAudit(self._session)

    def commit(self) -> None:
        """Make everything since the last commit durable."""
        self._session.commit()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._session.close()


class SqlStore:
    """A journal in a database; it is created or brought up to date when it is opened.

    Args:
        database: A file of SQLite, or a URL of SQLite or PostgreSQL.
        lock_timeout_s: How long a writer waits for another one.

    Raises:
        StorageError: If it cannot be opened, or is newer than this version of mettle.
        ConfigError: If the URL names another kind of database.
    """

    durable = True

    def __init__(self, database: str | Path, *, lock_timeout_s: float = 5.0) -> None:
        engine = open_engine(database, lock_timeout_s=lock_timeout_s, durable=self.durable)
        try:
            migrate(engine)
        except BaseException:
            engine.dispose()
            raise
        self._database = Database(engine, lock_timeout_s=lock_timeout_s)

    def writing(self) -> SqlUnitOfWork:
        """Return a unit that may write."""
        return SqlUnitOfWork(self._database, writing=True, durable=self.durable)

    def reading(self) -> SqlUnitOfWork:
        """Return a unit that only reads."""
        return SqlUnitOfWork(self._database, writing=False, durable=self.durable)

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


class ThrowawaySqlStore(SqlStore):
    """A journal in a database that a power cut may take, for simulations.

    It skips the sync of each commit, which is most of its price. What it holds survives the death
    of the process, so crashes can be played; it takes no account of real money.
    """

    durable = False
