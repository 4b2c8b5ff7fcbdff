"""Paper trading as the Python face and the command line offer it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from types import TracebackType
from typing import TYPE_CHECKING, Literal, Self

import numpy as np
from numpy.typing import NDArray

from ..application.backtest import BacktestRequest, GapPolicy, cost_profile
from ..application.journal import FillRecord, OrderRecord, RunStatus
from ..application.ports.unit_of_work import Store
from ..application.session.paper import PaperOutcome, PaperRequest, start_paper
from ..application.session.queries import Decision, Journal, RunStanding
from ..domain.errors import InvalidValue
from ..domain.market import CASH_SCALE
from ..domain.simulation import SimulationSettings

if TYPE_CHECKING:
    from .market_data import MarketData
    from .results import Model
    from .workspace import Workspace


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


def with_capital(settings: SimulationSettings, capital: Decimal) -> SimulationSettings:
    """Return the settings with another starting cash, quote currency.

    Raises:
        InvalidValue: If it is no whole number of 1e-8.
    """
    units = capital * CASH_SCALE
    if units != units.to_integral_value():
        raise InvalidValue(f"capital must be a whole number of 1e-8, was {capital}")
    return replace(settings, initial_cash=int(units))


def trade_on_paper(
    workspace: Workspace,
    model: Model | str,
    data: MarketData | None = None,
    *,
    run_id: str | None = None,
    gaps: Literal["refuse", "hold"] = "hold",
    costs: str | None = None,
    allow_overlap: bool = False,
    commit_every: int = 1,
    should_stop: Callable[[], bool] = lambda: False,
    on_progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> PaperRun:
    """Trade bars on paper, on a simulated clock, to their end; everything is written down.

    Args:
        model: A model, its name, or a strategy.
        data: The period, that of the settings if None; history before it warms up.
        run_id: A name for a new run, or an earlier run to go on with.
        gaps: Whether missing bars are held through or refused.
        costs: A cost profile; that of the backtest settings if None.
        allow_overlap: Accept bars that the model was trained on.
        commit_every: Bars a transaction; 1 is durable bar by bar.
        should_stop: Asked between bars; a stopped run can be gone on with.
        on_progress: Told after each bar how many of how many are done.

    Raises:
        ConfigError: If the run was begun with something else.
        DataError: If the period is too short or has gaps that are refused.
        StorageError: If the database cannot be written.
    """
    settings = workspace.settings
    chosen = workspace.agent(model)
    period = paper_data(workspace) if data is None else data
    panel = period.with_history
    if chosen.manifest is not None:
        chosen.manifest.require(panel)
    trial = BacktestRequest(
        panel=panel,
        agent=chosen.agent,
        settings=with_capital(settings.simulation.to_domain(), settings.paper.capital),
        provenance=chosen.provenance,
        start_ms=period.start_ms,
        gaps=GapPolicy(gaps),
        costs=cost_profile(costs or settings.backtest.cost_profile),
        allow_overlap=allow_overlap,
    )
    desk = workspace.container.paper_desk()
    request = PaperRequest(trial, run_id, commit_every=commit_every)
    return PaperRun(start_paper(request, desk, should_stop, on_progress), desk.store)


def paper_data(workspace: Workspace, *, last: str | None = None) -> MarketData:
    """Return the bars that the settings trade on paper.

    Args:
        last: Only so much of their end: ``30d``, ``6mo``, ``1y``.

    Raises:
        NotFound: If a series is not held or the period is empty.
    """
    start, stop = workspace.settings.paper.milliseconds
    return workspace.data.get(last=last, start=start, stop=stop)
