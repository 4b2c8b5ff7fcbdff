"""Stops and liquidation on the adverse path of a bar: from the open to the worst price."""

from __future__ import annotations

from dataclasses import dataclass

from .account import AssetState
from .numbers import ceil_divide, slip
from .records import AssetBar, FillReason
from .settings import MAX_TICKS, RATE_SCALE, SimulationSettings, StopKind


@dataclass(frozen=True, slots=True)
class Level:
    """A price at which something happens to a position."""

    ticks: int
    reason: FillReason


@dataclass(frozen=True, slots=True)
class Exit:
    """How a whole position is closed inside a bar."""

    ticks: int
    reference: int
    reason: FillReason


def _toward_entry(numerator: int, denominator: int, direction: int) -> int:
    """Round a level down for a long and up for a short: away from the market."""
    if direction > 0:
        return numerator // denominator
    return ceil_divide(numerator, denominator)


def stop_level(state: AssetState, unit_value: int, stop_loss: int) -> int:
    """Return the level ``stop_loss`` millionths beyond the average entry, ticks."""
    direction = 1 if state.lots > 0 else -1
    return _toward_entry(
        state.basis * (RATE_SCALE - direction * stop_loss),
        abs(state.lots) * unit_value * RATE_SCALE,
        direction,
    )


def trailing_level(state: AssetState, trailing_stop: int) -> int:
    """Return the level ``trailing_stop`` millionths beyond the best price before this bar."""
    direction = 1 if state.lots > 0 else -1
    return _toward_entry(
        state.high_water * (RATE_SCALE - direction * trailing_stop), RATE_SCALE, direction
    )


def liquidation_level(state: AssetState, unit_value: int, settings: SimulationSettings) -> int:
    """Return the level at which the position's share of the margin is used up, ticks."""
    direction = 1 if state.lots > 0 else -1
    leverage = settings.leverage
    cushion = RATE_SCALE - leverage * settings.maintenance_margin
    left = leverage * RATE_SCALE - direction * cushion
    return _toward_entry(
        state.basis * left, abs(state.lots) * unit_value * leverage * RATE_SCALE, direction
    )


def levels(state: AssetState, unit_value: int, settings: SimulationSettings) -> list[Level]:
    """Return the levels that exist, in the order in which equal ones act."""
    found = []
    if settings.on_margin:
        found.append(Level(liquidation_level(state, unit_value, settings), FillReason.LIQUIDATION))
    if settings.stop_loss:
        found.append(Level(stop_level(state, unit_value, settings.stop_loss), FillReason.STOP))
    if settings.trailing_stop:
        found.append(Level(trailing_level(state, settings.trailing_stop), FillReason.TRAILING_STOP))
    return [level for level in found if 1 <= level.ticks <= MAX_TICKS]


def reached(found: list[Level], direction: int, bar: AssetBar) -> list[Level]:
    """Return the levels that the adverse path meets, in the order in which it meets them."""
    if direction > 0:
        hit = [level for level in found if bar.low <= level.ticks]
    else:
        hit = [level for level in found if bar.high >= level.ticks]
    return sorted(hit, key=lambda level: -direction * level.ticks)


def market_exit(level: Level, direction: int, bar: AssetBar, slippage: int) -> Exit:
    """Fill at the level, or at the open where the market gapped past it, less slippage."""
    base = min(bar.open, level.ticks) if direction > 0 else max(bar.open, level.ticks)
    return Exit(slip(base, -direction, slippage), base, level.reason)


def limit_exit(level: Level, direction: int, bar: AssetBar, offset: int) -> Exit | None:
    """Fill a stop-limit, or return None where the market gapped past its limit and stayed."""
    limit = slip(level.ticks, -direction, offset)
    gapped = direction * (bar.open - level.ticks) <= 0
    if not gapped:
        ticks = level.ticks
    elif direction * (bar.open - limit) >= 0:
        ticks = bar.open
    elif (bar.high > limit) if direction > 0 else (bar.low < limit):
        ticks = limit
    else:
        return None
    return Exit(ticks, ticks, level.reason)


def find_exit(
    state: AssetState, bar: AssetBar, unit_value: int, settings: SimulationSettings
) -> Exit | None:
    """Return the exit that the bar forces on a position, or None.

    Args:
        state: Not flat; its high-water mark is that before this bar.
    """
    direction = 1 if state.lots > 0 else -1
    found_levels = levels(state, unit_value, settings)
    if not found_levels:
        return None
    for level in reached(found_levels, direction, bar):
        if settings.stop_kind is StopKind.MARKET or level.reason is FillReason.LIQUIDATION:
            return market_exit(level, direction, bar, settings.slippage)
        found = limit_exit(level, direction, bar, settings.stop_limit_offset)
        if found is not None:
            return found
    return None
