"""Seeded candles for the simulated world: cheap, wild, spot and perpetual."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
from mettle.application.market import MarketPanel
from mettle.domain.market import FeeSchedule, Instrument, Symbol, Timeframe

START = 1_760_000_000_000 // 86_400_000 * 86_400_000
"""The worlds begin at midnight, UTC."""


def instrument(name: str) -> Instrument:
    """Return an instrument with a cent's tick, a lot of 1e-4, and five units of least notional."""
    fees = FeeSchedule.flat(1_000, 2_000)
    return Instrument(
        Symbol.parse(name), Decimal("0.01"), Decimal("0.0001"), fees, Decimal(5), "exchange"
    )


def candles(
    names: tuple[str, ...], bars: int, seed: int, timeframe: str = "1m", swing: float = 0.001
) -> MarketPanel:
    """Return a random walk with funding each eight hours on perpetuals."""
    rng = np.random.default_rng(seed)
    frame = Timeframe.parse(timeframe)
    shape = (bars, len(names))
    start = 10_000.0 * (1 + np.arange(len(names)))
    closes = start * np.exp(np.cumsum(rng.normal(0, swing, shape), axis=0))
    opens = np.vstack([start[None, :], closes[:-1]])
    high = np.maximum(opens, closes) * np.exp(np.abs(rng.normal(0, swing / 2, shape)))
    low = np.minimum(opens, closes) * np.exp(-np.abs(rng.normal(0, swing / 2, shape)))
    times = START + frame.milliseconds * np.arange(bars, dtype=np.int64)
    perpetual = np.array([":" in name for name in names])
    due = (times % 28_800_000 == 0)[:, None] & perpetual[None, :]
    rates = rng.integers(-80_000, 120_000, shape, dtype=np.int64)
    prices = {"open": opens, "high": high, "low": low, "close": closes}
    whole = {
        name: np.maximum(1, values.round()).astype(np.int64) for name, values in prices.items()
    }
    whole["high"] = np.maximum.reduce(list(whole.values()))
    whole["low"] = np.minimum.reduce(list(whole.values()))
    return MarketPanel(
        frame,
        tuple(instrument(name) for name in names),
        times,
        volume=rng.integers(50_000, 500_000, shape, dtype=np.int64),
        state=np.ones(shape, dtype=np.uint8),
        funding_open=np.where(due, rates, 0),
        funding_inside=np.zeros(shape, dtype=np.int64),
        synthetic=True,
        **whole,
    )
