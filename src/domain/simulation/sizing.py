"""From actions to wanted changes in lots: all of it known at the close of bar t."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from .account import Account, Worth
from .margin import hard_cuts, margin_usage, soften
from .numbers import ceil_divide, notional, quantise, sign, truncate_divide
from .records import AssetBar, AssetTerms, FillReason
from .settings import ACTION_SCALE, ActionScheme, SimulationSettings


class Plan(NamedTuple):
    """What is wanted of the next open.

    Attributes:
        changes: Lots to trade of each asset, signed.
        weights: Wanted weights after the gross limit, 1e-4; None is HOLD.
        reason: REBALANCE, or MARGIN where the hard limit took over.
        equity: At the close on which it was decided, 1e-8 quote.
        targets: Lots that the weights make, before minimum, band and margin; None is HOLD.
    """

    changes: tuple[int, ...]
    weights: tuple[int | None, ...]
    reason: FillReason
    equity: int
    targets: tuple[int | None, ...] = ()


def threshold_weight(action: int, lots: int, settings: SimulationSettings) -> int | None:
    """Return all-in, all-out or HOLD (None), 1e-4.

    Against a position it goes out first: with shorts too, a full exit then exists.
    """
    if abs(action) <= settings.threshold:
        return None
    if sign(action) == -sign(lots):
        return 0
    lowest = -settings.max_weight if settings.allow_short else 0
    return settings.max_weight if action > 0 else lowest


def increment_weight(
    action: int, lots: int, value: int, equity: int, settings: SimulationSettings
) -> int | None:
    """Return the present weight moved by a part of ``increment``, 1e-4; None is HOLD.

    Args:
        value: |lots| at the close, 1e-8 quote.
        equity: Above 0.
    """
    if action == 0:
        return None
    current = sign(lots) * (value * ACTION_SCALE // equity)
    change = truncate_divide(action * settings.increment, ACTION_SCALE)
    if sign(action) == -sign(lots) and abs(change) >= abs(current):
        return 0
    return current + change


def wanted_weight(
    action: int, lots: int, value: int, equity: int, settings: SimulationSettings
) -> int | None:
    """Return the weight that a quantised action asks for, clipped, 1e-4; None is HOLD."""
    if settings.scheme is ActionScheme.TARGET_WEIGHT:
        weight: int | None = action
    elif settings.scheme is ActionScheme.THRESHOLD:
        weight = threshold_weight(action, lots, settings)
    elif equity <= 0:
        weight = None if action == 0 else 0
    else:
        weight = increment_weight(action, lots, value, equity, settings)
    if weight is None:
        return None
    if equity <= 0:
        return 0
    lowest = -settings.max_weight if settings.allow_short else 0
    return max(lowest, min(settings.max_weight, weight))


def limit_gross(
    weights: list[int | None], values: Sequence[int], equity: int, gross_limit: int
) -> list[int | None]:
    """Scale the weights down so that Σ|weight| keeps the gross limit; HOLD keeps its lots.

    Args:
        values: |lots| at the close of each asset, 1e-8 quote.
        equity: Above 0.
    """
    held = wanted = 0
    for weight, value in zip(weights, values, strict=True):
        if weight is None:
            held += ceil_divide(value * ACTION_SCALE, equity)
        else:
            wanted += abs(weight)
    if held + wanted <= gross_limit or wanted == 0:
        return weights
    room = max(0, gross_limit - held)
    return [
        None if weight is None else sign(weight) * (abs(weight) * room // wanted)
        for weight in weights
    ]


def target_lots(weight: int, equity: int, lot_value: int) -> int:
    """Return the lots that ``weight`` (1e-4) of ``equity`` buys, rounded toward zero."""
    lots = abs(weight) * equity // ACTION_SCALE // lot_value
    return lots if weight >= 0 else -lots


def is_reduction(change: int, lots: int) -> bool:
    """Return whether ``change`` only makes the position smaller."""
    return sign(change) == -sign(lots) and abs(change) <= abs(lots)


def worth_trading(
    target: int, lots: int, lot_value: int, equity: int, terms: AssetTerms, band: int
) -> bool:
    """Return whether the change from ``lots`` to ``target`` passes the minimum and the band."""
    change = target - lots
    size = abs(change) * lot_value
    exempt = terms.is_perpetual and is_reduction(change, lots)
    if size < terms.min_notional and not exempt:
        return False
    return target == 0 or size * ACTION_SCALE >= band * equity


def plan_changes(
    actions: Sequence[float],
    account: Account,
    bars: Sequence[AssetBar],
    settings: SimulationSettings,
    worth: Worth | None = None,
) -> Plan:
    """Size the actions of one decision on the equity at the close of ``bars``.

    Args:
        actions: One an asset, float32 values; NaN is HOLD.
        bars: The bars that have just closed.
        worth: Of the account at their closes, where it is known already.

    Raises:
        InvalidValue: If a value leaves 64 bits.
    """
    if worth is None:
        worth = account.worth([bar.close for bar in bars])
    equity, values = worth.equity, list(map(abs, worth.values))
    weights: list[int | None] = []
    for action, state, bar, value in zip(actions, account.assets, bars, values, strict=True):
        whole = None if bar.missing else quantise(action)
        weights.append(
            None if whole is None else wanted_weight(whole, state.lots, value, equity, settings)
        )
    if equity > 0:
        weights = limit_gross(weights, values, equity, settings.gross_limit)
    lot_values, targets, changes = _sized(weights, account, bars, equity, settings.rebalance_band)
    reason = FillReason.REBALANCE
    if settings.on_margin:
        missing = [bar.missing for bar in bars]
        changes, reason = limit_margin(changes, account.lots, lot_values, missing, equity, settings)
    return Plan(tuple(changes), tuple(weights), reason, equity, tuple(targets))


def _sized(
    weights: Sequence[int | None],
    account: Account,
    bars: Sequence[AssetBar],
    equity: int,
    band: int,
) -> tuple[list[int], list[int | None], list[int]]:
    """Return the value of a lot, the lots that a weight makes, and the change worth trading."""
    lot_values: list[int] = []
    targets: list[int | None] = []
    changes: list[int] = []
    parts = zip(weights, account.assets, account.terms, bars, strict=True)
    for weight, state, terms, bar in parts:
        held, change = state.lots, 0
        lot_value = notional(1, bar.close, terms.unit_value)
        target = None if weight is None else target_lots(weight, equity, lot_value)
        if target is not None and target != held:
            worth_it = worth_trading(target, held, lot_value, equity, terms, band)
            change = target - held if worth_it else 0
        lot_values.append(lot_value)
        targets.append(target)
        changes.append(change)
    return lot_values, targets, changes


def limit_margin(
    changes: list[int],
    lots: Sequence[int],
    lot_values: Sequence[int],
    missing: Sequence[bool],
    equity: int,
    settings: SimulationSettings,
) -> tuple[list[int], FillReason]:
    """Return what the margin limits leave of ``changes``, and why they will fill."""
    gross = sum(abs(held) * value for held, value in zip(lots, lot_values, strict=True))
    usage = margin_usage(gross, equity, settings.leverage)
    if usage is None or usage >= settings.hard_margin:
        return hard_cuts(lots, lot_values, missing, equity, settings), FillReason.MARGIN
    if usage >= settings.soft_margin:
        changes = [soften(change, held) for change, held in zip(changes, lots, strict=True)]
    return changes, FillReason.REBALANCE
