"""The reference engine plays a panel and refuses what it cannot play."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
from mettle.adapters.simulation.reference import ReferenceEngine
from mettle.application.market import MarketPanel, asset_bars, asset_terms
from mettle.application.ports.backtest_engine import FillReason
from mettle.application.ports.feature_builder import FeatureTable
from mettle.domain.errors import DataError, InvalidValue
from mettle.domain.market import BarState, FeeSchedule, Instrument, Symbol, Timeframe
from mettle.domain.signals.features import FeatureSet, FeatureSpec
from mettle.domain.simulation import SimulationSettings
from numpy.typing import NDArray

FEATURES = FeatureSet((FeatureSpec("momentum", (1,)),))
CASH = SimulationSettings(initial_cash=10**11, slippage=0)


class Scripted:
    """An agent that reads its action off the feature."""

    name = "scripted"
    feature_set = FEATURES
    window = 2

    def decide(
        self, features: NDArray[np.float64], portfolio: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Return the newest feature of each asset."""
        assert features.shape == (2, 1, 1)
        assert portfolio.shape == (4,)
        assert portfolio.dtype == np.float32
        return features[-1, :, 0].astype(np.float32)


def panel(closes: list[int], missing: int | None = None) -> MarketPanel:
    """Return hourly bars of one asset that open at the last close."""
    close = np.array(closes, dtype=np.int64).reshape(-1, 1)
    open_ = np.vstack((close[:1], close[:-1]))
    state = np.full(close.shape, BarState.TRADED, dtype=np.uint8)
    if missing is not None:
        state[missing] = BarState.MISSING
    zero = np.zeros(close.shape, dtype=np.int64)
    instrument = Instrument(
        Symbol("BTC", "USDT"), Decimal("0.01"), Decimal("0.001"), FeeSchedule.flat(0, 1_000)
    )
    return MarketPanel(
        Timeframe.parse("1h"),
        (instrument,),
        np.arange(len(closes), dtype=np.int64) * 3_600_000,
        open_,
        np.maximum(open_, close),
        np.minimum(open_, close),
        close,
        zero + 10**6,
        state,
        zero,
        zero,
    )


def table(actions: list[float], warmup: int = 0) -> FeatureTable:
    """Return a feature that is the wanted action, valid after ``warmup`` bars."""
    values = np.array(actions, dtype=np.float64).reshape(-1, 1, 1)
    valid = np.arange(len(actions)).reshape(-1, 1) >= warmup
    return FeatureTable(FEATURES, values, valid, warmup)


def test_it_buys_holds_and_sells() -> None:
    """All in at bar 1, held through the rise, out at bar 3."""
    market = panel([1_000, 1_000, 1_000, 1_100, 1_100, 900])
    run = ReferenceEngine().run(market, table([0, 1, 1, 0, 0, 0]), Scripted(), CASH, 1, 6)
    assert run.fills["bar"].tolist() == [2, 4]
    assert run.fills["side"].tolist() == [1, -1]
    assert run.fills["reason"].tolist() == [FillReason.REBALANCE] * 2
    bought = int(run.fills["lots"][0])
    assert run.lots[:, 0].tolist() == [0, bought, bought, 0, 0]
    fees = int(run.fills["fee"].sum())
    assert run.equity[-1] == 10**11 + bought * 100 * 1_000 - fees == run.cash[-1]
    assert (run.start, run.stop, run.ruined_at) == (1, 6, -1)
    assert run.actions[:, 0].tolist() == [1, 1, 0, 0]
    assert run.fills["realised"].tolist() == [0, bought * 100 * 1_000]


def test_a_run_is_repeatable() -> None:
    """The same inputs give the same bytes."""
    market, features = panel([1_000, 1_010, 990, 1_000, 1_020]), table([1, 0.5, -1, 0.2, 1])
    one, two = (ReferenceEngine().run(market, features, Scripted(), CASH, 1, 5) for _ in "ab")
    assert one.fills.tobytes() == two.fills.tobytes()
    assert one.equity.tobytes() == two.equity.tobytes()


def test_after_a_ruin_nothing_is_decided() -> None:
    """The marks stay where the ruin left them, and the actions are no numbers."""
    market = panel([1_000, 1_000, 1_000, 80, 1_000, 1_000])
    run = ReferenceEngine().run(market, table([1] * 6), Scripted(), CASH, 1, 6)
    assert run.ruined_at == 3
    assert run.equity[2:].tolist() == [run.equity[2]] * 3
    assert run.lots[2:].tolist() == [[0]] * 3
    assert np.isnan(run.actions[2:]).all()
    assert run.fills["reason"][-1] == FillReason.RUIN


def test_a_gap_is_held_through() -> None:
    """Nothing fills in the missing bar, the position is marked at the last close."""
    market = panel([1_000, 1_000, 1_000, 1_000, 1_000, 1_000], missing=3)
    run = ReferenceEngine().run(market, table([1, 1, 0, 1, 1, 1]), Scripted(), CASH, 1, 6)
    assert 3 not in run.fills["bar"]
    assert run.equity[1] == run.equity[2]


@pytest.mark.parametrize(
    ("start", "stop", "message"),
    [
        (4, 5, "at least two"),
        (1, 7, "at least two"),
        (-1, 3, "at least two"),
        (0, 6, "within the warm-up"),
        (2, 6, "within the warm-up"),
    ],
)
def test_a_stretch_it_cannot_play_is_refused(start: int, stop: int, message: str) -> None:
    """Too short, outside the panel, or before the agent's first whole window."""
    with pytest.raises(DataError, match=message) as caught:
        ReferenceEngine().run(
            panel([1_000] * 6), table([0] * 6, warmup=2), Scripted(), CASH, start, stop
        )
    assert caught.value.mend


def test_foreign_features_are_refused() -> None:
    """Another set, or another panel's."""
    other = FeatureTable(
        FeatureSet((FeatureSpec("rsi", (14,)),)), np.zeros((6, 1, 1)), np.ones((6, 1), bool), 0
    )
    with pytest.raises(DataError, match="wants other features"):
        ReferenceEngine().run(panel([1_000] * 6), other, Scripted(), CASH, 1, 6)
    with pytest.raises(DataError, match="do not belong to a panel"):
        ReferenceEngine().run(panel([1_000] * 6), table([0] * 5), Scripted(), CASH, 1, 5)


@pytest.mark.parametrize("answer", [np.zeros(2, np.float32), np.zeros(1)])
def test_an_answer_of_another_shape_is_refused(answer: NDArray[np.float32]) -> None:
    """Nothing is broadcast or converted silently."""

    class Wrong(Scripted):
        def decide(
            self, features: NDArray[np.float64], portfolio: NDArray[np.float32]
        ) -> NDArray[np.float32]:
            return answer

    with pytest.raises(InvalidValue, match=r"scripted must answer with float32 of shape \(1,\)"):
        ReferenceEngine().run(panel([1_000] * 6), table([0] * 6), Wrong(), CASH, 1, 6)


def test_rows_of_a_panel_become_records() -> None:
    """Prices, volume, gap and what happens while a maker waits."""
    market = panel([1_000, 1_100], missing=1)
    (bar,) = asset_bars(market, 1, 900)
    assert (bar.open, bar.high, bar.low, bar.close) == (1_000, 1_100, 1_000, 1_100)
    assert bar.missing
    assert (bar.wait_high, bar.wait_low) == (1_050, 1_000)
    assert (bar.wait_price_buy, bar.wait_price_sell) == (1_025, 1_025)
    assert asset_terms(market)[0].unit_value == 1_000
