"""What holds of bars whatever they are."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from mettle.adapters.market_data.importers import FileImporter
from mettle.adapters.market_data.importers.exact import to_grid
from mettle.adapters.persistence.lake import MemoryBarStore
from mettle.application.data.resample import resample
from mettle.application.data.series import fill_empty, find_gaps, merge_series
from mettle.application.ports.bar_files import ImportedBars, ImportOptions
from mettle.application.ports.bar_store import BarSeries
from mettle.domain.market import Instrument, Timeframe
from tests.support.candles import assert_same_bars, make_instrument, make_series

hours = st.sets(st.integers(0, 120), min_size=1, max_size=60).map(sorted)
ticks = st.sampled_from(["0.01", "0.001", "0.1", "1"])
lots = st.sampled_from(["0.01", "0.001", "1", "0.000001"])


def rows_of(series: BarSeries, index: list[int]) -> BarSeries:
    """Return some rows of a series."""
    names = ("open_time", "open", "high", "low", "close", "volume", "state")
    return replace(series, **{name: getattr(series, name)[index] for name in names})


@given(st.lists(st.tuples(hours, ticks, lots), min_size=2, max_size=4), st.data())
@settings(max_examples=60, deadline=None)
def test_the_order_of_writes_does_not_matter(
    parts: list[tuple[list[int], str, str]], data: st.DataObject
) -> None:
    """Series without a bar in common give one content, in whatever order they come."""
    seen: set[int] = set()
    series = []
    for hours_, tick, lot in parts:
        coarse = Instrument.coarsen(Decimal(tick), Decimal(lot))
        whole = make_series(hours_, instrument=make_instrument(tick=tick, lot=f"{coarse:f}"))
        fresh = [i for i, hour in enumerate(hours_) if hour not in seen]
        seen.update(hours_)
        if fresh:
            series.append(rows_of(whole, fresh))
    hashes = set()
    for order in (series, data.draw(st.permutations(series))):
        store = MemoryBarStore()
        for one in order:
            store.write(one)
        hashes.add(store.catalogue()[0].content_hash)
    assert len(hashes) == 1


@given(hours, hours)
@settings(max_examples=60, deadline=None)
def test_a_merge_keeps_every_bar_once(one: list[int], other: list[int]) -> None:
    """The merged times are the union; merging a series with itself changes nothing."""
    a, b = make_series(one), make_series(other)
    merged = merge_series(a, b)
    assert set(merged.open_time.tolist()) == set(a.open_time.tolist()) | set(b.open_time.tolist())
    assert np.all(np.diff(merged.open_time) > 0)
    assert_same_bars(merge_series(a, a), a)


@given(hours)
@settings(max_examples=60, deadline=None)
def test_gaps_and_bars_make_the_whole_span(rows: list[int]) -> None:
    """Bars held and bars missing add up; filling leaves no gap."""
    series = make_series(rows)
    step = series.timeframe.milliseconds
    missing = sum(gap.bars for gap in find_gaps(series.open_time, step))
    assert len(series) + missing == rows[-1] - rows[0] + 1
    filled, count = fill_empty(series)
    assert count == missing
    assert find_gaps(filled.open_time, step) == ()


@given(st.sets(st.integers(0, 400), min_size=100, max_size=380).map(sorted))
@settings(max_examples=40, deadline=None)
def test_resampling_in_steps_equals_resampling_at_once(rows: list[int]) -> None:
    """5m → 1h equals 5m → 15m → 1h, and no coarse bar uses a fine one outside itself."""
    fine = make_series([*rows, *range(408, 432)], timeframe="5m")
    hour = Timeframe.parse("1h")
    at_once = resample(fine, hour)
    in_steps = resample(resample(fine, Timeframe.parse("15m")), hour)
    assert_same_bars(at_once, in_steps)
    assert at_once.volume.sum() <= fine.volume.sum()
    for i, time in enumerate(at_once.open_time):
        inside = (fine.open_time >= time) & (fine.open_time < time + hour.milliseconds)
        assert inside.sum() == 12
        assert at_once.high[i] == fine.high[inside].max()


@given(st.integers(0, 8), st.lists(st.integers(1, 10**7 - 1), min_size=1, max_size=50))
@settings(max_examples=200, deadline=None)
def test_decimals_are_read_back_from_floats(places: int, units: list[int]) -> None:
    """Whatever decimals were written, the grid holds exactly them."""
    written = [Decimal(unit).scaleb(-places) for unit in units]
    values = np.array([float(value) for value in written])
    grid = to_grid(values, 8)
    assert not grid.off.any()
    assert not grid.noisy.any()
    step = Decimal(1).scaleb(-grid.places)
    assert [int(unit) * step for unit in grid.units] == written
    exponents = [value.normalize().as_tuple().exponent for value in written]
    assert grid.places == max(max(0, -int(one)) for one in exponents)


@given(st.permutations(range(12)), st.sampled_from([",", ";"]))
@settings(max_examples=30, deadline=None)
def test_a_file_in_any_order_gives_the_same_bars(order: list[int], sign: str) -> None:
    """Rows of a CSV may come in any order."""
    series = make_series(range(12))
    header = ["timestamp", "open", "high", "low", "close", "volume"]
    lines = [
        sign.join(
            str(value)
            for value in (
                series.open_time[i], series.open[i] / 100, series.high[i] / 100,
                series.low[i] / 100, series.close[i] / 100, series.volume[i] / 1000,
            )
        )
        for i in order
    ]  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "binance_BTCUSDT_1h.csv"
        path.write_text("\n".join([sign.join(header), *lines]))
        (one,) = FileImporter().read(path, ImportOptions())
    assert isinstance(one, ImportedBars)
    np.testing.assert_array_equal(one.series.open_time, series.open_time)
    instrument = one.series.instrument
    tick, lot = instrument.tick_size / Decimal("0.01"), instrument.lot_size / Decimal("0.001")
    np.testing.assert_array_equal(one.series.close * int(tick), series.close)
    np.testing.assert_array_equal(one.series.volume * int(lot), series.volume)
