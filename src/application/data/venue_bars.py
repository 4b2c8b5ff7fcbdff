"""A venue's exact bars as a series of ticks and lots."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np

from ...domain.errors import VenueError
from ...domain.market import Instrument, Timeframe
from ..ports.bar_store import BarSeries
from ..ports.market_data import VenueBar
from .series import PRICES, common_step, fill_empty, traded_state


def to_series(
    bars: Sequence[VenueBar],
    instrument: Instrument,
    timeframe: Timeframe,
    *,
    source: str,
    fill: bool,
) -> BarSeries:
    """Return bars as a series; a later bar of the same instant replaces the earlier one.

    Old prices may be finer than today's tick: then the series keeps the finer one. Volumes floor
    to lots.

    Args:
        bars: At least one, each consistent or refused.
        instrument: With the venue's grid.
        timeframe: Of the bars.
        source: Where they came from, in words.
        fill: Whether absent bars between them are empty rather than missing.

    Raises:
        VenueError: If a bar is not 0 < low ≤ open, close ≤ high with volume ≥ 0.
    """
    ordered = [bar for _, bar in sorted({bar.open_time: bar for bar in bars}.items())]
    for bar in ordered:
        body = (bar.open, bar.close)
        if not 0 < bar.low <= min(body) <= max(body) <= bar.high or bar.volume < 0:
            raise VenueError(f"{instrument.venue} sent a bar that cannot be: {bar}")
    tick = instrument.tick_size
    for bar in ordered:
        for name in PRICES:
            price = getattr(bar, name)
            if price % tick:
                tick = common_step(tick, Decimal(1).scaleb(price.normalize().as_tuple().exponent))
    grid = replace(
        instrument, tick_size=tick, lot_size=Instrument.coarsen(tick, instrument.lot_size)
    )
    columns: dict[str, Any] = {
        name: np.array([int(getattr(bar, name) / tick) for bar in ordered], dtype=np.int64)
        for name in PRICES
    }
    volume = np.array([int(bar.volume // grid.lot_size) for bar in ordered], dtype=np.int64)
    nobody = np.array([bar.volume == 0 for bar in ordered], dtype=np.bool_)
    series = BarSeries(
        instrument=grid,
        timeframe=timeframe,
        open_time=np.array([bar.open_time for bar in ordered], dtype=np.int64),
        volume=volume,
        state=traded_state(**columns, empty_volume=nobody),
        source=source,
        **columns,
    )
    return fill_empty(series)[0] if fill else series
