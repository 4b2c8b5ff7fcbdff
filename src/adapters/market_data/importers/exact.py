"""From floats to ticks and lots: the decimals that a number was written with.

A binary float that came from a decimal with d places equals round(x·10ᵈ) / 10ᵈ exactly, since that
division is correctly rounded (IEEE 754) for |x·10ᵈ| < 2⁵³. So the places can be read back.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ....application.data.series import MAX_TICKS
from ....application.ports.bar_files import Mend
from ....domain.errors import DataError
from ....domain.market import Instrument

Float64Array = NDArray[np.float64]
Int64Array = NDArray[np.int64]

PRICE_DIGITS = 8
"""Significant digits of the largest price that a tick may resolve. No venue quotes finer; averaged
prices do, and following them would make the lot worth more than a unit of the quote currency."""
VOLUME_PLACES = 8
_MOST_DIGITS = 15
_MOST = 1e18
"""Beyond it whole numbers of 64 bits end."""
_NOISE = 16 * np.finfo(np.float64).eps


@dataclass(frozen=True, slots=True)
class Gridded:
    """Numbers on a grid of 10⁻ᵖˡᵃᶜᵉˢ.

    Attributes:
        units: Whole multiples of the step, rounded half-even, same shape as the input.
        noisy: Which differed from their decimal by float noise only.
        off: Which lie between two steps.
    """

    units: Int64Array
    places: int
    noisy: NDArray[np.bool_]
    off: NDArray[np.bool_]


def to_grid(values: Float64Array, most_places: int) -> Gridded:
    """Return values as whole numbers of the finest decimal step seen.

    Args:
        values: Finite, not negative, any shape.
        most_places: The finest step considered is 10 to minus this.
    """
    cap = max(0, min(most_places, _MOST_DIGITS - _whole_digits(values)))
    places, noisy = _fitting(values, cap, 0.0)
    off = noisy
    if noisy.any():
        noisy_places, left = _fitting(values[noisy], cap, _NOISE)
        off = np.zeros_like(noisy)
        off[noisy] = left
        places = cap if left.any() else max(places, noisy_places)
        noisy = noisy & ~off
    units = np.rint(values * 10.0**places).astype(np.int64)
    return Gridded(units, places, noisy, off)


def _whole_digits(values: Float64Array) -> int:
    """Return the digits before the point of the largest value; of 0.00162 that is −2."""
    largest = float(values.max(initial=0.0))
    return math.floor(math.log10(largest)) + 1 if largest > 0 else 0


def _fitting(values: Float64Array, cap: int, tolerance: float) -> tuple[int, NDArray[np.bool_]]:
    """Return the places that all but the masked values need, and the mask."""
    wrong = np.ones(values.shape, dtype=bool)
    needed = 0
    for places in range(cap + 1):
        part = values[wrong]
        if not part.size:
            break
        near = np.rint(part * 10.0**places) / 10.0**places
        misfit = np.abs(near - part) > tolerance * np.abs(part)
        if not misfit.all():
            needed = places
        wrong[wrong] = misfit
    return needed, wrong


def place_on_grid(
    values: Float64Array,
    lines: Int64Array,
    instrument: Instrument,
    tick: Decimal | None,
    lot: Decimal | None,
) -> tuple[Int64Array, Int64Array, Instrument, list[Mend]]:
    """Return prices in ticks, volumes in lots, the instrument with that grid, and what was done.

    Args:
        values: Open, high, low, close (positive) and volume (not negative), shape (n, 5).
        lines: Where each row stands in the file, shape (n,).
        instrument: Everything but the grid.
        tick: The tick wanted; inferred if None.
        lot: The lot wanted; inferred if None.

    Raises:
        DataError: If a price lies outside 1 … 10¹² ticks, or a number is beyond all reason.
    """
    most = values.max(axis=1)
    if float(most.max()) > _MOST:
        at = int(most.argmax())
        raise DataError(
            f"line {int(lines[at])}: {most[at]:g} is too large for a price or a volume",
            mend="correct the source",
        )
    mends: list[Mend] = []
    ticks, tick_size = _ticks(values[:, :4], lines, tick, mends)
    lots, lot_size = _lots(values[:, 4], lines, tick_size, lot, mends)
    inferred = tick is None or lot is None
    if inferred:
        found = ((tick, f"tick {tick_size:f}"), (lot, f"lot {lot_size:f}"))
        names = " and ".join(name for given, name in found if given is None)
        words = f"{names} inferred from the finest step seen"
        mends.append(Mend(words, len(lines)))
    grid = replace(instrument, tick_size=tick_size, lot_size=lot_size, inferred=inferred)
    return ticks, lots, grid, mends


def _ticks(
    prices: Float64Array, lines: Int64Array, tick: Decimal | None, mends: list[Mend]
) -> tuple[Int64Array, Decimal]:
    if tick is None:
        grid = to_grid(prices, PRICE_DIGITS - _whole_digits(prices))
        ticks, tick, off = grid.units, Decimal(1).scaleb(-grid.places), grid.off.any(axis=1)
        words = f"prices finer than {PRICE_DIGITS} digits rounded to the tick {tick:f}"
        noisy = grid.noisy.any(axis=1)
        if noisy.any():
            noise = "float noise removed from prices (such as 0.30000000000000004)"
            mends.append(_at(noise, noisy, lines))
    else:
        scaled = prices / float(tick)
        ticks = np.rint(scaled).astype(np.int64)
        off = (np.abs(scaled - ticks) > 1e-6).any(axis=1)
        words = f"prices rounded to the tick {tick:f} as given"
    if off.any():
        mends.append(_at(words, off, lines))
    if int(ticks.min()) < 1 or int(ticks.max()) > MAX_TICKS:
        raise DataError(
            f"prices from {prices.min():g} to {prices.max():g} at tick {tick:f} leave "
            "1 … 10¹² ticks",
            mend="choose another --tick",
        )
    return ticks, tick


def _lots(
    volume: Float64Array,
    lines: Int64Array,
    tick: Decimal,
    lot: Decimal | None,
    mends: list[Mend],
) -> tuple[Int64Array, Decimal]:
    grid = to_grid(volume, VOLUME_PLACES)
    step = Decimal(1).scaleb(-grid.places)
    # A volume between two steps floors: never more than was traded.
    units = grid.units - (grid.off & (grid.units / 10.0**grid.places > volume))
    why = "as given"
    if lot is None:
        lot = Instrument.coarsen(tick, step)
        why = f"tick × lot must be a whole number of 1e-8 at tick {tick:f}"
    top, bottom = (lot / step).as_integer_ratio()
    lots = units * bottom // top
    lost = (lots * top != units * bottom) | grid.off
    if lost.any():
        share = 1 - float(lots.sum()) * float(lot) / max(float(volume.sum()), 1e-300)
        words = f"volumes floored to lots of {lot:f} ({why}): {share:.2%} of all volume"
        mends.append(_at(words, lost, lines))
    return lots, lot


def _at(words: str, where: Any, lines: Int64Array) -> Mend:
    return Mend(words, int(where.sum()), int(lines[where].min()))
