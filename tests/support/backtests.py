"""A small market, an engine's run and fills by hand: what the backtest tests stand on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import NoReturn

import numpy as np
from mettle.adapters.simulation.reference import ReferenceEngine
from mettle.application.backtest import BacktestRequest, BacktestResult, run_backtest
from mettle.application.market import MarketPanel
from mettle.application.ports.backtest_engine import FILL_DTYPE
from mettle.application.ports.feature_builder import FeatureTable
from mettle.domain.market import BarState, FeeSchedule, Instrument, Symbol, Timeframe
from mettle.domain.signals.features import FeatureSet, FeatureSpec
from mettle.domain.simulation import SimulationSettings
from numpy.typing import NDArray

START_MS = 1_704_067_200_000  # 2024-01-01
FEATURES = FeatureSet((FeatureSpec("close"),))


def small_panel(
    bars: int = 1_000,
    symbols: Sequence[str] = ("BTC/USDT", "ETH/USDT"),
    *,
    seed: int = 1,
    synthetic: bool = True,
    timeframe: str = "1h",
    funding: bool = False,
) -> MarketPanel:
    """Return a random walk on a whole grid."""
    rng, assets = np.random.default_rng(seed), len(symbols)
    close = np.exp(np.cumsum(rng.normal(0.0, 0.006, (bars, assets)), axis=0))
    close = np.rint(close * 300_000).astype(np.int64)
    open_ = np.vstack((close[:1], close[:-1]))
    reach = np.rint(close * np.abs(rng.normal(0, 0.002, (bars, assets)))).astype(np.int64)
    grid = Timeframe.parse(timeframe)
    rate = np.zeros((bars, assets), dtype=np.int64)
    if funding:
        rate[::8] = rng.integers(-30_000, 50_000, rate[::8].shape)
    return MarketPanel(
        timeframe=grid,
        instruments=tuple(
            Instrument(
                Symbol.parse(one),
                Decimal("0.01"),
                Decimal("0.0001"),
                FeeSchedule.flat(1_000, 1_000),
            )
            for one in symbols
        ),
        open_time=START_MS + grid.milliseconds * np.arange(bars, dtype=np.int64),
        open=open_,
        high=np.maximum(open_, close) + reach,
        low=np.minimum(open_, close) - reach,
        close=close,
        volume=np.full((bars, assets), 10**9, dtype=np.int64),
        state=np.full((bars, assets), BarState.TRADED, dtype=np.uint8),
        funding_open=rate,
        funding_inside=np.zeros((bars, assets), dtype=np.int64),
        synthetic=synthetic,
    )


class CloseFeatures:
    """Features that are the closes, after a warm-up; implements what a backtest asks of them."""

    def __init__(self, warmup: int = 3) -> None:
        self._warmup = warmup

    def known(self) -> Sequence[str]:
        """Return the one name."""
        return ("close",)

    def warmup(self, feature_set: FeatureSet) -> int:
        """Return the warm-up of the constructor."""
        return self._warmup

    def table(self, panel: MarketPanel, feature_set: FeatureSet) -> FeatureTable:
        """Return the closes."""
        valid = np.zeros(panel.close.shape, dtype=bool)
        valid[self._warmup :] = True
        values = np.ascontiguousarray(panel.close[..., None].astype(np.float64))
        return FeatureTable(feature_set, values, valid & ~panel.missing, self._warmup)

    def stream(self, panel: MarketPanel, feature_set: FeatureSet) -> NoReturn:
        """Streams are not part of these tests."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Swinger:
    """Hold ``weight`` of each asset in every other stretch of ``period`` bars' closes."""

    weight: float = 0.5
    levels: tuple[float, ...] = ()
    name: str = "swinger"
    feature_set: FeatureSet = FEATURES
    window: int = 1

    def decide(
        self, features: NDArray[np.float64], portfolio: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Be in while the close's hundreds digit is even: many trades, no look-ahead."""
        inside = (features[-1, :, 0] // 1_000) % 2 == 0
        return np.where(inside, self.weight, 0.0).astype(np.float32)


class SeededRandomness:
    """Randomness for tests."""

    def stream(self, *key: int | str) -> np.random.Generator:
        """Return a generator that depends on the key alone."""
        return np.random.default_rng(list("/".join(map(str, key)).encode()))


def small_backtest(
    panel: MarketPanel | None = None, settings: SimulationSettings | None = None, **more: object
) -> BacktestResult:
    """Run the swinger over a small panel on the reference engine."""
    given: dict[str, object] = {"agent": Swinger(), "resamples": 200} | more
    request = BacktestRequest(
        panel=small_panel() if panel is None else panel,
        settings=settings or SimulationSettings(rebalance_band=200),
        **given,  # type: ignore[arg-type]  # named by the caller
    )
    return run_backtest(request, CloseFeatures(), ReferenceEngine(), SeededRandomness())


def fills(*rows: tuple[int, int, int, int, int], asset: int = 0) -> NDArray[np.void]:
    """Return fills from (bar, side, lots, ticks, fee), without slippage."""
    packed = [
        (bar, asset, side, lots, ticks, ticks, fee, 0, 0, 0) for bar, side, lots, ticks, fee in rows
    ]
    return np.array(packed, dtype=FILL_DTYPE)
