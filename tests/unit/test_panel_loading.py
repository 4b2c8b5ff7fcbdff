"""From the lake to panels: alignment, gaps, funding."""

from __future__ import annotations

import numpy as np
import pytest
from mettle.adapters.persistence.lake import MemoryBarStore
from mettle.application.data.panel import GapPolicy, align_funding, load_panel
from mettle.domain.errors import DataError, NotFound
from mettle.domain.market import BarState, Symbol, Timeframe
from tests.support.candles import HOUR, START, make_instrument, make_series

BTC, ETH = Symbol.parse("BTC/USDT"), Symbol.parse("ETH/USDT")
H1 = Timeframe.parse("1h")


def lake(btc: list[int], eth: list[int]) -> MemoryBarStore:
    """Return a lake with two series."""
    store = MemoryBarStore()
    store.write(make_series(btc))
    store.write(make_series(eth, seed=2, instrument=make_instrument("ETH/USDT")))
    return store


def test_the_common_window_is_the_default() -> None:
    """From the latest first bar to the earliest last one."""
    panel = load_panel(lake([*range(10)], [*range(3, 14)]), [ETH, BTC], H1)
    assert (panel.open_time[0], len(panel)) == (START + 3 * HOUR, 7)
    assert panel.symbols == (ETH, BTC)
    assert not panel.missing.any()
    assert not panel.synthetic


def test_no_symbols_means_all() -> None:
    """In the order of the catalogue."""
    assert load_panel(lake([0, 1], [0, 1]), [], H1).symbols == (BTC, ETH)


def test_gaps_are_refused_by_default() -> None:
    """The error counts them and names the longest; nothing is filled silently."""
    store = lake([0, 1, 4, 5], [*range(6)])
    with pytest.raises(DataError, match=r"BTC/USDT 1h: 2 of 6 bars are missing in 1 gaps") as error:
        load_panel(store, [BTC, ETH], H1)
    assert "2020-01-01 02:00" in error.value.message
    assert "--gaps mark" in error.value.mend


def test_marked_gaps_hold_the_last_close() -> None:
    """Missing bars say so, hold the price for marking, and split the blocks."""
    store = lake([0, 1, 4, 5], [*range(6)])
    panel = load_panel(store, [BTC, ETH], H1, gaps=GapPolicy.MARK)
    held = store.read(BTC, H1).close[1]
    for name in ("open", "high", "low", "close"):
        assert getattr(panel, name)[2:4, 0].tolist() == [held, held]
    assert panel.volume[2:4, 0].tolist() == [0, 0]
    assert panel.state[:, 0].tolist() == [1, 1, 0, 0, 1, 1]
    assert [tuple(block) for block in panel.blocks()] == [(0, 2), (4, 6)]


def test_before_listing_an_asset_is_missing_at_its_first_open() -> None:
    """A wider window asked for marks what lies before the first bar and after the last."""
    store = lake([*range(8)], [3, 4, 5])
    window = (START, START + 8 * HOUR)
    with pytest.raises(DataError, match="ETH/USDT 1h: 5 of 8 bars are missing in 2 gaps"):
        load_panel(store, [BTC, ETH], H1, *window)
    panel = load_panel(store, [BTC, ETH], H1, *window, GapPolicy.MARK)
    first = store.read(ETH, H1).open[0]
    assert panel.close[:3, 1].tolist() == [first] * 3
    assert panel.missing[:, 1].tolist() == [True] * 3 + [False] * 3 + [True] * 2


def test_a_window_counts_only_its_own_gaps() -> None:
    """A gap outside the window does not matter."""
    store = lake([0, 3, 4, 5, 6], [*range(7)])
    assert len(load_panel(store, [BTC, ETH], H1, START + 3 * HOUR)) == 4


def test_a_gap_at_the_windows_start_holds_the_bar_before_it() -> None:
    """The price before the window marks a gap at its start, not a later one."""
    store = lake([0, 1, 4], [*range(5)])
    panel = load_panel(store, [BTC, ETH], H1, START + 2 * HOUR, None, GapPolicy.MARK)
    assert panel.close[0, 0] == store.read(BTC, H1).close[1]


def test_windows_without_bars_are_not_found() -> None:
    """No common period, or one outside the data."""
    with pytest.raises(NotFound, match="no common bars"):
        load_panel(lake([0, 1], [5, 6]), [BTC, ETH], H1)
    with pytest.raises(NotFound, match="no common bars"):
        load_panel(lake([0, 1], [0, 1]), [BTC], H1, START + 50 * HOUR)
    with pytest.raises(NotFound, match="no 1h bars are held"):
        load_panel(MemoryBarStore(), [], H1)
    with pytest.raises(DataError, match="named twice"):
        load_panel(lake([0, 1], [0, 1]), [BTC, BTC], H1)


def test_funding_at_the_open_and_inside() -> None:
    """Due at an open: that bar's; between two opens: inside; at the close: the next bar's."""
    opens = START + HOUR * np.arange(4)
    time = START + np.array([-HOUR, 0, HOUR // 2, HOUR // 2 + 1, 2 * HOUR, 3 * HOUR + 5, 4 * HOUR])
    rate = np.array([1, 2, 4, 8, 16, 32, 64])
    at_open, inside = align_funding(opens, H1, time, rate)
    assert at_open.tolist() == [2, 0, 16, 0]
    assert inside.tolist() == [12, 0, 0, 32]


def test_funding_of_coarse_bars_is_inside() -> None:
    """A daily bar has one settlement at its open and two inside."""
    time = START + 8 * HOUR * np.arange(6)
    day = Timeframe.parse("1d")
    opens = START + 24 * HOUR * np.arange(2)
    at_open, inside = align_funding(opens, day, time, np.full(6, 100))
    assert (at_open.tolist(), inside.tolist()) == ([100, 100], [200, 200])


def test_funding_comes_with_the_panel() -> None:
    """A perpetual's settlements lie in its column."""
    store = MemoryBarStore()
    perp = make_instrument("BTC/USDT:USDT")
    store.write(make_series(range(20), instrument=perp))
    store.write_funding(perp.symbol, START + 8 * HOUR * np.arange(3), np.array([10, -20, 30]))
    panel = load_panel(store, [perp.symbol], H1)
    assert panel.funding_open[[0, 8, 16], 0].tolist() == [10, -20, 30]
    assert panel.funding_open.sum() == 20
    assert not panel.funding_inside.any()


def test_the_same_bars_give_the_same_hash() -> None:
    """Loading twice gives one hash; another window another."""
    store = lake([*range(10)], [*range(10)])
    one, two = (load_panel(store, [BTC, ETH], H1) for _ in range(2))
    assert one.data_hash == two.data_hash
    assert load_panel(store, [BTC, ETH], H1, START + HOUR).data_hash != one.data_hash


def test_one_synthetic_series_marks_the_panel() -> None:
    """Every face can then say so."""
    store = MemoryBarStore()
    store.write(make_series(range(3), synthetic=True))
    panel = load_panel(store, [BTC], H1)
    assert panel.synthetic
    assert (panel.state == BarState.TRADED).all()
