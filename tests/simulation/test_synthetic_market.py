"""The synthetic market against the table that it is calibrated to (real hourly candles)."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
from mettle.adapters.market_data.synthetic import CalibratedSyntheticMarket, synthetic_panel
from mettle.adapters.persistence.lake import MemoryBarStore
from mettle.adapters.system import PhiloxRandomness
from mettle.application.data.check import JUMP, WINDOW, trailing_volatility
from mettle.application.data.panel import load_panel
from mettle.application.data.resample import resample
from mettle.application.data.synthesise import SynthesiseBars
from mettle.application.market import MarketPanel
from mettle.application.ports.synthetic_market import SyntheticMode, SyntheticRequest
from mettle.domain.errors import InvalidValue
from mettle.domain.market import Symbol, Timeframe

SEEDS = range(6)
BARS = 30_000


@cache
def panel(seed: int) -> MarketPanel:
    """Return one of the markets that are judged: four assets, 30,000 hours."""
    return synthetic_panel(seed, bars=BARS)


def returns(one: MarketPanel) -> np.ndarray:
    """Return log returns, shape (T − 1, A)."""
    return np.diff(np.log(one.close), axis=0)


def correlation(values: np.ndarray, lag: int) -> float:
    """Return the autocorrelation at ``lag``."""
    centred = values - values.mean()
    return float((centred[lag:] * centred[:-lag]).sum() / (centred**2).sum())


def tail_index(values: np.ndarray) -> float:
    """Return Hill's estimate over the largest 1 % of |r|."""
    largest = np.sort(np.abs(values))[::-1]
    count = len(largest) // 100
    return float(1 / np.mean(np.log(largest[:count] / largest[count])))


def excess_kurtosis(values: np.ndarray) -> float:
    """Return the sample's excess kurtosis."""
    centred = values - values.mean()
    return float((centred**4).mean() / (centred**2).mean() ** 2 - 3)


def jumps_per_day(values: np.ndarray) -> float:
    """Return how often |r| exceeds five times the bipower volatility of the day before."""
    return float((np.abs(values) > JUMP * trailing_volatility(values, WINDOW)).mean() * 24)


def medians(statistic: Callable[[np.ndarray], float]) -> float:
    """Return the median of a statistic over all seeds and assets."""
    values = [statistic(column) for seed in SEEDS for column in returns(panel(seed)).T]
    return float(np.median(values))


@pytest.mark.parametrize(
    ("statistic", "low", "high"),
    [
        (lambda r: correlation(np.abs(r), 1), 0.30 - 0.04, 0.30 + 0.04),
        (lambda r: correlation(np.abs(r), 10), 0.21 - 0.03, 0.21 + 0.03),
        (lambda r: correlation(np.abs(r), 100), 0.13 - 0.03, 0.13 + 0.03),
        (lambda r: correlation(r, 1), -0.03 - 0.015, -0.03 + 0.015),
        (tail_index, 3.0 - 0.5, 3.0 + 0.5),
        (jumps_per_day, 0.10, 0.25),
        (excess_kurtosis, 18.0, 56.0),
        (lambda r: float(r.std() * np.sqrt(8760)), 0.7, 1.3),
    ],
    ids=["|r| lag 1", "|r| lag 10", "|r| lag 100", "r lag 1", "tail", "jumps", "kurtosis", "level"],
)
def test_returns_are_calibrated(
    statistic: Callable[[np.ndarray], float], low: float, high: float
) -> None:
    """The median over six seeds and four assets lies within the stated tolerance."""
    assert low <= medians(statistic) <= high


def test_assets_move_together() -> None:
    """Mean pair correlation 0.63 ± 0.04."""
    values = []
    for seed in SEEDS:
        matrix = np.corrcoef(returns(panel(seed)).T)
        values.append(matrix[np.triu_indices(4, 1)].mean())
    assert np.mean(values) == pytest.approx(0.63, abs=0.04)


def test_the_day_has_its_peak() -> None:
    """Volume peaks at 14–16 UTC, at 1.5 ± 0.15 times the mean."""
    for seed in SEEDS:
        one = panel(seed)
        hour = one.open_time // 3_600_000 % 24
        for volume in one.volume.T:
            means = np.array([volume[hour == h].mean() for h in range(24)])
            assert 13 <= means.argmax() <= 16
            assert means.max() / means.mean() == pytest.approx(1.5, abs=0.15)


def test_volume_goes_with_moves() -> None:
    """Log-volume persists (0.75–0.92 at lag 1) and goes with |r| (0.3–0.55)."""
    for seed in SEEDS:
        one = panel(seed)
        for column, change in zip(one.volume.T, returns(one).T, strict=True):
            log = np.log(column)
            assert 0.75 < correlation(log, 1) < 0.92
            assert 0.30 < np.corrcoef(np.abs(change), log[1:])[0, 1] < 0.55


def test_funding_is_calibrated() -> None:
    """Mean 1.5 ± 0.4 bp, standard deviation 3 ± 0.3 bp, 0.78 ± 0.04 at lag 1, every 8 hours."""
    one = synthetic_panel(3, bars=40_000, perpetual=True)
    due = one.open_time % 28_800_000 == 0
    assert not one.funding_open[~due].any()
    assert not one.funding_inside.any()
    rates = one.funding_open[due] / 1e4
    assert rates.mean() == pytest.approx(1.5, abs=0.4)
    assert rates.std() == pytest.approx(3.0, abs=0.3)
    lags = [correlation(column, 1) for column in rates.T]
    assert np.mean(lags) == pytest.approx(0.78, abs=0.04)


def test_bars_are_whole_and_labelled() -> None:
    """MarketPanel's own rules hold, bars join, and everything says synthetic."""
    one = panel(0)
    assert one.synthetic
    assert [str(symbol) for symbol in one.symbols] == [f"SYN{i}/USDT" for i in (1, 2, 3, 4)]
    np.testing.assert_array_equal(one.open[1:], one.close[:-1])
    assert (one.volume > 0).all()
    assert all(instrument.venue == "synthetic" for instrument in one.instruments)
    wide = (one.high - one.low) / one.close
    ratio = wide.mean() / np.abs(returns(one)).mean()
    assert 1.7 < ratio < 2.3


def test_the_seed_decides() -> None:
    """Same seed, same bars; another seed, others; an asset more leaves volatility's law alone."""
    small = synthetic_panel(5, bars=500)
    assert synthetic_panel(5, bars=500).data_hash == small.data_hash
    assert synthetic_panel(6, bars=500).data_hash != small.data_hash


@pytest.mark.parametrize("label", list(Timeframe.LABELS))
def test_every_timeframe_can_be_generated(label: str) -> None:
    """Volatility scales with the bar's length: 3,000 bars give a sane figure a year."""
    one = synthetic_panel(2, assets=2, bars=3000, timeframe=label)
    per_year = returns(one).std() * np.sqrt(one.timeframe.bars_per_year)
    assert 0.1 < per_year < 4.0


def test_fine_bars_resample() -> None:
    """Generated minutes make hours like any others."""
    request = SyntheticRequest(assets=1, bars=600, timeframe=Timeframe.parse("1m"))
    (series,) = CalibratedSyntheticMarket().generate(request, PhiloxRandomness(1)).series
    hours = resample(series, Timeframe.parse("1h"))
    assert len(hours) == 10
    assert hours.synthetic


def test_a_martingale_pays_nothing() -> None:
    """Following or opposing the last bar, or holding, earns zero within four standard errors."""
    one = synthetic_panel(11, bars=60_000, mode=SyntheticMode.MARTINGALE)
    change = one.close[1:] / one.close[:-1] - 1
    for position in (np.ones_like(change[1:]), np.sign(change[:-1])):
        gain = (position * change[1:]).mean(axis=1)
        assert abs(gain.mean()) < 4 * gain.std() / np.sqrt(len(gain))


def test_a_planted_edge_is_what_it_says() -> None:
    """Following the last bar earns the planted drift; doing the opposite loses it."""
    one = synthetic_panel(11, bars=60_000, mode=SyntheticMode.PLANTED, edge_bp=20.0)
    change = one.close[1:] / one.close[:-1] - 1
    gain = (np.sign(change[:-1]) * change[1:]).mean(axis=1)
    error = gain.std() / np.sqrt(len(gain))
    assert gain.mean() == pytest.approx(20e-4, abs=4 * error)
    assert gain.mean() > 10 * error


@pytest.mark.parametrize(
    "wrong",
    [{"assets": 0}, {"bars": 1}, {"start_ms": 1}, {"edge_bp": -1.0}],
)
def test_requests_that_cannot_be(wrong: dict[str, Any]) -> None:
    """Bounds are named."""
    with pytest.raises(InvalidValue):
        SyntheticRequest(**wrong)


def test_the_use_case_keeps_bars_and_funding() -> None:
    """Generated perpetuals come back from the lake with their funding, still synthetic."""
    store = MemoryBarStore()
    request = SyntheticRequest(assets=2, bars=100, perpetual=True)
    use_case = SynthesiseBars(store, CalibratedSyntheticMarket(), PhiloxRandomness(1))
    assert [line.synthetic for line in use_case(request)] == [True, True]
    symbols = [Symbol.parse(f"SYN{i}/USDT:USDT") for i in (1, 2)]
    one = load_panel(store, symbols, Timeframe.parse("1h"))
    assert one.synthetic
    assert (one.funding_open != 0).any()
