"""What every candle lake keeps to."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mettle.adapters.persistence.lake import MemoryBarStore, ParquetBarStore
from mettle.application.ports.bar_store import BarStore
from mettle.domain.errors import DataError, NotFound
from mettle.domain.market import Symbol, Timeframe
from tests.support.candles import HOUR, START, assert_same_bars, make_instrument, make_series

BTC = Symbol.parse("BTC/USDT")
PERP = Symbol.parse("BTC/USDT:USDT")
H1 = Timeframe.parse("1h")


@pytest.fixture(params=["parquet", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> BarStore:
    """Return an empty lake of each kind."""
    return ParquetBarStore(tmp_path / "lake") if request.param == "parquet" else MemoryBarStore()


class TestBarStore:
    """The contract of ``BarStore``."""

    def test_bars_come_back_as_they_went_in(self, store: BarStore) -> None:
        """Every number, the grid, the fees and the flags survive."""
        series = make_series(range(50), instrument=make_instrument(min_notional="5"))
        line = store.write(series)
        assert_same_bars(store.read(BTC, H1), series)
        assert (line.first, line.last, line.bars) == (START, START + 49 * HOUR, 50)

    def test_an_empty_lake_lists_nothing(self, store: BarStore) -> None:
        """The catalogue of a new lake is empty, and funding is too."""
        assert list(store.catalogue()) == []
        assert [len(part) for part in store.read_funding(PERP)] == [0, 0]

    def test_what_is_not_held_is_not_found(self, store: BarStore) -> None:
        """The error names symbol and timeframe, and how to get them."""
        store.write(make_series(range(3)))
        with pytest.raises(NotFound, match="no 4h bars of BTC/USDT") as error:
            store.read(BTC, Timeframe.parse("4h"))
        assert "mettle data" in error.value.mend

    def test_the_catalogue_is_ordered_and_counts_gaps(self, store: BarStore) -> None:
        """By symbol, then timeframe; runs of missing bars and their sum."""
        store.write(make_series([0, 1, 4, 5, 9]))
        store.write(make_series([0, 1], timeframe="15m"))
        store.write(make_series([0, 1], instrument=make_instrument("ADA/USDT")))
        lines = store.catalogue()
        named = [(str(line.instrument.symbol), line.timeframe.label) for line in lines]
        assert named == [("ADA/USDT", "1h"), ("BTC/USDT", "15m"), ("BTC/USDT", "1h")]
        assert (lines[2].gaps, lines[2].missing) == (2, 5)

    def test_the_new_bar_wins(self, store: BarStore) -> None:
        """A merge keeps old bars, adds new ones, and takes the new where both exist."""
        old, new = make_series(range(10), seed=1), make_series(range(5, 15), seed=2)
        store.write(old)
        line = store.write(new)
        merged = store.read(BTC, H1)
        assert line.bars == 15
        np.testing.assert_array_equal(merged.close[:5], old.close[:5])
        np.testing.assert_array_equal(merged.close[5:], new.close)

    def test_writing_twice_changes_nothing(self, store: BarStore) -> None:
        """The content hash is the same after the same bars came again."""
        series = make_series(range(20))
        assert store.write(series).content_hash == store.write(series).content_hash

    def test_the_hash_tells_bars_apart(self, store: BarStore) -> None:
        """One tick of difference in one bar is another hash."""
        series = make_series(range(20))
        first = store.write(series).content_hash
        high = series.high.copy()
        high[7] += 1
        assert store.write(replace(series, high=high)).content_hash != first

    def test_replace_forgets_the_old_bars(self, store: BarStore) -> None:
        """After a replacement only the new bars are held."""
        store.write(make_series(range(10)))
        new = make_series(range(20, 25))
        assert store.write(new, replace=True).bars == 5
        assert_same_bars(store.read(BTC, H1), new)

    def test_ticks_and_lots_are_reconciled(self, store: BarStore) -> None:
        """The finest tick and lot of both are kept, and every value with them."""
        store.write(make_series([0], instrument=make_instrument(tick="0.01", lot="0.001")))
        store.write(make_series([1], instrument=make_instrument(tick="0.001", lot="0.01")))
        series = store.read(BTC, H1)
        coarse, fine = make_series([0]), make_series([1])
        assert str(series.instrument.tick_size) == "0.001"
        assert str(series.instrument.lot_size) == "0.001"
        assert series.close.tolist() == [coarse.close[0] * 10, fine.close[0]]
        assert series.volume.tolist() == [coarse.volume[0], fine.volume[0] * 10]

    def test_synthetic_and_real_never_mix(self, store: BarStore) -> None:
        """Writing one onto the other is refused, and the held bars stay."""
        real = make_series(range(5))
        store.write(real)
        with pytest.raises(DataError, match="held bars are real, the new ones synthetic"):
            store.write(make_series(range(5, 9), synthetic=True))
        assert_same_bars(store.read(BTC, H1), real)

    def test_two_venues_never_mix(self, store: BarStore) -> None:
        """Bars of another venue are refused."""
        store.write(make_series(range(5)))
        with pytest.raises(DataError, match="of binance, the new ones of kraken"):
            store.write(make_series([9], instrument=make_instrument(venue="kraken")))

    @pytest.mark.parametrize(
        ("name", "value", "reason"),
        [
            ("open_time", [START, START + 2 * HOUR, START + HOUR], "must rise"),
            ("open_time", [START, START + HOUR, START + 2 * HOUR + 1], "must rise on the grid"),
            ("low", [0, 1, 1], "breaks 1 ≤ low"),
            ("high", [1, 1, 1], "breaks 1 ≤ low"),
            ("volume", [1, -1, 1], "volume ≥ 0"),
        ],
    )
    def test_bars_that_cannot_be_are_refused(
        self, store: BarStore, name: str, value: list[int], reason: str
    ) -> None:
        """Order, grid and consistency are checked at the door."""
        column: dict[str, Any] = {name: np.array(value, dtype=np.int64)}
        series = replace(make_series(range(3)), **column)
        with pytest.raises(DataError, match=reason):
            store.write(series)
        assert list(store.catalogue()) == []

    def test_funding_merges(self, store: BarStore) -> None:
        """Settlements are kept by time; the new rate wins."""
        time, rate = np.array([1, 2, 3]), np.array([10, 20, 30])
        store.write_funding(PERP, time, rate)
        store.write_funding(PERP, np.array([3, 0]), np.array([33, 5]))
        held = store.read_funding(PERP)
        assert held[0].tolist() == [0, 1, 2, 3]
        assert held[1].tolist() == [5, 10, 20, 33]
        with pytest.raises(DataError, match="one length"):
            store.write_funding(PERP, time, rate[:2])
