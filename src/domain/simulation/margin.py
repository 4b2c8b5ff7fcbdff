"""What a margin account may still do: the soft and the hard limit."""

from __future__ import annotations

from collections.abc import Sequence

from .numbers import ceil_divide, sign
from .settings import ACTION_SCALE, SimulationSettings


def margin_usage(gross: int, equity: int, leverage: int) -> int | None:
    """Return the used share of the margin, 1e-4; None is endless (no equity left)."""
    if equity <= 0:
        return None
    return gross * ACTION_SCALE // (leverage * equity)


def soften(change: int, lots: int) -> int:
    """Return what the soft limit leaves of ``change``: no growth, and a flip only closes."""
    target = lots + change
    if sign(target) * sign(lots) < 0:
        return -lots
    return 0 if abs(target) > abs(lots) else change


def hard_cuts(
    lots: Sequence[int],
    lot_values: Sequence[int],
    missing: Sequence[bool],
    equity: int,
    settings: SimulationSettings,
) -> list[int]:
    """Return the reductions that bring the gross under the soft limit, largest position first.

    Args:
        lot_values: Value of one lot at the close, 1e-8 quote.
        missing: Assets without a bar now; they count, and cannot be cut.
    """
    sizes = [abs(held) * value for held, value in zip(lots, lot_values, strict=True)]
    allowed = settings.soft_margin * settings.leverage * max(0, equity) // ACTION_SCALE
    excess = sum(sizes) - allowed
    changes = [0] * len(sizes)
    for index in sorted(range(len(sizes)), key=lambda i: -sizes[i]):
        if missing[index] or excess <= 0:
            continue
        cut = min(abs(lots[index]), ceil_divide(excess, lot_values[index]))
        changes[index] = -sign(lots[index]) * cut
        excess -= cut * lot_values[index]
    return changes
