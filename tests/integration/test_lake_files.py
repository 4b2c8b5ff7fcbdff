"""The Parquet lake on a disk that misbehaves."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl
import pytest
from mettle.adapters.persistence.lake import ParquetBarStore
from mettle.domain.errors import DataError, StorageError
from mettle.domain.market import Symbol, Timeframe
from tests.support.candles import assert_same_bars, make_instrument, make_series

BTC = Symbol.parse("BTC/USDT")
H1 = Timeframe.parse("1h")
_ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Let no file grow beyond ``size`` bytes: the write fails in the middle, as on a full disk."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_one_file_a_series_with_its_metadata_inside(tmp_path: Path) -> None:
    """Folders by symbol, files by timeframe; any Parquet reader sees ticks, lots and the grid."""
    ParquetBarStore(tmp_path).write(make_series(range(30)))
    path = tmp_path / "bars" / "BTC_USDT" / "1h.parquet"
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == [path]
    assert dict(pl.read_parquet_schema(path))["close"] == pl.Int64
    metadata = json.loads(pl.read_parquet_metadata(path)["mettle"])
    assert (metadata["symbol"], metadata["tick_size"], metadata["bars"]) == ("BTC/USDT", "0.01", 30)


def test_a_full_disk_leaves_the_old_content(tmp_path: Path) -> None:
    """The write fails with StorageError; old bars stay readable; no temporary file is left."""
    store, old = ParquetBarStore(tmp_path), make_series(range(20))
    store.write(old)
    with largest_file(4096), pytest.raises(StorageError, match="cannot use") as error:
        store.write(make_series(range(20_000)))
    assert "free some space" in error.value.mend
    assert error.value.exit_code == 1
    assert_same_bars(store.read(BTC, H1), old)
    assert [p.name for p in tmp_path.rglob("*") if p.is_file()] == ["1h.parquet"]


def test_a_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    """A lake that cannot be written says where and what to do."""
    (tmp_path / "lake").write_text("not a folder")
    with pytest.raises(StorageError, match=r"lake.*Not a directory") as error:
        ParquetBarStore(tmp_path / "lake").write(make_series(range(3)))
    assert "--lake" in error.value.mend


@pytest.mark.parametrize("how", ["cut", "flipped", "text", "empty", "foreign"])
def test_a_damaged_file_is_named_with_the_mend(tmp_path: Path, how: str) -> None:
    """Cut off, one bit flipped, or not ours: DataError with the path, never wrong bars."""
    store = ParquetBarStore(tmp_path)
    store.write(make_series(range(2000)))
    path = tmp_path / "bars" / "BTC_USDT" / "1h.parquet"
    data = bytearray(path.read_bytes())
    if how == "cut":
        path.write_bytes(data[: len(data) // 2])
    elif how == "flipped":
        data[len(data) // 3] ^= 0x10
        path.write_bytes(data)
    elif how == "foreign":
        pl.DataFrame({"close": [1.0]}).write_parquet(path)
    else:
        path.write_bytes(b"" if how == "empty" else b"open,high,low\n1,2,3\n")
    with pytest.raises(DataError, match=r"1h\.parquet is damaged") as error:
        store.read(BTC, H1)
    assert "delete it" in error.value.mend


def test_a_file_of_another_schema_is_refused(tmp_path: Path) -> None:
    """A newer version's file is not guessed at."""
    store = ParquetBarStore(tmp_path)
    store.write(make_series(range(3)))
    path = tmp_path / "bars" / "BTC_USDT" / "1h.parquet"
    frame, text = pl.read_parquet(path), pl.read_parquet_metadata(path)["mettle"]
    newer = json.dumps({**json.loads(text), "schema": 2})
    frame.write_parquet(path, metadata={"mettle": newer})
    with pytest.raises(DataError, match="has schema 2, this version reads 1"):
        store.catalogue()


def test_what_a_killed_writer_left_is_swept(tmp_path: Path) -> None:
    """A temporary file of a process that died is not read, and goes at the next write."""
    store = ParquetBarStore(tmp_path)
    store.write(make_series(range(3)))
    folder = tmp_path / "bars" / "BTC_USDT"
    (folder / ".1h.parquet.0123456789ab.tmp").write_bytes(b"half a file")
    assert len(store.catalogue()) == 1
    store.write(make_series(range(3, 6)))
    assert [path.name for path in folder.iterdir()] == ["1h.parquet"]


_WRITER = """
import sys
from pathlib import Path
from mettle.adapters.persistence.lake import ParquetBarStore
from tests.support.candles import make_series
root, part = Path(sys.argv[1]), int(sys.argv[2])
for i in range(5):
    ParquetBarStore(root).write(make_series([part * 5 + i]))
"""


def test_writers_wait_for_each_other(tmp_path: Path) -> None:
    """Three processes that write one series at once lose nothing."""
    workers = [
        subprocess.Popen([sys.executable, "-c", _WRITER, str(tmp_path), str(part)], cwd=_ROOT)
        for part in range(3)
    ]
    assert [worker.wait(timeout=120) for worker in workers] == [0, 0, 0]
    assert len(ParquetBarStore(tmp_path).read(BTC, H1)) == 15


def test_perpetual_and_spot_lie_apart(tmp_path: Path) -> None:
    """A perpetual has its own folder, and funding lies beside the bars."""
    store = ParquetBarStore(tmp_path)
    series = make_series(range(3), instrument=make_instrument("BTC/USDT:USDT"))
    store.write(series)
    store.write_funding(series.instrument.symbol, series.open_time, series.volume)
    files = sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file())
    assert files == ["bars/BTC_USDT_USDT/1h.parquet", "funding/BTC_USDT_USDT.parquet"]
