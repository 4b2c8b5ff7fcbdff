"""The files of the wild, each mended as stated or refused with line and reason."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
from mettle.adapters.market_data.importers import FileImporter
from mettle.adapters.persistence.lake import MemoryBarStore
from mettle.application.data.check import check_bars
from mettle.application.data.imports import ImportBars
from mettle.application.ports.bar_files import (
    Absent,
    BadRows,
    ImportedBars,
    ImportedFunding,
    ImportOptions,
    Mend,
)
from mettle.application.ports.bar_store import BarSeries
from mettle.domain.errors import DataError
from mettle.domain.market import BarState, Symbol, Timeframe
from tests.support.candles import shared

pytestmark = pytest.mark.realdata

PLAIN = ImportOptions()
PRICES = ("open_time", "open", "high", "low", "close")


def read(folder: str, name: str, options: ImportOptions = PLAIN) -> list[ImportedBars]:
    """Import one shared file of bars."""
    found = FileImporter().read(shared(folder, name), options)
    return [one for one in found if isinstance(one, ImportedBars)]


def mends(one: ImportedBars) -> dict[str, Mend]:
    """Return the mends by the first words of what they say."""
    return {mend.what: mend for mend in one.mends}


def the(one: ImportedBars, words: str) -> Mend:
    """Return the mend that says ``words``."""
    found = [mend for what, mend in mends(one).items() if words in what]
    assert len(found) == 1, (words, list(mends(one)))
    return found[0]


def assert_equal(one: BarSeries, other: BarSeries, *names: str) -> None:
    """Check columns for equality."""
    for name in names:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


def test_ten_hourly_files_by_one_glob() -> None:
    """Binance spot: ten symbols, their gaps counted as the manifest counts them."""
    store = MemoryBarStore()
    report = ImportBars(store, FileImporter())(
        [str(shared("ohlcv", "binance_*_1h.parquet"))], PLAIN
    )
    assert report.refusals == ()
    lines = {str(line.instrument.symbol): line for line in store.catalogue()}
    assert len(lines) == 10
    counts = {name: (line.bars, line.gaps, line.missing) for name, line in lines.items()}
    assert counts["BTC/USDT"] == (61246, 27, 122)
    assert counts["ADA/USDT"] == (58732, 25, 88)
    assert counts["DOT/USDT"] == (38285, 10, 20)
    btc = lines["BTC/USDT"].instrument
    assert (btc.venue, btc.tick_size, btc.lot_size, btc.inferred) == (
        "binance", Decimal("0.01"), Decimal("0.000001"), True,
    )  # fmt: skip


def test_prices_are_exact() -> None:
    """The ticks of an hour are the decimals that the venue published."""
    series = read("ohlcv", "binance_BTCUSDT_1h.parquet")[0].series
    bar = (series.open[0], series.high[0], series.low[0], series.close[0], series.volume[0])
    assert bar == (1371565, 1371565, 1340001, 1352901, 443356199)


def test_funding_becomes_whole_rates() -> None:
    """Rates are whole 1e-8, settlements keep their hour."""
    path = shared("funding", "binance-usdm_BTCUSDT-PERP_funding.parquet")
    (found,) = FileImporter().read(path, PLAIN)
    assert isinstance(found, ImportedFunding)
    assert (str(found.symbol), len(found.time)) == ("BTC/USDT:USDT", 5819)
    assert found.rate[0] == 10_000
    assert found.rate.mean() == pytest.approx(12_741.9, abs=0.1)
    assert not np.any(found.time % 28_800_000)


def test_newest_first_with_swapped_volumes() -> None:
    """Bitstamp: turned round; two volumes are told apart row by row, where they are swapped too."""
    (one,) = read("dirty", "bitstamp_BTCUSD_1h_newest_first.csv.gz")
    series = one.series
    assert (str(series.instrument.symbol), series.instrument.venue) == ("BTC/USD", "bitstamp")
    assert (len(series), series.timeframe.label) == (33259, "1h")
    assert the(one, "newest first").count == 33259
    swapped = the(one, "are swapped in these rows")
    assert (swapped.count, swapped.first) == (20143, 12114)
    # 2018-05-15 06:00: 559.93 BTC and 4,906,603.14 USD stand in each other's column.
    assert series.volume[0] * series.instrument.lot_size == Decimal("559.93")
    assert series.volume[-1] * series.instrument.lot_size == Decimal("52.05632")
    assert float(series.volume.max() * series.instrument.lot_size) < 10_000


def test_am_pm_and_a_comment_above_the_header() -> None:
    """Coinbase by the hour: equal to the clean file of the same candles, bar for bar."""
    (one,) = read("dirty", "coinbase_BTCUSD_1h_ampm_comment_header.csv.gz")
    (clean,) = read("ohlcv", "coinbase_BTCUSD_1h.parquet")
    assert_equal(one.series, clean.series, *PRICES, "volume", "state")
    assert the(one, "comment lines above").first == 1
    assert the(one, "AM/PM").count == 20111
    assert the(one, "without a zone read as UTC").count == 20111
    assert the(one, "out of order").count == 5
    assert the(one, "volume_btc taken as base units").count == 20111
    assert the(one, "flagged empty").count == int((one.series.state == BarState.EMPTY).sum()) == 28


def test_newest_first_overlaps_the_other_export() -> None:
    """Two exports of one venue agree where both have a bar."""
    (one,) = read("dirty", "coinbase_BTCUSD_1h_newest_first.csv.gz")
    (other,) = read("dirty", "coinbase_BTCUSD_1h_ampm_comment_header.csv.gz")
    both = np.isin(other.series.open_time, one.series.open_time)
    assert the(one, "volumefrom taken as base units").count > 0
    assert len(one.series) == 17583
    agree = other.series.close[both] == one.series.close[: both.sum()]
    assert agree.mean() > 0.999


def test_a_thin_start_is_imported_and_shown_by_the_check() -> None:
    """Coinbase by the day: still days are flagged empty, the check counts them and the gap."""
    (one,) = read("dirty", "coinbase_BTCUSD_1d_thin_start_spikes.csv.gz")
    found = check_bars(one.series)
    assert (len(one.series), found.empty, found.missing) == (1770, 37, 12)
    assert found.zero_volume == 1
    assert not found.clean


def test_offsets_with_a_change_of_the_clocks() -> None:
    """Local times with +03:00 and +02:00 fall on the UTC bars of the clean file, none lost."""
    (one,) = read("dirty", "binance_usdm_BTCUSDT_1h_utc_offset_dst.csv")
    (clean,) = read("ohlcv", "binance-usdm_BTCUSDT-PERP_1h.parquet")
    assert str(one.series.instrument.symbol) == "BTC/USDT:USDT"
    rows = np.isin(clean.series.open_time, one.series.open_time)
    assert rows.sum() == len(one.series) == 1199
    for name in (*PRICES, "volume"):
        np.testing.assert_array_equal(
            getattr(one.series, name), getattr(clean.series, name)[rows], err_msg=name
        )
    assert "+02:00, +03:00" in the(one, "converted to UTC").what


def test_a_wide_file_needs_its_quote() -> None:
    """Columns of BTC say not against what: refused; with the quote, three series come out."""
    with pytest.raises(DataError, match="columns of BTC do not say against what") as error:
        read("dirty", "bitstamp_wide_leading_nan_1d.csv.gz")
    assert "--quote USD" in error.value.mend
    parts = read("dirty", "bitstamp_wide_leading_nan_1d.csv.gz", ImportOptions(quote="USD"))
    assert [str(one.series.instrument.symbol) for one in parts] == ["BTC/USD", "ETH/USD", "LTC/USD"]
    leading = the(parts[1], "before the first bar left out")
    assert (leading.count, leading.first) == (1077, 2)
    for one in parts:
        (clean,) = read("ohlcv", f"bitstamp_{one.series.instrument.symbol.base}USD_1d.parquet")
        assert_equal(one.series, clean.series, *PRICES, "volume")


def test_a_wide_file_takes_its_symbols() -> None:
    """Symbols given for each group do as well as a quote."""
    symbols = tuple(Symbol.parse(name) for name in ("LTC/USD", "BTC/USD", "ETH/EUR"))
    parts = read("dirty", "bitstamp_wide_leading_nan_1d.csv.gz", ImportOptions(symbols=symbols))
    assert [str(one.series.instrument.symbol) for one in parts] == ["BTC/USD", "ETH/EUR", "LTC/USD"]


def test_raw_answers_tell_their_column_order() -> None:
    """Bitfinex sends open, close, high, low: the only order in which every bar can be."""
    (one,) = read("dirty", "bitfinex_NEOUSD_1m_raw_requests_2018-10.jsonl.gz")
    series = one.series
    assert "time,open,close,high,low,volume" in the(one, "unnamed columns").what
    assert (str(series.instrument.symbol), series.timeframe.label) == ("NEO/USD", "1m")
    assert (len(series), check_bars(series).missing) == (24326, 20314)
    assert series.instrument.tick_size == Decimal("0.000001")
    assert series.close[0] * series.instrument.tick_size == Decimal("18.947")
    assert the(one, "finer than 8 digits").count == 723


def test_absent_minutes_become_empty_bars_only_if_told() -> None:
    """The sparse pair keeps its gaps, unless the caller knows that nobody traded."""
    (plain,) = read("dirty", "XRP_ETH-1m_sparse.feather")
    (told,) = read("dirty", "XRP_ETH-1m_sparse.feather", ImportOptions(absent=Absent.EMPTY))
    assert (len(plain.series), check_bars(plain.series).missing) == (2469, 1091)
    assert (len(told.series), check_bars(told.series).missing) == (3560, 0)
    assert the(told, "absent rows made empty").count == 1091
    empty = told.series.state == BarState.EMPTY
    assert not told.series.volume[empty].any()
    np.testing.assert_array_equal(
        told.series.open[1:][empty[1:]], told.series.close[:-1][empty[1:]]
    )


def test_float_noise_is_removed() -> None:
    """0.00161999999999999 and its like are decimals again; the report says how many."""
    (one,) = read("dirty", "UNITTEST_BTC-1m.feather")
    assert (str(one.series.instrument.symbol), len(one.series)) == ("UNITTEST/BTC", 13681)
    assert the(one, "float noise").count == 5566
    assert one.series.close[0] * one.series.instrument.tick_size == Decimal("0.00162008")


def test_negative_prices_are_refused_with_their_row() -> None:
    """The trap is named with row, values and count; dropping such rows must be asked for."""
    name = "NOT_REAL_synthetic_negative_price_4h.feather"
    with pytest.raises(DataError, match=r"row 1811: prices must be positive: .*\(90 such rows\)"):
        read("dirty", name)
    options = ImportOptions(symbols=(Symbol.parse("BTC/USDT"),), bad=BadRows.DROP)
    (one,) = read("dirty", name, options)
    assert (len(one.series), the(one, "rows dropped").count) == (1810, 90)


def test_a_git_lfs_pointer_is_told_from_data() -> None:
    """The message says what it is and the command that fetches the data."""
    with pytest.raises(DataError, match="this is a Git LFS pointer") as error:
        read("dirty", "lfs_pointer.feather")
    assert "git lfs pull" in error.value.mend


def test_a_perpetual_without_a_name_asks_for_it() -> None:
    """BTC-PERP says not against what."""
    with pytest.raises(DataError, match="no symbol") as error:
        read("ohlcv", "perp-unnamed_BTC-PERP_1m.parquet")
    assert "--symbol" in error.value.mend
    options = ImportOptions(symbols=(Symbol.parse("BTC/USD:USD"),))
    (one,) = read("ohlcv", "perp-unnamed_BTC-PERP_1m.parquet", options)
    assert (len(one.series), one.series.timeframe) == (45031, Timeframe.parse("1m"))


def test_a_folder_imports_what_it_can() -> None:
    """The dirty folder: refusals do not stop the others, and each has its reason."""
    report = ImportBars(MemoryBarStore(), FileImporter())([str(shared("dirty"))], PLAIN)
    refused = {one.path.name for one in report.refusals}
    assert {"lfs_pointer.feather", "NOT_REAL_synthetic_negative_price_4h.feather"} < refused
    assert len(report.lines) + len(report.refusals) == 11
