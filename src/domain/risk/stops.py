"""Where the protective stops of a position lie, in ticks.

The distances from entry and best price are those of the market step, so that a backtest and a live
position are stopped at the same tick; multiples of the ATR are added here.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import InvalidValue
from ..simulation.account import AssetState
from ..simulation.stops import stop_level, trailing_level
from .profile import RiskProfile
from .rules import SHARE


@dataclass(frozen=True, slots=True)
class AtrStops:
    """What a strategy asks of its stops.

    Attributes:
        atr: Average true range, ticks.
        stop, trail: Multiples of it, millionths; None is the profile's tightest.
    """

    atr: int
    stop: int | None = None
    trail: int | None = None

    def __post_init__(self) -> None:
        if self.atr <= 0:
            raise InvalidValue(f"the average true range must be positive, was {self.atr} ticks")


@dataclass(frozen=True, slots=True)
class StopLevels:
    """The levels of one position, ticks; None where the profile sets none.

    Attributes:
        stop: From the entry.
        trailing: From the best price since entry.
    """

    stop: int | None
    trailing: int | None

    def nearest(self, lots: int) -> int | None:
        """Return the level that acts first for a position of ``lots``."""
        found = [level for level in (self.stop, self.trailing) if level is not None]
        if not found:
            return None
        return max(found) if lots > 0 else min(found)


def protective_levels(
    profile: RiskProfile, state: AssetState, unit_value: int, atr: AtrStops | None = None
) -> StopLevels:
    """Return where a position's stops lie.

    Where the profile knows both a distance and a multiple of the ATR, the nearer level acts.

    Args:
        state: Not flat.
        unit_value: Value of one lot at one tick, 1e-8 of the quote currency.
    """
    stops: list[int] = []
    trails: list[int] = []
    if profile.stop_loss is not None:
        stops.append(stop_level(state, unit_value, profile.stop_loss))
    if profile.trailing_stop is not None:
        trails.append(trailing_level(state, profile.trailing_stop))
    if atr is not None and profile.atr_stop_low is not None:
        multiple = _clamp(atr.stop, profile.atr_stop_low, profile.atr_stop_high)
        entry = state.basis * SHARE
        away = multiple * atr.atr * abs(state.lots) * unit_value
        stops.append(_level(entry, away, abs(state.lots) * unit_value * SHARE, state.lots))
    if atr is not None and profile.atr_trail_low is not None:
        multiple = _clamp(atr.trail, profile.atr_trail_low, profile.atr_trail_high)
        trails.append(_level(state.high_water * SHARE, multiple * atr.atr, SHARE, state.lots))
    return StopLevels(_nearest(stops, state.lots), _nearest(trails, state.lots))


def _clamp(wanted: int | None, low: int, high: int | None) -> int:
    if wanted is None:
        return low
    return max(low, wanted if high is None else min(wanted, high))


def _level(origin: int, away: int, scale: int, lots: int) -> int:
    if lots > 0:
        return (origin - away) // scale
    return -(-(origin + away) // scale)


def _nearest(levels: list[int], lots: int) -> int | None:
    possible = [level for level in levels if level >= 1]
    if not possible:
        return None
    return max(possible) if lots > 0 else min(possible)
