"""Paper trading as the Python face and the command line offer it."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from types import TracebackType
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from ..application.control import Sign
from ..application.journal import ControlRecord, ControlVerb, FillRecord, OrderRecord, RunStatus
from ..application.ports.unit_of_work import Store
from ..application.session.dry_run import DryBook, dry_book
from ..application.session.paper import PaperOutcome
from ..application.session.queries import Decision, Journal, RunStanding
from ..domain.market import CASH_SCALE

_OVER = (RunStatus.FINISHED, RunStatus.RUINED)


class Commands(Protocol):
    """Speaks to sessions; a workspace does."""

    def command(self, verb: ControlVerb, account: str, argument: str = "") -> ControlRecord:
        """Ask something of an account's session and wait for its answer."""

    def health(self, account: str) -> Sequence[Sign]:
        """Return whether its session does what it should."""


class PaperRun:
    """A run on paper, and what it left behind. Also a context manager.

    Attributes:
        bars: Bars that this call lived through; 0 if another process runs it.
        resumed: Whether the run had been begun before.
        warnings: What there is to say about the period.
    """

    def __init__(
        self,
        standing: RunStanding,
        store: Store,
        commands: Commands,
        outcome: PaperOutcome | None = None,
    ) -> None:
        self._standing = standing
        self._store = store
        self._journal = Journal(store)
        self._commands = commands
        self.bars = 0 if outcome is None else outcome.bars
        self.resumed = outcome is None or outcome.resumed
        self.warnings = () if outcome is None else outcome.warnings

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave the run as it is: it was written down while it ran."""

    def __repr__(self) -> str:
        word = "synthetic " if self._standing.run.synthetic else ""
        return f"<{word}PaperRun {self.run_id}: {self.status.value}, equity {self.equity}>"

    @property
    def run_id(self) -> str:
        """The run's id; give it again to go on with a stopped run."""
        return self._standing.run.run_id

    @property
    def standing(self) -> RunStanding:
        """How it stands now."""
        if self._standing.run.status not in _OVER:
            self._standing = self._journal.standing(self.run_id)
        return self._standing

    @property
    def status(self) -> RunStatus:
        """Running, stopped, finished or ruined."""
        return self.standing.run.status

    @property
    def equity(self) -> Decimal:
        """Equity at the last bar, quote currency."""
        return self.standing.equity

    def pause(self, symbol: str = "", *, reduce: bool = False) -> str:
        """Ask the run's process to send nothing of the agent's; return what it answers.

        Args:
            symbol: Only this one; all if empty.
            reduce: Let the agent go on reducing positions.

        Raises:
            NotRunning: If no process runs it.
            TimedOut: If its process does not answer; it obeys once it does.
        """
        verb = ControlVerb.REDUCE if reduce else ControlVerb.PAUSE
        return self._commands.command(verb, self.run_id, symbol).outcome

    def resume(self, symbol: str = "") -> str:
        """Ask the run's process to go on after a pause; other causes may still hold it back.

        Raises:
            NotRunning: If no process runs it.
            TimedOut: If its process does not answer; the wish is withdrawn then.
        """
        return self._commands.command(ControlVerb.RESUME, self.run_id, symbol).outcome

    def stop(self) -> str:
        """Ask the run's process to end between two bars; the same ``run_id`` goes on later.

        Raises:
            NotRunning: If no process runs it.
            TimedOut: If its process does not answer; it obeys once it does.
        """
        return self._commands.command(ControlVerb.STOP, self.run_id).outcome

    def health(self) -> Sequence[Sign]:
        """Return whether its process does what it should, sign by sign."""
        return self._commands.health(self.run_id)

    def decisions(self, limit: int = 10) -> Sequence[Decision]:
        """Return the newest decisions, newest first; each has ``action`` and ``why``."""
        return self._journal.decisions(self.run_id, limit)

    def orders(self, limit: int = 10) -> Sequence[OrderRecord]:
        """Return the newest orders, newest first."""
        return self._journal.orders(self.run_id, limit)

    def fills(self, limit: int = 10) -> Sequence[FillRecord]:
        """Return the newest fills, newest first."""
        return self._journal.fills(self.run_id, limit)

    def curve(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return the closes' times (Unix ms) and the equity at them (quote), both shape (n,)."""
        marks = self._journal.equity(self.run_id)
        times = np.array([mark.marked_at for mark in marks], dtype=np.int64)
        equity = np.array([mark.equity for mark in marks], dtype=np.int64)
        return times, equity / CASH_SCALE


class DryRun(PaperRun):
    """A dry run, and what it would have sent."""

    def __repr__(self) -> str:
        word = "synthetic " if self.standing.run.synthetic else ""
        return f"<{word}DryRun {self.run_id}: {self.status.value}, nothing sent>"

    def book(self) -> DryBook:
        """Return every order that would have been sent, and what risk kept back, newest first."""
        return dry_book(self._store, self.run_id)
