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
)
from ...domain.simulation.numbers import sign
from ...domain.simulation.settings import ACTION_SCALE
from ...domain.simulation.sizing import worth_trading
from ..journal import AssetDecision


class Explainer:
    """Turns a plan into one explained decision an asset."""

    def __init__(self, instruments: Sequence[Instrument], settings: SimulationSettings) -> None:
        self._instruments = tuple(instruments)
        self._names = tuple(str(one.symbol) for one in instruments)
        self._settings = settings

    def explain(
        self,
        column: int,
        action: float,
        bar: AssetBar,
        account: Account,
        plan: Plan,
        blocked: str,
    ) -> AssetDecision:
        """Return the decision of one asset.

        Args:
            blocked: Why all assets are held whatever the agent says; empty if they are not.
        """
        lots, current = account.assets[column].lots, 0
        if lots and plan.equity > 0:
            value = abs(lots) * bar.close * account.terms[column].unit_value
            current = sign(lots) * (value * ACTION_SCALE // plan.equity)
        return AssetDecision(
            self._names[column],
            action if math.isfinite(action) else None,
            plan.weights[column],
            current,
            plan.targets[column],
            plan.changes[column],
            self._verdict(column, action, bar, account, plan, blocked),
        )

    def _verdict(
        self,
        column: int,
        action: float,
        bar: AssetBar,
        account: Account,
        plan: Plan,
        blocked: str,
    ) -> str:
        if change := plan.changes[column]:
            return self._ordered(column, change, plan)
        if bar.missing:
            return "hold: missing bar"
        if plan.reason is FillReason.MARGIN:
            return "margin: over the hard limit, positions are only reduced"
        if blocked:
            return f"hold: {blocked}"
        target = plan.targets[column]
        if target is None:
            return self._hold(action)
        return self._not_worth_it(column, target, bar, account, plan)

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
            return f"rebalance band: change under {band / 100:g} % of equity"
        return "margin: over the soft limit, nothing is opened"
