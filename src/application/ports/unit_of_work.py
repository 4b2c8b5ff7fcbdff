"""The session's memory that survives it, as a port."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from types import TracebackType
from typing import Protocol, Self

from ..journal import (
    DecisionRecord,
    EquityMark,
    FillRecord,
    LedgerRecord,
    OrderRecord,
    RunRecord,
    RunStatus,
    SeenBar,
    SnapshotRecord,
)
from .control_rows import (
    Audit,
    Breakers,
    Controls,
    Cursors,
    Discrepancies,
    Intents,
    Leases,
    Modes,
)


class Runs(Protocol):
    """Sessions by id."""

    def add(self, run: RunRecord) -> None:
        """Add a run; StorageError if its id exists."""

    def get(self, run_id: str) -> RunRecord:
        """Return a run; NotFound if there is none of that id."""

    def find(self, run_id: str) -> RunRecord | None:
        """Return a run, or None."""

    def latest(self, limit: int) -> Sequence[RunRecord]:
        """Return the newest runs, newest first."""

    def set_status(
        self, run_id: str, status: RunStatus, ended_at: int | None, message: str = ""
    ) -> None:
        """Say where a run stands; NotFound if there is none of that id."""


class SeenBars(Protocol):
    """The bars of each run as they were seen, in order of time."""

    def add(self, bars: Sequence[SeenBar]) -> None:
        """Append the bars of one instant; StorageError if one is there already."""

    def after(self, run_id: str, bar_time: int | None) -> Iterator[SeenBar]:
        """Yield the bars that open after ``bar_time`` (None: all), by time, then as added."""

    def last_time(self, run_id: str) -> int | None:
        """Return the open of the last bar seen, or None."""


class Decisions(Protocol):
    """Decisions of each run, one a bar."""

    def add(self, decision: DecisionRecord) -> None:
        """Append; StorageError if the bar has one."""

    def latest(self, run_id: str, limit: int) -> Sequence[DecisionRecord]:
        """Return the newest decisions, newest first."""

    def count(self, run_id: str) -> int:
        """Return how many there are."""


class Orders(Protocol):
    """Attempts by client order id, in order of addition."""

    def add(self, order: OrderRecord) -> None:
        """Write an attempt down; StorageError if its id exists."""

    def update(self, order: OrderRecord) -> None:
        """Replace what changes after the writing down; NotFound if it was never added.

        That is: state, evidence, venue id, ``updated_at``, ``fence_at``, ``reserved``, ``sent_at``
        and ``cancel_asked_at``. An update may be told only by the commit that it met nothing.
        """

    def find(self, client_order_id: str) -> OrderRecord | None:
        """Return one, or None."""

    def of_intent(self, account: str, intent_id: str) -> Sequence[OrderRecord]:
        """Return the attempts of an intent."""

    def live(self, account: str) -> Sequence[OrderRecord]:
        """Return those in no final state, the ones not sent yet included."""

    def possibly_live(self, account: str) -> Sequence[OrderRecord]:
        """Return those that the venue may hold."""

    def since(self, account: str, recorded_at: int) -> Sequence[OrderRecord]:
        """Return those written down at ``recorded_at`` or later."""

    def latest(self, account: str, limit: int) -> Sequence[OrderRecord]:
        """Return the newest, newest first."""


class Fills(Protocol):
    """Fills of each account in order of execution."""

    def add(self, fill: FillRecord) -> None:
        """Append; StorageError if the sequence, or symbol and trade id together, exist."""

    def find(self, account: str, symbol: str, trade_id: str) -> FillRecord | None:
        """Return one, or None."""

    def of_order(self, account: str, client_order_id: str) -> Sequence[FillRecord]:
        """Return the fills of an order of ours, in order."""

    def lots_of(self, account: str, client_order_id: str) -> int:
        """Return how many lots of an order of ours were filled."""

    def all(self, account: str) -> Iterator[FillRecord]:
        """Yield every fill in order."""

    def latest(self, account: str, limit: int) -> Sequence[FillRecord]:
        """Return the newest fills, newest first."""

    def count(self, account: str) -> int:
        """Return how many there are."""

    def next_sequence(self, account: str) -> int:
        """Return the place of the next fill: one after the last, 0 if there is none."""


class LedgerEntries(Protocol):
    """The append-only ledger of each account."""

    def add(self, entry: LedgerRecord) -> None:
        """Append; StorageError if the sequence, or kind and reference together, exist."""

    def find(self, account: str, kind: str, reference: str) -> LedgerRecord | None:
        """Return the entry that an event caused, or None."""

    def all(self, account: str) -> Iterator[LedgerRecord]:
        """Yield every entry in order, with its postings in order."""

    def balances(self, account: str) -> Mapping[tuple[str, str], Decimal]:
        """Return the exact sum of the postings of each ledger account and asset."""

    def next_sequence(self, account: str) -> int:
        """Return the place of the next entry: one after the last, 0 if there is none."""


class EquityMarks(Protocol):
    """The equity curve of each run."""

    def add(self, mark: EquityMark) -> None:
        """Append; StorageError if the bar has one."""

    def last(self, run_id: str) -> EquityMark | None:
        """Return the newest mark, or None."""

    def all(self, run_id: str) -> Iterator[EquityMark]:
        """Yield every mark in order."""


class Snapshots(Protocol):
    """One snapshot a run and name."""

    def put(self, snapshot: SnapshotRecord) -> None:
        """Keep it in the place of an older one of the same name."""

    def get(self, run_id: str, name: str) -> SnapshotRecord | None:
        """Return it, or None."""


class UnitOfWork(Protocol):
    """One transaction: all of it is kept, or nothing.

    Use it as a context manager. What was not committed when the block ends is undone, and a commit
    that fails leaves nothing behind. A unit reads its own writes; other units see them only after
    the commit. After :meth:`commit` the unit goes on with a new transaction; one in which something
    has failed commits nothing any more. Belongs to one thread.

    Every method raises StorageError when the disk is full, read-only or locked by another writer.
    """

    @property
    def runs(self) -> Runs:
        """Sessions."""

    @property
    def bars(self) -> SeenBars:
        """Bars as seen."""

    @property
    def decisions(self) -> Decisions:
        """Decisions."""

    @property
    def orders(self) -> Orders:
        """Orders."""

    @property
    def fills(self) -> Fills:
        """Fills."""

    @property
    def ledger(self) -> LedgerEntries:
        """Ledger entries."""

    @property
    def marks(self) -> EquityMarks:
        """Equity marks."""

    @property
    def snapshots(self) -> Snapshots:
        """Snapshots."""

    @property
    def intents(self) -> Intents:
        """Approved intents."""

    @property
    def leases(self) -> Leases:
        """Who may trade."""

    @property
    def controls(self) -> Controls:
        """Commands to sessions."""

    @property
    def modes(self) -> Modes:
        """Why less than everything is allowed."""

    @property
    def breakers(self) -> Breakers:
        """Breakers."""

    @property
    def discrepancies(self) -> Discrepancies:
        """Differences to the venue."""

    @property
    def cursors(self) -> Cursors:
        """How far the venue was read."""

    @property
    def audit(self) -> Audit:
        """What changed what may be done."""

    def commit(self) -> None:
        """Make everything since the last commit durable."""

    def __enter__(self) -> Self:
        """Begin."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Undo what was not committed, and end."""


class Store(Protocol):
    """Where units of work come from. Adapters: SQL (SQLite, PostgreSQL), memory.

    One writer at a time, any number of readers; may be used from several threads.
    """

    @property
    def durable(self) -> bool:
        """Whether a commit survives a power cut; without that no lease of real money is given."""

    def writing(self) -> UnitOfWork:
        """Return a unit that may write; it takes the write lock when it begins."""

    def reading(self) -> UnitOfWork:
        """Return a unit that sees one consistent state and refuses to write."""

    def close(self) -> None:
        """Release files and connections."""
