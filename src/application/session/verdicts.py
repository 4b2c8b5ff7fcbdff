"""Why an asset was traded, or why not, in words."""

from __future__ import annotations

import math
from dataclasses import dataclass
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
from ...domain.simulation.sizing import target_lots, worth_trading
from ..journal import AssetDecision


@dataclass(frozen=True, slots=True)
class Explainer:
    """Turns a plan into one explained decision an asset."""

    instruments: tuple[Instrument, ...]
    settings: SimulationSettings

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
        lots = account.assets[column].lots
        lot_value = bar.close * account.terms[column].unit_value
        current = 0
        if plan.equity > 0:
            current = sign(lots) * (abs(lots) * lot_value * ACTION_SCALE // plan.equity)
        weight, change = plan.weights[column], plan.changes[column]
        target = None if weight is None else target_lots(weight, plan.equity, lot_value)
        verdict = self._verdict(column, action, bar, account, plan, blocked)
        return AssetDecision(
            str(self.instruments[column].symbol),
            action if math.isfinite(action) else None,
            weight,
            current,
            target,
            change,
            verdict,
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
        weight = plan.weights[column]
        if weight is None:
            return self._hold(action)
        return self._not_worth_it(column, weight, bar, account, plan)

    def _ordered(self, column: int, change: int, plan: Plan) -> str:
        instrument = self.instruments[column]
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
        if self.settings.scheme is ActionScheme.THRESHOLD:
            threshold = self.settings.threshold / ACTION_SCALE
            return f"hold: action {action:.4f} within ±{threshold:g}"
        return "hold: action was 0"

    def _not_worth_it(
        self, column: int, weight: int, bar: AssetBar, account: Account, plan: Plan
    ) -> str:
        lots = account.assets[column].lots
        terms = account.terms[column]
        lot_value = bar.close * terms.unit_value
        target = target_lots(weight, plan.equity, lot_value)
        if target == lots:
            return "too little for one lot" if weight and not target else "on target"
        no_band = worth_trading(target, lots, lot_value, plan.equity, terms, 0)
        if not no_band:
            quote = self.instruments[column].symbol.quote
            least = Decimal(terms.min_notional) / CASH_SCALE
            return f"below minimum notional {least.normalize():f} {quote}"
        band = self.settings.rebalance_band
        if not worth_trading(target, lots, lot_value, plan.equity, terms, band):
            return f"rebalance band: change under {band / 100:g} % of equity"
        return "margin: over the soft limit, nothing is opened"
