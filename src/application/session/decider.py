"""From a closed bar to a recorded decision and the intents that follow from it."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import NamedTuple

from ...domain.errors import InvalidValue
from ...domain.market import Instrument, Symbol
from ...domain.orders import OrderIntent, Purpose, intent_for
from ...domain.simulation import (
    Account,
    FillReason,
    Plan,
    SimulationSettings,
    Worth,
    plan_changes,
)
from ..journal import DecisionRecord
from ..market.row import BarRow
from .verdicts import Explainer

WORKING = "an order is under way"
NO_LOAN = "the venue lends no coins, so spot cannot be sold short"


class Decided(NamedTuple):
    """A decision and the orders that it wants."""

    record: DecisionRecord
    intents: tuple[OrderIntent, ...]


class Decider:
    """Sizes the agent's actions by the rules of the market step and says why.

    Args:
        lends_coins: Whether spot may be held short, as in a simulated margin account.
    """

    def __init__(
        self,
        account: str,
        run_id: str,
        instruments: Sequence[Instrument],
        settings: SimulationSettings,
        *,
        lends_coins: bool = True,
    ) -> None:
        self._never_short = [not (lends_coins or one.symbol.is_perpetual) for one in instruments]
        self._account = account
        self._run_id = run_id
        self._instruments = tuple(instruments)
        self._settings = settings
        self._explainer = Explainer(self._instruments, settings)

    def decide(
        self,
        row: BarRow,
        actions: Sequence[float] | None,
        account: Account,
        recorded_at: int,
        blocked: str = "",
        working: Collection[Symbol] = (),
        worth: Worth | None = None,
    ) -> Decided:
        """Return the decision at the close of ``row``.

        Args:
            actions: The agent's, one an asset; None holds every asset because of ``blocked``.
            working: Symbols on which an intent is still under way: they are held.
            worth: Of the account at the closes, where it is known already.

        Raises:
            InvalidValue: If there is not one action an asset.
        """
        count = len(self._instruments)
        given = [math.nan] * count if actions is None else actions
        if len(given) != count:
            raise InvalidValue(f"an agent must give {count} actions, gave {len(given)}")
        if worth is None:
            worth = account.worth(row.closes)
        plan = plan_changes(given, account, row.bars, self._settings, worth)
        why = [blocked] * count
        if self._settings.allow_short and any(self._never_short):
            plan, why = self._long_only(plan, account, blocked)
        if working:
            plan, why = self._hold(plan, working, why)
        explained = self._explainer.explain(given, row.bars, account, worth, plan, why)
        record = DecisionRecord(
            self._run_id, row.open_time, row.close_time, recorded_at, plan.equity, explained
        )
        if not any(plan.changes):
            return Decided(record, ())
        purpose = Purpose.MARGIN if plan.reason is FillReason.MARGIN else Purpose.REBALANCE
        intents = tuple(
            self._intent(column, held, change, row.close_time, purpose)
            for column, (held, change) in enumerate(zip(account.lots, plan.changes, strict=True))
            if change
        )
        return Decided(record, intents)

    def _long_only(self, plan: Plan, account: Account, blocked: str) -> tuple[Plan, list[str]]:
        """Return the plan without what would take spot below nothing, and why it is held."""
        changes, why = list(plan.changes), [blocked] * len(plan.changes)
        for column, lots in enumerate(account.lots):
            if self._never_short[column] and changes[column] < 0 and lots + changes[column] < 0:
                changes[column] = -max(0, lots)
                why[column] = NO_LOAN
        return plan._replace(changes=tuple(changes)), why

    def _hold(
        self, plan: Plan, working: Collection[Symbol], why: Sequence[str]
    ) -> tuple[Plan, list[str]]:
        """Return the plan without the symbols that are under way, and why each asset is held."""
        busy = [one.symbol in working for one in self._instruments]
        changes = zip(plan.changes, busy, strict=True)
        held = plan._replace(changes=tuple(0 if hold else change for change, hold in changes))
        return held, [WORKING if hold else old for hold, old in zip(busy, why, strict=True)]

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
