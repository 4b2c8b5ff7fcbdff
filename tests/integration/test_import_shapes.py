"""Small files of every shape: what is certain is mended, what is not is refused."""

from __future__ import annotations

import gzip
import zipfile
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from mettle.adapters.market_data.importers import FileImporter
from mettle.adapters.persistence.lake import MemoryBarStore
from mettle.application.data.imports import ImportBars
from mettle.application.ports.bar_files import (
    BadRows,
    ImportedBars,
    ImportedFunding,
    ImportOptions,
    Keep,
)
from mettle.domain.errors import DataError, MettleError, NotFound
from mettle.domain.market import Symbol, Timeframe
from tests.support.bar_files import HEADER, NAME, OHLCV, PLAIN, load, rows, said, stamp
from tests.support.candles import HOUR, START


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (rows(0) + f"yesterday,{OHLCV}\n", "line 3: the time 'yesterday' is not understood"),
        (rows(0) + f"2020-02-30 00:00,{OHLCV}\n", "line 3: the time '2020-02-30 00:00'"),
        (rows(0) + f"01/02/2020 03:00,{OHLCV}\n", "line 3: the time '01/02/2020 03:00'"),
        (rows(0) + f"2020-01-01 13-PM,{OHLCV}\n", "line 3: the time '2020-01-01 13-PM'"),
        (rows(0) + f"2020-01-01 01:00+01:00,{OHLCV}\n", "line 2: the time names no zone"),
        (rows(0) + f",{OHLCV}\n", "line 3: timestamp is empty"),
        (f"12345,{OHLCV}\n", "line 2: the time '12345' is not understood"),
        (rows(0) + f"{stamp(1)},1,2,x,2,10\n", "line 3: low is 'x', not a number"),
        (rows(0) + f"{stamp(1)},1,2\n", "line 3 has 3 fields, the header 6"),
        (rows(0) + f"{stamp(1)},,2,1,2,10\n", "line 3: a price or the volume is empty"),
        (rows(0) + f"{stamp(1)},1,2,-1,2,10\n", "line 3: prices must be positive"),
        (rows(0) + f"{stamp(1)},0,0,0,0,0\n", "line 3: prices must be positive"),
        (rows(0) + f"{stamp(1)},3,2,1,2,10\n", "line 3: the high is not the highest"),
        (rows(0) + f"{stamp(1)},1,2,1.5,2,10\n", "line 3: the low is not the lowest"),
        (rows(0) + f"{stamp(1)},1,2,1,2,-5\n", "line 3: the volume is negative"),
        (rows(0) + f"{stamp(1)},1,inf,1,2,5\n", "line 3: a price or the volume is empty or inf"),
        (rows(0, 1) + f"2020-01-01 02:30,{OHLCV}\n", "line 4: this bar is 5400 s after"),
        (rows(0, 1) + f"{stamp(1)},1.5,9,1.25,2.0,10\n", "lines 3 and 4 give different bars"),
        ("", "has a header but no rows"),
        (rows(0, 24, 48), "never closer than 1440 min"),
    ],
)  # fmt: skip
def test_refused_with_line_and_reason(tmp_path: Path, body: str, reason: str) -> None:
    """The first line that has no certain meaning is named, and nothing is imported."""
    with pytest.raises(DataError) as error:
        load(tmp_path, HEADER + body)
    assert reason in error.value.message
    assert NAME in error.value.message


def test_lines_count_comments_and_blank_ones(tmp_path: Path) -> None:
    """The number in the message is the one that an editor shows."""
    text = f"made by hand\n\n{HEADER}{rows(0)}# a remark\n\n{stamp(1)},3,2,1,2,10\n"
    with pytest.raises(DataError, match="line 7: the high is not the highest"):
        load(tmp_path, text)


def test_bad_rows_can_be_dropped(tmp_path: Path) -> None:
    """With --bad drop they are left out, counted by reason, and their bars are missing."""
    body = rows(0) + f"{stamp(1)},3,2,1,2,10\n{stamp(2)},1,2,-1,2,10\n" + rows(3)
    one = load(tmp_path, HEADER + body, ImportOptions(bad=BadRows.DROP))
    assert one.series.open_time.tolist() == [START, START + 3 * HOUR]
    assert "1 rows dropped: the high is not the highest @3" in said(one)
    assert "1 rows dropped: prices must be positive @4" in said(one)


def test_blank_rows_before_inside_and_after(tmp_path: Path) -> None:
    """Rows without any price are no bars; where they stood is reported."""
    blank = "".join(f"{stamp(hour)},,NaN,,,\n" for hour in (0, 1))
    inside, after = f"{stamp(3)},,,,,\n", f"{stamp(5)},,,,,\n"
    one = load(tmp_path, HEADER + blank + rows(2) + inside + rows(4) + after)
    assert one.series.open_time.tolist() == [START + 2 * HOUR, START + 4 * HOUR]
    for words in (
        "2 rows without prices before",
        "1 rows without prices left out",
        "1 rows without prices after",
    ):
        assert words in said(one)


def test_identical_duplicates_are_dropped(tmp_path: Path) -> None:
    """They are counted, with the first line."""
    one = load(tmp_path, HEADER + rows(0, 1, 1, 2))
    assert len(one.series) == 3
    assert "1 identical duplicates dropped @4" in said(one)


@pytest.mark.parametrize(("keep", "close"), [(Keep.FIRST, 200), (Keep.LAST, 240)])
def test_conflicting_duplicates_by_choice(tmp_path: Path, keep: Keep, close: int) -> None:
    """First and last mean the order of the file."""
    text = HEADER + rows(0, 1) + rows(1, values="1.5,2.5,1.25,2.4,10")
    one = load(tmp_path, text, ImportOptions(keep=keep, tick=Decimal("0.01")))
    assert one.series.close[1] == close
    assert f"conflicting duplicates: the {keep.value} kept" in said(one)


def test_other_separators_and_encodings(tmp_path: Path) -> None:
    """Semicolons, tabs and a byte-order mark are read; other encodings are refused."""
    for sign in (";", "\t"):
        one = load(tmp_path, "\ufeff" + (HEADER + rows(0, 1)).replace(",", sign))
        assert len(one.series) == 2
    with pytest.raises(DataError, match="not UTF-8"):
        load(tmp_path, HEADER.encode() + b"\xff\xfe,1,2,1,2,1\n")


def test_archives(tmp_path: Path) -> None:
    """Gzip and a zip of one file are unpacked, whatever they are called; damage is named."""
    text = (HEADER + rows(0, 1)).encode()
    packed = gzip.compress(text)
    assert len(load(tmp_path, packed).series) == 2
    with zipfile.ZipFile(tmp_path / "BTCUSDT-1h.zip", "w") as archive:
        archive.writestr("BTCUSDT-1h.csv", text)
    (found,) = FileImporter().read(tmp_path / "BTCUSDT-1h.zip", PLAIN)
    assert isinstance(found, ImportedBars)
    with pytest.raises(DataError, match="damaged archive"):
        load(tmp_path, packed[:-9])


def test_the_archive_of_binance_without_a_header(tmp_path: Path) -> None:
    """Twelve columns of numbers are Binance's klines."""
    body = "".join(
        f"{START + HOUR * i},{OHLCV},{START + HOUR * (i + 1) - 1},20.0,5,5.0,10.0,0\n"
        for i in range(3)
    )
    one = load(tmp_path, body, name="BTCUSDT-1h-2020-01.csv")
    assert (len(one.series), str(one.series.instrument.symbol)) == (3, "BTC/USDT")
    assert "two volume columns: volume taken as base units" in said(one)


def test_unnamed_columns_need_one_order(tmp_path: Path) -> None:
    """Where several orders fit every bar the order must be named."""
    body = "".join(f"{START + HOUR * i},2,2,2,2,1\n" for i in range(3))
    with pytest.raises(DataError, match="order of the four price columns is not certain"):
        load(tmp_path, body)
    columns = ("open", "high", "low", "close")
    assert len(load(tmp_path, body, ImportOptions(columns=columns)).series) == 3


@pytest.mark.parametrize(
    "text",
    [
        '[[{0},"1.5","2.5","1.25","2.0","10",0],[{1},"1.5","2.5","1.25","2.0","10",0]]',
        "[{0},1.5,2.5,1.25,2.0,10]\n[{1},1.5,2.5,1.25,2.0,10]\n",
        '{{"t":{0},"o":1.5,"h":2.5,"l":1,"c":2,"v":9}}\n{{"t":{1},"o":2,"h":2.51,"l":2,"c":2,"v":9}}',
        '{{"request":"a","response":"[[{0},1.5,2.5,1.25,2.0,10],[{1},1.5,2.5,1.25,2.0,10]]"}}',
    ],
)
def test_json_of_every_shape(tmp_path: Path, text: str) -> None:
    """Arrays, objects, lines of either, and answers inside a record."""
    one = load(tmp_path, text.format(START, START + HOUR), name="BTC_USDT-1h.json")
    assert one.series.open_time.tolist() == [START, START + HOUR]
    assert (one.series.high[0], str(one.series.instrument.tick_size)) == (250, "0.01")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"request":"a","response":"[\\"error\\",10020,\\"limit\\"]"}', "line 1 holds no candle"),
        ("[1577836800000,1,2,1,2,10]\n<html>502</html>\n", "line 2 is not JSON"),
        ('{"a":1}\n{"a":2}\n', "no column that says when|lacks the columns"),
        ("[]", "holds no candles"),
    ],
)
def test_json_that_is_no_candles(tmp_path: Path, text: str, reason: str) -> None:
    """Error answers and broken lines are refused with their line."""
    with pytest.raises(DataError, match=reason):
        load(tmp_path, text, name="BTC_USDT-1h.jsonl")


@pytest.mark.parametrize(
    ("name", "symbol", "label", "venue"),
    [
        ("binance_BTCUSDT_1h.csv", "BTC/USDT", "1h", "binance"),
        ("BTC_USDT-1h.csv", "BTC/USDT", "1h", "unknown"),
        ("BTC_USDT_USDT-1h-futures.csv", "BTC/USDT:USDT", "1h", "unknown"),
        ("binance-usdm_ETHUSDT-PERP_1h.csv", "ETH/USDT:USDT", "1h", "binance-usdm"),
        ("kraken-eth-eur-hourly.csv", "ETH/EUR", "1h", "kraken"),
    ],
)
def test_names_say_what_a_file_holds(
    tmp_path: Path, name: str, symbol: str, label: str, venue: str
) -> None:
    """Symbol, timeframe and venue are read off the file's name."""
    one = load(tmp_path, HEADER + rows(0, 1, 2), name=name)
    instrument = one.series.instrument
    found = (str(instrument.symbol), one.series.timeframe.label, instrument.venue)
    assert found == (symbol, label, venue)


def test_options_override_the_name(tmp_path: Path) -> None:
    """What the caller says counts."""
    options = ImportOptions(
        symbols=(Symbol.parse("ETH/EUR"),), timeframe=Timeframe.parse("1h"), venue="kraken"
    )
    one = load(tmp_path, HEADER + rows(0, 1), options, name="candles.csv")
    assert (str(one.series.instrument.symbol), one.series.instrument.venue) == ("ETH/EUR", "kraken")


def test_what_name_and_content_leave_open_is_asked_for(tmp_path: Path) -> None:
    """No symbol, two symbols, and a column that contradicts the name."""
    with pytest.raises(DataError, match="say no symbol") as error:
        load(tmp_path, HEADER + rows(0, 1), name="candles.csv")
    assert "--symbol" in error.value.mend
    with pytest.raises(DataError, match="BTC/USDT or ETH/USDT"):
        load(tmp_path, HEADER + rows(0, 1), name="BTCUSDT_ETHUSDT_1h.csv")
    column = "timestamp,symbol,open,high,low,close,volume\n" + "".join(
        f"{stamp(i)},ETH/USD,{OHLCV}\n" for i in (0, 1)
    )
    with pytest.raises(DataError, match="named BTC/USDT, but its column says ETH/USD"):
        load(tmp_path, column)
    assert str(load(tmp_path, column, name="x.csv").series.instrument.symbol) == "ETH/USD"
    with pytest.raises(DataError, match="several symbols in one column"):
        load(tmp_path, column.replace("ETH/USD", "BTC/USD", 1), name="x.csv")


def test_the_content_says_the_timeframe_or_it_is_asked_for(tmp_path: Path) -> None:
    """Equal steps decide; unknown or uneven ones do not."""
    minutes = "".join(f"2020-01-01 00:{m:02d},{OHLCV}\n" for m in (0, 5, 10, 20))
    assert load(tmp_path, HEADER + minutes, name="BTCUSDT.csv").series.timeframe.label == "5m"
    with pytest.raises(DataError, match=r"timeframe is not certain.*mostly 30 min") as error:
        load(tmp_path, HEADER + rows(0) + f"2020-01-01 00:30,{OHLCV}\n", name="BTCUSDT.csv")
    assert "--timeframe" in error.value.mend
    with pytest.raises(DataError, match="one bar and names no timeframe"):
        load(tmp_path, HEADER + rows(0), name="BTCUSDT.csv")


def test_frames_in_parquet_and_feather(tmp_path: Path) -> None:
    """Typed times of any unit and zone, naive ones with a note; rows are counted from 1."""
    times = [datetime(2020, 1, 1, hour, tzinfo=UTC) for hour in range(3)]
    frame = pl.DataFrame(
        {"date": times, "open": [1.5] * 3, "high": [2.5] * 3, "low": [1.25] * 3,
         "close": [2.0] * 3, "volume": [10] * 3}
    )  # fmt: skip
    for unit in ("ms", "us", "ns"):
        typed = frame.with_columns(pl.col("date").cast(pl.Datetime(unit, "UTC")))
        typed.write_parquet(tmp_path / "BTC_USDT-1h.parquet")
        typed.write_ipc(tmp_path / "BTC_USDT-1h.feather")
        for kind in ("parquet", "feather"):
            (one,) = FileImporter().read(tmp_path / f"BTC_USDT-1h.{kind}", PLAIN)
            assert isinstance(one, ImportedBars)
            assert one.series.open_time.tolist() == [START, START + HOUR, START + 2 * HOUR]
    naive = frame.with_columns(pl.col("date").dt.replace_time_zone(None))
    naive.write_parquet(tmp_path / "BTC_USDT-1h.parquet")
    (one,) = FileImporter().read(tmp_path / "BTC_USDT-1h.parquet", PLAIN)
    assert isinstance(one, ImportedBars)
    assert "3 times without a zone read as UTC" in said(one)
    frame.with_columns(high=pl.Series([2.5, 1.0, 2.5])).write_parquet(
        tmp_path / "BTC_USDT-1h.parquet"
    )
    with pytest.raises(DataError, match="row 2: the high is not the highest"):
        FileImporter().read(tmp_path / "BTC_USDT-1h.parquet", PLAIN)
    data = (tmp_path / "BTC_USDT-1h.parquet").read_bytes()
    with pytest.raises(DataError, match="damaged Parquet file"):
        load(tmp_path, data[:200], name="BTC_USDT-1h.parquet")


def test_ticks_and_lots_can_be_told(tmp_path: Path) -> None:
    """Prices round to the given tick, volumes floor to the given lot, both reported."""
    text = HEADER + rows(0, 1, values="1.504,2.5,1.25,2.0,10.07")
    options = ImportOptions(tick=Decimal("0.01"), lot=Decimal("0.1"))
    one = load(tmp_path, text, options)
    assert (one.series.open[0], one.series.volume[0]) == (150, 100)
    assert not one.series.instrument.inferred
    assert "2 prices rounded to the tick 0.01 as given @2" in said(one)
    assert "2 volumes floored to lots of 0.1 (as given)" in said(one)
    with pytest.raises(MettleError, match="not a whole number of 1e-8"):
        load(tmp_path, text, ImportOptions(tick=Decimal("0.00001"), lot=Decimal("0.00001")))


def test_volume_columns_that_are_not_enough(tmp_path: Path) -> None:
    """No volume, or only one in quote currency, is refused."""
    with pytest.raises(DataError, match="has no volume column"):
        load(tmp_path, "timestamp,open,high,low,close\n" + f"{stamp(0)},1,2,1,2\n")
    with pytest.raises(DataError, match="only quote_volume, a volume in quote currency"):
        load(tmp_path, HEADER.replace("volume", "quote_volume") + rows(0, 1))


def test_funding_of_a_file(tmp_path: Path) -> None:
    """Rates become whole 1e-8; a spot symbol and a nonsense rate are refused."""
    path = tmp_path / "binance-usdm_BTCUSDT-PERP_funding.csv"
    path.write_text("funding_time,funding_rate\n1577836800004,0.0001\n1577865600000,-0.00012345\n")
    (one,) = FileImporter().read(path, PLAIN)
    assert isinstance(one, ImportedFunding)
    assert one.time.tolist() == [START, START + 8 * HOUR]
    assert one.rate.tolist() == [10_000, -12_345]
    with pytest.raises(DataError, match="BTC/USDT is spot"):
        FileImporter().read(path, ImportOptions(symbols=(Symbol.parse("BTC/USDT"),)))
    path.write_text("funding_time,funding_rate\n1577836800000,0.0001\n1577865600000,7\n")
    with pytest.raises(DataError, match="line 3: funding_rate is 7"):
        FileImporter().read(path, PLAIN)


def test_files_of_no_kind_and_no_place(tmp_path: Path) -> None:
    """Missing, empty and binary files are told apart."""
    with pytest.raises(NotFound, match="no file"):
        FileImporter().read(tmp_path / "none.csv", PLAIN)
    with pytest.raises(NotFound, match="names no file of candles"):
        FileImporter().expand([str(tmp_path / "*.parquet")])
    for data, reason in (
        (b"", "is empty"),
        (b"\x7fELF\0\0\0", "neither Parquet"),
        (b"FEA1", "version 1"),
    ):
        with pytest.raises(DataError, match=reason):
            load(tmp_path, data)


def test_importing_is_idempotent_and_replaceable(tmp_path: Path) -> None:
    """A second import changes nothing; --replace puts the new file in place of the old bars."""
    path = tmp_path / NAME
    path.write_text(HEADER + rows(0, 1, 2))
    store = MemoryBarStore()
    run = ImportBars(store, FileImporter())
    first = run([str(path)], PLAIN).lines[0].stored
    again = run([str(path)], PLAIN).lines[0].stored
    assert first is not None
    assert again is not None
    assert first.content_hash == again.content_hash
    path.write_text(HEADER + rows(5, 6))
    replaced = run([str(path)], PLAIN, replace=True).lines[0].stored
    assert replaced is not None
    assert (replaced.bars, replaced.first) == (2, START + 5 * HOUR)


def test_replacing_with_several_files_of_one_series(tmp_path: Path) -> None:
    """Monthly files replace the held series together, not each other."""
    for month, hour in (("01", 0), ("02", 3)):
        (tmp_path / f"BTCUSDT-1h-2020-{month}.csv").write_text(HEADER + rows(hour, hour + 1))
    store = MemoryBarStore()
    run = ImportBars(store, FileImporter())
    for _ in range(2):
        run([str(tmp_path)], PLAIN, replace=True)
    assert store.catalogue()[0].bars == 4
