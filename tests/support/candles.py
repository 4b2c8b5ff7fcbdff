"""Small series of bars, and where the shared candles lie."""

from __future__ import annotations

import os
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from mettle.application.data.series import traded_state
from mettle.application.ports.bar_store import BarSeries
from mettle.domain.market import FeeSchedule, Instrument, Symbol, Timeframe

HOUR = 3_600_000
START = 1_577_836_800_000
SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"


def shared(*parts: str) -> Path:
    """Return a path among the shared candles; skip where they are not (never in CI)."""
    path = SHARED.joinpath(*parts)
    if not SHARED.exists() and os.environ.get("CI") != "true":
        pytest.skip(f"no shared candles at {SHARED}")
    return path


def make_instrument(
    symbol: str = "BTC/USDT",
    tick: str = "0.01",
    lot: str = "0.001",
    *,
    venue: str = "binance",
    min_notional: str = "0",
) -> Instrument:
    """Return an instrument with flat fees."""
    return Instrument(
        Symbol.parse(symbol),
        Decimal(tick),
        Decimal(lot),
        FeeSchedule.flat(1000, 1000),
        min_notional=Decimal(min_notional),
        venue=venue,
        inferred=True,
    )


def make_series(
    hours: list[int] | range,
    *,
    seed: int = 1,
    timeframe: str = "1h",
    instrument: Instrument | None = None,
    synthetic: bool = False,
    source: str = "test",
) -> BarSeries:
    """Return random consistent bars at these positions of the grid, counted from 2020-01-01."""
    grid = Timeframe.parse(timeframe)
    rows = np.asarray(hours, dtype=np.int64)
    # Drawn for the whole range, so that a bar depends on its position and the seed alone.
    rng = np.random.default_rng(seed)
    drawn = rng.integers(1, 1000, size=(int(rows.max()) + 1, 5))[rows].astype(np.int64)
    open_, close = 10_000 + drawn[:, 0], 10_000 + drawn[:, 1]
    high = np.maximum(open_, close) + drawn[:, 2]
    low = np.minimum(open_, close) - drawn[:, 3]
    return BarSeries(
        instrument=instrument or make_instrument(),
        timeframe=grid,
        open_time=START + rows * grid.milliseconds,
        open=open_,
        high=high,
        low=low,
        close=close,
        volume=drawn[:, 4],
        state=traded_state(open_, high, low, close, np.zeros(len(rows), dtype=bool)),
        source=source,
        synthetic=synthetic,
    )


def assert_same_bars(one: BarSeries, other: BarSeries) -> None:
    """Check that two series hold the same bars on the same grid."""
    assert one.instrument == other.instrument
    assert (one.timeframe, one.synthetic) == (other.timeframe, other.synthetic)
    for name in ("open_time", "open", "high", "low", "close", "volume", "state"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)
