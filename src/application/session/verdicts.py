"""Why an asset was traded, or why not, in words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal

from ...domain.market import CASH_SCALE, Instrument
from ...domain.simulation import (
    Account,
    ActionScheme,
    AssetBar,
    FillReason,
    Plan,
    SimulationSettings,
    Worth,
)
from ...domain.simulation.numbers import truncate_divide
from ...domain.simulation.settings import ACTION_SCALE
from ...domain.simulation.sizing import worth_trading
from ..journal import AssetDecision


class Explainer:
    """Turns a plan into one explained decision an asset."""

    def __init__(self, instruments: Sequence[Instrument], settings: SimulationSettings) -> None:
        self._instruments = tuple(instruments)
        self._names = tuple(str(one.symbol) for one in instruments)
        self._settings = settings
        share = settings.rebalance_band / 100
        self._under_band = f"rebalance band: change under {share:g} % of equity"

    def explain(
        self,
        actions: Sequence[float],
        bars: Sequence[AssetBar],
        account: Account,
        worth: Worth,
        plan: Plan,
        blocked: Sequence[str],
    ) -> tuple[AssetDecision, ...]:
        """Return the decision of each asset.

        Args:
            actions: As the agent gave them; NaN where it was not asked.
            worth: Of the account at the closes.
            blocked: Why an asset is held whatever the agent says; empty if it is not.
        """
        found, equity = [], plan.equity
        for column, (name, action, value, target, change) in enumerate(
            zip(self._names, actions, worth.values, plan.targets, plan.changes, strict=True)
        ):
            if change:
                words = self._ordered(column, change, plan)
            elif bars[column].missing:
                words = "hold: missing bar"
            elif plan.reason is FillReason.MARGIN:
                words = "margin: over the hard limit, positions are only reduced"
            elif blocked[column]:
                words = f"hold: {blocked[column]}"
            elif target is None:
                words = self._hold(action)
            else:
                words = self._not_worth_it(column, target, bars[column], account, plan)
            current = truncate_divide(value * ACTION_SCALE, equity) if equity > 0 else 0
            given = action if math.isfinite(action) else None
            weight = plan.weights[column]
            found.append(AssetDecision(name, given, weight, current, target, change, words))
        return tuple(found)

    def _ordered(self, column: int, change: int, plan: Plan) -> str:
        instrument = self._instruments[column]
        side = "buy" if change > 0 else "sell"
        text = f"{side} {instrument.quantity(abs(change))} {instrument.symbol.base}"
        if plan.reason is FillReason.MARGIN:
            return f"margin: over the hard limit, {text}"
        return text

    def _hold(self, action: float) -> str:
        if math.isnan(action):
            return "hold: action was NaN"
        if not -1.0 <= action <= 1.0:
            return f"hold: action {action:g} lies outside −1 … 1"
        if self._settings.scheme is ActionScheme.THRESHOLD:
            threshold = self._settings.threshold / ACTION_SCALE
            return f"hold: action {action:.4f} within ±{threshold:g}"
        return "hold: action was 0"

    def _not_worth_it(
        self, column: int, target: int, bar: AssetBar, account: Account, plan: Plan
    ) -> str:
        lots = account.assets[column].lots
        if target == lots:
            return "on target" if target or not plan.weights[column] else "too little for one lot"
        terms = account.terms[column]
        lot_value = bar.close * terms.unit_value
        no_band = worth_trading(target, lots, lot_value, plan.equity, terms, 0)
        if not no_band:
            quote = self._instruments[column].symbol.quote
            least = Decimal(terms.min_notional) / CASH_SCALE
            return f"below minimum notional {least.normalize():f} {quote}"
        band = self._settings.rebalance_band
        if not worth_trading(target, lots, lot_value, plan.equity, terms, band):
            return self._under_band
        return "margin: over the soft limit, nothing is opened"
