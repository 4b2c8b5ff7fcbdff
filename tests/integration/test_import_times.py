"""Times as files write them: every way that is certain gives the open of the bar, in UTC."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from mettle.application.ports.bar_files import (
    ImportOptions,
    Stamps,
)
from mettle.domain.errors import DataError
from tests.support.bar_files import HEADER, OHLCV, load, rows, said, stamp
from tests.support.candles import HOUR, START


@pytest.mark.parametrize(
    "text",
    [
        "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%SZ", "%Y/%m/%d %H:%M",
        "%Y-%m-%d %I-%p", "%Y-%m-%d %I:%M %p", "%Y-%m-%d %H:%M:%S.000000+00:00",
        "%Y-%m-%d %H:%M:%S UTC",
    ],
)  # fmt: skip
def test_written_times(tmp_path: Path, text: str) -> None:
    """Every way of writing an hour gives the same instants, midnight and noon included."""
    body = "".join(f"{stamp(hour, text)},{OHLCV}\n" for hour in range(26))
    one = load(tmp_path, HEADER + body)
    np.testing.assert_array_equal(one.series.open_time, START + HOUR * np.arange(26))


@pytest.mark.parametrize("unit", [1, 1_000, 1_000_000, 1_000_000_000])
def test_unix_times_of_every_unit(tmp_path: Path, unit: int) -> None:
    """Seconds, milliseconds, microseconds and nanoseconds are told apart by size."""
    body = "".join(f"{(START + HOUR * i) // 1000 * unit},{OHLCV}\n" for i in range(3))
    one = load(tmp_path, HEADER + body)
    assert one.series.open_time.tolist() == [START, START + HOUR, START + 2 * HOUR]


def test_mixed_units_are_reported(tmp_path: Path) -> None:
    """An export that changed from seconds to milliseconds is read, and said to be so."""
    body = f"{START // 1000},{OHLCV}\n{START + HOUR},{OHLCV}\n{START + 2 * HOUR},{OHLCV}\n"
    one = load(tmp_path, HEADER + body)
    assert one.series.open_time.tolist() == [START, START + HOUR, START + 2 * HOUR]
    assert "1 in seconds, 2 in milliseconds @2" in said(one)


def test_local_times_over_a_change_of_the_clocks(tmp_path: Path) -> None:
    """The repeated hour of autumn is two bars, since the offsets differ."""
    times = ("02:00:00+02:00", "02:00:00+01:00", "03:00:00+01:00")
    body = "".join(f"2020-10-25 {time},{OHLCV}\n" for time in times)
    one = load(tmp_path, HEADER + body)
    assert np.diff(one.series.open_time).tolist() == [HOUR, HOUR]


def test_close_stamps(tmp_path: Path) -> None:
    """Told so, or seen in the column's name or in every stamp ending in 59:59.999."""
    told = load(tmp_path, HEADER + rows(1, 2), ImportOptions(stamps=Stamps.CLOSE))
    named = load(tmp_path, HEADER.replace("timestamp", "close_time") + rows(1, 2))
    seen = load(tmp_path, HEADER + "".join(f"{START + HOUR * i - 1},{OHLCV}\n" for i in (1, 2)))
    for one in (told, named, seen):
        assert one.series.open_time.tolist() == [START, START + HOUR]
        assert "close times turned into opens" in said(one)


def test_stamps_off_the_grid_are_refused(tmp_path: Path) -> None:
    """Daily bars of another zone's midnight would look into the future on our grid."""
    body = "".join(f"2020-01-0{day}T08:00:00Z,{OHLCV}\n" for day in (1, 2, 3))
    with pytest.raises(DataError, match="28800 s off the grid of 1d"):
        load(tmp_path, HEADER + body, name="binance_BTCUSDT_1d.csv")
