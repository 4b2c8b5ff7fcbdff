"""The journal in a database: ``mettle.db`` of a workspace, or PostgreSQL by URL."""

from __future__ import annotations

from functools import cached_property
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
    """One transaction over the tables; what nobody asks for is not made."""

    def __init__(self, database: Database, *, writing: bool, durable: bool) -> None:
        self._session = SqlSession(database, writing=writing)
        self._durable = durable

    @cached_property
    def runs(self) -> SqlRuns:
        """Sessions by id."""
        return SqlRuns(self._session)

    @cached_property
    def bars(self) -> SqlSeenBars:
        """Bars as seen."""
        return SqlSeenBars(self._session)

    @cached_property
    def decisions(self) -> SqlDecisions:
        """Decisions."""
        return SqlDecisions(self._session)

    @cached_property
    def orders(self) -> SqlOrders:
        """Attempts."""
        return SqlOrders(self._session)

    @cached_property
    def fills(self) -> SqlFills:
        """Fills."""
        return SqlFills(self._session)

    @cached_property
    def ledger(self) -> SqlLedgerEntries:
        """Ledger entries."""
        return SqlLedgerEntries(self._session)

    @cached_property
    def marks(self) -> SqlEquityMarks:
        """The equity curve."""
        return SqlEquityMarks(self._session)

    @cached_property
    def snapshots(self) -> SqlSnapshots:
        """States that are slow to rebuild."""
        return SqlSnapshots(self._session)

    @cached_property
    def intents(self) -> SqlIntents:
        """Approved intents."""
        return SqlIntents(self._session)

    @cached_property
    def leases(self) -> SqlLeases:
        """Who may trade."""
        return SqlLeases(self._session, durable=self._durable)

    @cached_property
    def controls(self) -> SqlControls:
        """Commands to sessions."""
        return SqlControls(self._session)

    @cached_property
    def modes(self) -> SqlModes:
        """Why less than everything is allowed."""
        return SqlModes(self._session)

    @cached_property
    def breakers(self) -> SqlBreakers:
        """Breakers."""
        return SqlBreakers(self._session)

    @cached_property
    def discrepancies(self) -> SqlDiscrepancies:
        """Differences to the venue."""
        return SqlDiscrepancies(self._session)

    @cached_property
    def cursors(self) -> SqlCursors:
        """How far the venue was read."""
        return SqlCursors(self._session)

    @cached_property
    def audit(self) -> SqlAudit:
        """What changed what may be done."""
        return SqlAudit(self._session)

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
