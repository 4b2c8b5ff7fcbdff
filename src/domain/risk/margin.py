"""The margin guard: how much of the margin is used, and what the hard limit cuts."""

from __future__ import annotations

from ..orders import Purpose, Reduction, Side
from .exposure import AssetExposure, Exposure
from .profile import MarginAction, RiskProfile
from .rules import SHARE

ENDLESS = 10**12
"""Usage of an account that needs margin and has no equity left, millionths."""


def margin_usage(exposure: Exposure) -> int:
    """Return maintenance margin ÷ equity, millionths, rounded up."""
    if exposure.maintenance <= 0:
        return 0
    if exposure.equity <= 0:
        return ENDLESS
    return min(ENDLESS, -(-exposure.maintenance * SHARE // exposure.equity))


def margin_reductions(
    profile: RiskProfile, exposure: Exposure, decided_at: int
) -> tuple[Reduction, ...]:
    """Return what the hard limit asks for now; nothing under it or without one.

    ``reduce`` assumes that maintenance falls with the value held, and is asked again every cycle:
    tiers make it fall faster, never slower.

    Args:
        decided_at: Part of the reductions' identity, Unix milliseconds UTC.
    """
    usage = margin_usage(exposure)
    if profile.margin is None or usage < profile.margin.limit:
        return ()
    held = sorted(
        (one for one in _margined(exposure) if one.lots),
        key=lambda one: (-one.value(one.lots), str(one.symbol)),
    )
    soft = profile.margin_soft
    everything = profile.margin_action is MarginAction.CLOSE or soft is None
    gross = sum(one.value(one.lots) for one in held)
    if everything or soft is None or exposure.equity <= 0:
        excess = gross
    else:
        # The greatest value whose usage lies under, not at, the soft limit.
        allowed = (soft * exposure.equity * gross - 1) // (exposure.maintenance * SHARE)
        excess = gross - max(0, allowed)
    cuts = []
    for one in held:
        lot_value = one.value(1)
        lots = abs(one.lots) if not lot_value else min(abs(one.lots), -(-excess // lot_value))
        if lots <= 0:
            break
        side = Side.SELL if one.lots > 0 else Side.BUY
        cuts.append(Reduction(exposure.account, one.symbol, side, lots, decided_at, Purpose.MARGIN))
        excess -= lots * lot_value
    return tuple(cuts)


def _margined(exposure: Exposure) -> list[AssetExposure]:
    """Return the perpetuals; where none is held, the account borrows against all it has."""
    assets = list(exposure.assets.values())
    perpetual = [one for one in assets if one.symbol.is_perpetual and one.lots]
    return perpetual or assets
