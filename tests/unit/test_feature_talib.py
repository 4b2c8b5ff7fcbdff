"""TA-Lib as the oracle of the indicators that it has."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import talib
from mettle.adapters.features.native import NativeFeatures
from mettle.application.market import MarketPanel
from mettle.domain.signals.catalogue import parse_feature
from mettle.domain.signals.features import FeatureSet
from numpy.typing import NDArray
from tests.support.feature_panels import random_panel, real_panel

Prices = dict[str, NDArray[np.float64]]
Oracle = Callable[[Prices], NDArray[np.float64]]


def stochastic(p: Prices, signal: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return TA-Lib's slow K and D of 14 bars, smoothed over 3."""
    return talib.STOCH(
        p["high"], p["low"], p["close"], fastk_period=14, slowk_period=3, slowd_period=signal
    )


ORACLES: dict[str, Oracle] = {
    "rsi(14):raw": lambda p: talib.RSI(p["close"], 14),
    "rsi(2):raw": lambda p: talib.RSI(p["close"], 2),
    "macd(12,26,9):raw": lambda p: talib.MACD(p["close"], 12, 26, 9)[0],
    "macd_signal(12,26,9):raw": lambda p: talib.MACD(p["close"], 12, 26, 9)[1],
    "macd_histogram(12,26,9):raw": lambda p: talib.MACD(p["close"], 12, 26, 9)[2],
    "macd_signal(5,9,4):raw": lambda p: talib.MACD(p["close"], 5, 9, 4)[1],
    "bollinger_upper(20,2):raw": lambda p: talib.BBANDS(p["close"], 20, 2, 2)[0],
    "bollinger_middle(20,2):raw": lambda p: talib.BBANDS(p["close"], 20, 2, 2)[1],
    "bollinger_lower(20,3):raw": lambda p: talib.BBANDS(p["close"], 20, 3, 3)[2],
    "atr(14):raw": lambda p: talib.ATR(p["high"], p["low"], p["close"], 14),
    "true_range:raw": lambda p: talib.TRANGE(p["high"], p["low"], p["close"]),
    "volume_sma(20):raw": lambda p: talib.SMA(p["volume"], 20),
    "price_change:raw": lambda p: talib.ROC(p["close"], 1),
    "price_change": lambda p: talib.ROCP(p["close"], 1),
    "rolling_std(20):raw": lambda p: talib.STDDEV(p["close"], 20),
    "ema(12):raw": lambda p: talib.EMA(p["close"], 12),
    "sma(30):raw": lambda p: talib.SMA(p["close"], 30),
    "momentum(10):raw": lambda p: talib.MOM(p["close"], 10),
    "roc(10):raw": lambda p: talib.ROC(p["close"], 10),
    "money_flow(14):raw": lambda p: talib.MFI(p["high"], p["low"], p["close"], p["volume"], 14),
    "stochastic_k(14,3):raw": lambda p: stochastic(p, 1)[0],
    "stochastic_d(14,3,3):raw": lambda p: stochastic(p, 3)[1],
    "atr(14)": lambda p: talib.NATR(p["high"], p["low"], p["close"], 14) / 100,
}  # fmt: skip


def prices(panel: MarketPanel, asset: int) -> Prices:
    """Return one asset's bars as TA-Lib wants them."""
    tick = float(panel.instruments[asset].tick_size)
    columns = {n: getattr(panel, n)[:, asset] * tick for n in ("open", "high", "low", "close")}
    columns["volume"] = panel.volume[:, asset] * float(panel.instruments[asset].lot_size)
    return columns


def compare(panel: MarketPanel, text: str) -> None:
    """Demand 1e-9, relative to the price where the value is a difference of prices."""
    table = NativeFeatures(threads=1).table(panel, FeatureSet((parse_feature(text),)))
    for asset in range(len(panel.instruments)):
        given = prices(panel, asset)
        expected = ORACLES[text](given)
        np.testing.assert_array_equal(table.valid[:, asset], ~np.isnan(expected))
        found = table.values[table.valid[:, asset], asset, 0]
        expected = expected[table.valid[:, asset]]
        if text.startswith(("macd", "rolling_std", "bollinger", "momentum")):
            size = given["close"][table.valid[:, asset]]
            assert np.max(np.abs(found - expected) / size) < 1e-9
        else:
            np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("text", ORACLES)
def test_equals_talib(text: str) -> None:
    """Values and the first valid bar are TA-Lib's on random walks."""
    compare(random_panel(3_000, 2, seed=21), text)


@pytest.mark.realdata
@pytest.mark.parametrize("text", ORACLES)
def test_equals_talib_on_real_candles(text: str) -> None:
    """The same on years of real hourly bars, with prices of 0.1 and of 100,000."""
    compare(real_panel(30_000), text)
