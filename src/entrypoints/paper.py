"""Paper trading as the Python face and the command line offer it."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from ..application.journal import FillRecord, OrderRecord, RunStatus
from ..application.ports.unit_of_work import Store
from ..application.session.paper import PaperOutcome
from ..application.session.queries import Decision, Journal, RunStanding
from ..domain.market import CASH_SCALE


class PaperRun:
    """A run on paper, and what it left behind. Also a context manager.

    Attributes:
        bars: Bars that this call lived through.
        resumed: Whether the run had been begun before.
        warnings: What there is to say about the period.
    """

    def __init__(self, outcome: PaperOutcome, store: Store) -> None:
        self._standing = outcome.standing
        self._journal = Journal(store)
        self.bars = outcome.bars
        self.resumed = outcome.resumed
        self.warnings = outcome.warnings

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
        """How it stands."""
        return self._standing

    @property
    def status(self) -> RunStatus:
        """Running, stopped, finished or ruined."""
        return self._standing.run.status

    @property
    def equity(self) -> Decimal:
        """Equity at the last bar, quote currency."""
        return self._standing.equity

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
