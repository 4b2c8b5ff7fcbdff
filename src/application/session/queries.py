"""Reading a run's journal, for people and for programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from ...domain.errors import NotFound
from ...domain.market import CASH_SCALE
from ..journal import (
    AssetDecision,
    DecisionRecord,
    EquityMark,
    FillRecord,
    OrderRecord,
    RunRecord,
)
from ..ports.unit_of_work import Store


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision, told.

    Attributes:
        time: Close of the bar on which it was made, Unix milliseconds UTC.
        action: What is to be done, asset by asset: ``BTC/USDT buy 0.1 BTC, ETH/USDT hold``.
        why: The reason of each asset, with the action, the wanted and the held weight.
        equity: What it was sized on, quote currency.
    """

    time: int
    action: str
    why: str
    equity: Decimal
    assets: tuple[AssetDecision, ...]


@dataclass(frozen=True, slots=True)
class RunStanding:
    """How a run stands.

    Attributes:
        mark: The last mark; None before the first bar.
        change: Of the equity since the start, as a share; None before the first bar.
    """

    run: RunRecord
    mark: EquityMark | None
    decisions: int
    fills: int
    change: float | None

    @property
    def equity(self) -> Decimal:
        """Equity at the last mark, quote currency."""
        units = self.run.initial_cash if self.mark is None else self.mark.equity
        return Decimal(units) / CASH_SCALE


class Journal:
    """What the runs of a store left behind. Each method reads one consistent state."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def runs(self, limit: int = 20) -> Sequence[RunRecord]:
        """Return the newest runs, newest first."""
        with self._store.reading() as unit:
            return unit.runs.latest(limit)

    def latest(self) -> str:
        """Return the id of the newest run.

        Raises:
            NotFound: If there is none.
        """
        runs = self.runs(1)
        if not runs:
            raise NotFound("no run yet", mend="start one with `mettle paper run`")
        return runs[0].run_id

    def standing(self, run_id: str) -> RunStanding:
        """Return how a run stands.

        Raises:
            NotFound: If there is none of that id.
        """
        with self._store.reading() as unit:
            run, mark = unit.runs.get(run_id), unit.marks.last(run_id)
            change = None if mark is None else mark.equity / run.initial_cash - 1
            return RunStanding(
                run, mark, unit.decisions.count(run_id), unit.fills.count(run_id), change
            )

    def decisions(self, run_id: str, limit: int = 10) -> Sequence[Decision]:
        """Return the newest decisions, newest first."""
        with self._store.reading() as unit:
            return [told(one) for one in unit.decisions.latest(run_id, limit)]

    def orders(self, run_id: str, limit: int = 10) -> Sequence[OrderRecord]:
        """Return the newest orders, newest first."""
        with self._store.reading() as unit:
            return unit.orders.latest(run_id, limit)

    def fills(self, run_id: str, limit: int = 10) -> Sequence[FillRecord]:
        """Return the newest fills, newest first."""
        with self._store.reading() as unit:
            return unit.fills.latest(run_id, limit)

    def equity(self, run_id: str) -> Sequence[EquityMark]:
        """Return the whole equity curve in order."""
        with self._store.reading() as unit:
            return list(unit.marks.all(run_id))


def told(record: DecisionRecord) -> Decision:
    """Return a decision in words."""
    return Decision(
        record.decided_at,
        ", ".join(f"{one.symbol} {_action(one)}" for one in record.assets),
        "; ".join(f"{one.symbol}: {_why(one)}" for one in record.assets),
        Decimal(record.equity) / CASH_SCALE,
        record.assets,
    )


def _action(asset: AssetDecision) -> str:
    if asset.change == 0:
        return "hold"
    return "buy" if asset.change > 0 else "sell"


def _why(asset: AssetDecision) -> str:
    said = "no number" if asset.action is None else f"{asset.action:+.4f}"
    wanted = "hold" if asset.wanted is None else f"{asset.wanted / 100:g} %"
    return f"{asset.verdict} (action {said}, wanted {wanted}, held {asset.current / 100:g} %)"
