"""How many lots a limit leaves room for. All integers; every division is against us."""

from __future__ import annotations

from collections.abc import Callable

from .rules import SHARE


def within(value: int, share: int, equity: int) -> bool:
    """Return whether ``value`` is at most ``share`` millionths of ``equity``."""
    return value * SHARE <= share * equity


def largest(wanted: int, fits: Callable[[int], bool]) -> int | None:
    """Return the most lots from 0 to ``wanted`` that fit; None if not even 0 does.

    Args:
        fits: Must not become true again above a number for which it was false.
    """
    if not fits(0):
        return None
    low, high = 0, wanted + 1
    while high - low > 1:
        middle = (low + high) // 2
        if fits(middle):
            low = middle
        else:
            high = middle
    return low


def lots_at_risk(equity: int, risk: int, distance: int, unit_value: int) -> int:
    """Return the lots whose stop ``distance`` ticks away loses at most ``risk`` of ``equity``.

    Args:
        risk: Millionths of equity.
        distance: Ticks, at least 1.
        unit_value: Value of one lot at one tick, 1e-8 of the quote currency.
    """
    return max(0, equity * risk // (SHARE * distance * unit_value))


def risk_distance(mark: int, stop_loss: int | None, stop_distance: int | None) -> int:
    """Return how far the price can go against a position before a stop acts, ticks.

    The nearer of both stops counts; without any the whole price is at risk.

    Args:
        stop_loss: The profile's distance, millionths of the price.
        stop_distance: The strategy's distance, ticks.
    """
    found = [mark]
    if stop_loss is not None:
        found.append(-(-mark * stop_loss // SHARE))
    if stop_distance is not None:
        found.append(stop_distance)
    return max(1, min(found))


def half_size(lots: int, closes: int) -> int:
    """Return the lots of a half-size opening; what closes the other side is not halved."""
    return closes + (lots - closes) // 2
