"""Coarser bars, prepared sets, and the verdict on a series."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from mettle.adapters.persistence.lake import MemoryBarStore
from mettle.application.data.check import check_bars, trailing_volatility
from mettle.application.data.prepare import PrepareBars
from mettle.application.data.resample import last_closed, resample
from mettle.domain.errors import DataError, NotFound
from mettle.domain.market import BarState, Symbol, Timeframe
from tests.support.candles import HOUR, START, make_instrument, make_series

BTC = Symbol.parse("BTC/USDT")
M5, M15, H1, H4 = (Timeframe.parse(label) for label in ("5m", "15m", "1h", "4h"))


def test_a_coarse_bar_is_its_fine_bars() -> None:
    """First open, highest high, lowest low, last close, sum of volumes."""
    fine = make_series(range(24), timeframe="5m")
    coarse = resample(fine, H1)
    assert coarse.open_time.tolist() == [START, START + HOUR]
    for i in (0, 1):
        rows = slice(12 * i, 12 * i + 12)
        assert coarse.open[i] == fine.open[rows][0]
        assert coarse.high[i] == fine.high[rows].max()
        assert coarse.low[i] == fine.low[rows].min()
        assert coarse.close[i] == fine.close[rows][-1]
        assert coarse.volume[i] == fine.volume[rows].sum()


def test_incomplete_bars_are_left_out() -> None:
    """The open last one, a first one begun late, and one with a hole."""
    rows = [*range(3, 24), *range(24, 30), *range(31, 36), *range(36, 47)]
    coarse = resample(make_series(rows, timeframe="5m"), H1)
    assert coarse.open_time.tolist() == [START + HOUR]


def test_empty_only_if_all_are() -> None:
    """A coarse bar of empty bars is empty; one trade makes it traded."""
    fine = make_series(range(6), timeframe="5m")
    state = np.array([2, 2, 2, 2, 1, 2], dtype=np.uint8)
    coarse = resample(replace(fine, state=state), M15)
    assert coarse.state.tolist() == [BarState.EMPTY, BarState.TRADED]


@pytest.mark.parametrize(("source", "target"), [("1h", "15m"), ("1h", "1h"), ("4h", "1h")])
def test_only_to_coarser_timeframes(source: str, target: str) -> None:
    """Finer or equal ones cannot be made."""
    with pytest.raises(DataError, match="cannot be made of"):
        resample(make_series(range(5), timeframe=source), Timeframe.parse(target))


def test_nothing_complete_is_an_error() -> None:
    """Three bars make no hour."""
    with pytest.raises(DataError, match="no 1h bar is complete"):
        resample(make_series(range(3), timeframe="15m"), H1)


def test_the_last_closed_bar_is_never_of_the_future() -> None:
    """At the close of a fine bar only coarse bars closed by then may be seen."""
    fine = START + M15.milliseconds * np.arange(9)
    coarse = START + HOUR * np.arange(2)
    index = last_closed(fine, M15, coarse, H1)
    assert index.tolist() == [-1, -1, -1, 0, 0, 0, 0, 1, 1]


def prepared_lake() -> MemoryBarStore:
    """Return a lake with two symbols at 5 minutes and one of them at an hour too."""
    store = MemoryBarStore()
    store.write(make_series(range(600), timeframe="5m"))
    store.write(
        make_series(range(100, 700), timeframe="5m", instrument=make_instrument("ETH/USDT"))
    )
    store.write(make_series(range(200), seed=5))
    return store


def test_prepare_makes_what_is_missing_and_keeps_what_is_held() -> None:
    """Resampled series are marked by their source; imported ones stay unless told otherwise."""
    store = prepared_lake()
    imported = store.read(BTC, H1).close.copy()
    found = PrepareBars(store)([], [M5, M15, H1])
    how = {
        (str(line.stored.instrument.symbol), line.stored.timeframe.label): line.how
        for line in found.lines
    }
    assert how == {
        ("BTC/USDT", "5m"): "held", ("BTC/USDT", "15m"): "made", ("BTC/USDT", "1h"): "kept",
        ("ETH/USDT", "5m"): "held", ("ETH/USDT", "15m"): "made", ("ETH/USDT", "1h"): "made",
    }  # fmt: skip
    np.testing.assert_array_equal(store.read(BTC, H1).close, imported)
    again = PrepareBars(store)([], [M5, M15, H1], replace=True)
    assert store.read(BTC, H1).source.startswith("resampled from 5m")
    assert again.data_hash != found.data_hash


def test_prepare_is_stable_and_covers_the_common_period() -> None:
    """The same lake gives the same hash; the period is what every series has."""
    store = prepared_lake()
    one = PrepareBars(store)([], [M15, H4])
    assert PrepareBars(store)([], [M15, H4]).data_hash == one.data_hash
    assert one.first == START + 12 * HOUR
    assert one.last == START + 48 * HOUR


def test_prepare_refuses_what_cannot_be_made() -> None:
    """Finer than held, not held at all, and an empty lake."""
    with pytest.raises(NotFound, match="held at 5m, 1m bars cannot be made"):
        PrepareBars(prepared_lake())([BTC], [Timeframe.parse("1m")])
    with pytest.raises(NotFound, match="no bars of SOL/USDT"):
        PrepareBars(prepared_lake())([Symbol.parse("SOL/USDT")], [H1])
    with pytest.raises(NotFound, match="no bars are held"):
        PrepareBars(MemoryBarStore())([], [])


def test_the_check_lists_every_gap() -> None:
    """First, last and length of each; a share of missing bars can be allowed."""
    series = make_series([0, 1, 4, 5, 6, 10])
    found = check_bars(series)
    gaps = [(gap.first, gap.last, gap.bars) for gap in found.gaps]
    assert gaps == [
        (START + 2 * HOUR, START + 3 * HOUR, 2),
        (START + 7 * HOUR, START + 9 * HOUR, 3),
    ]
    assert found.problems == ("5 bars missing in 2 gaps (45.45%)",)
    assert check_bars(series, allowed_missing=0.5).clean


def quiet(closes: list[int]) -> np.ndarray:
    """Return 60 closes that alternate a little, then ``closes``."""
    return np.array([10_000 + 10 * (i % 2) for i in range(60)] + closes, dtype=np.int64)


def test_spikes_and_jumps() -> None:
    """A move that is taken back is a spike, one that stays a jump; wild ones are problems."""
    for closes, spikes, jumps, clean in (
        ([10_400, 10_010], 1, 2, True),
        ([10_400, 10_390], 0, 1, True),
        ([16_000, 10_010], 1, 2, False),
    ):
        close = quiet(closes)
        series = make_series(range(len(close)))
        series = replace(series, open=close, high=close, low=close, close=close)
        found = check_bars(series)
        assert (len(found.spikes), found.jumps, found.clean) == (spikes, jumps, clean)
    assert found.spikes[0].time == START + 60 * HOUR
    assert found.spikes[0].change == pytest.approx(0.5984, abs=1e-4)


def test_still_and_empty_stretches_are_counted() -> None:
    """Empty bars, bars without volume that are not flagged, and the longest still run."""
    series = make_series(range(10))
    flat = np.full(10, 10_000)
    volume = np.array([1, 0, 0, 0, 1, 0, 1, 1, 0, 0])
    state = np.where(volume == 0, BarState.EMPTY, BarState.TRADED).astype(np.uint8)
    state[5] = BarState.TRADED
    found = check_bars(
        replace(series, open=flat, high=flat, low=flat, close=flat, volume=volume, state=state)
    )
    assert (found.empty, found.zero_volume, found.longest_still) == (5, 1, 3)


def test_trailing_volatility_sees_only_the_past() -> None:
    """A later return changes nothing before it."""
    returns = np.random.default_rng(3).normal(size=200)
    before = trailing_volatility(returns, 24)
    returns[150] = 50.0
    np.testing.assert_array_equal(trailing_volatility(returns, 24)[:151], before[:151])
    assert np.isinf(before[:24]).all()
    # Of unit normals it is one: π/2·E|x||y| = π/2·2/π.
    assert before[24:].mean() == pytest.approx(1.0, abs=0.1)
