"""From a closed bar to a recorded decision and the intents that follow from it."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ...domain.errors import InvalidValue
from ...domain.market import Instrument, Symbol
from ...domain.orders import OrderIntent, Purpose, intent_for
from ...domain.simulation import Account, FillReason, SimulationSettings, plan_changes
from ..journal import DecisionRecord
from ..market.row import BarRow
from .verdicts import Explainer

WORKING = "an order is under way"


@dataclass(frozen=True, slots=True)
class Decided:
    """A decision and the orders that it wants."""

    record: DecisionRecord
    intents: tuple[OrderIntent, ...]


class Decider:
    """Sizes the agent's actions by the rules of the market step and says why."""

    def __init__(
        self,
        account: str,
        run_id: str,
        instruments: Sequence[Instrument],
        settings: SimulationSettings,
    ) -> None:
        self._account = account
        self._run_id = run_id
        self._instruments = tuple(instruments)
        self._settings = settings
        self._explainer = Explainer(self._instruments, settings)

    def decide(
        self,
        row: BarRow,
        actions: NDArray[np.float32] | None,
        account: Account,
        recorded_at: int,
        blocked: str = "",
        working: Collection[Symbol] = (),
    ) -> Decided:
        """Return the decision at the close of ``row``.

        Args:
            actions: The agent's, shape (A,); None holds every asset because of ``blocked``.
            working: Symbols on which an intent is still under way: they are held.

        Raises:
            InvalidValue: If there is not one action an asset.
        """
        count = len(self._instruments)
        given = [math.nan] * count if actions is None else actions.tolist()
        if len(given) != count:
            raise InvalidValue(f"an agent must give {count} actions, gave {len(given)}")
        plan = plan_changes(given, account, row.bars, self._settings)
        held = [working and one.symbol in working for one in self._instruments]
        if any(held):
            changes = zip(plan.changes, held, strict=True)
            plan = replace(plan, changes=tuple(0 if hold else change for change, hold in changes))
        record = DecisionRecord(
            self._run_id,
            row.open_time,
            row.close_time,
            recorded_at,
            plan.equity,
            tuple(
                self._explainer.explain(
                    column, action, row.bars[column], account, plan, WORKING if hold else blocked
                )
                for column, (action, hold) in enumerate(zip(given, held, strict=True))
            ),
        )
        purpose = Purpose.MARGIN if plan.reason is FillReason.MARGIN else Purpose.REBALANCE
        intents = tuple(
            self._intent(column, held, change, row.close_time, purpose)
            for column, (held, change) in enumerate(zip(account.lots, plan.changes, strict=True))
            if change
        )
        return Decided(record, intents)

    def close_all(self, row: BarRow, account: Account) -> tuple[OrderIntent, ...]:
        """Return the exits that a ruin forces, in column order."""
        return tuple(
            self._intent(column, lots, -lots, row.close_time, Purpose.RUIN)
            for column, lots in enumerate(account.lots)
            if lots
        )

    def _intent(
        self, column: int, held: int, change: int, decided_at: int, purpose: Purpose
    ) -> OrderIntent:
        symbol = self._instruments[column].symbol
        return intent_for(self._account, symbol, held, change, decided_at, purpose)
