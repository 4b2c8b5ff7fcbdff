"""Rows of a panel: what is worked out column by column is what each bar alone would say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest
from mettle.application.market import MarketPanel
from mettle.application.market.row import BarRow, panel_rows
from mettle.domain.market import BarState
from mettle.domain.simulation import AssetBar, interpolate_wait
from tests.support.sessions import panel

NAMES = ("BTC/USDT", "ETH/USDT", "SOL/USDT:USDT")


def one_by_one(market: MarketPanel, wait_s: int) -> Iterator[tuple[AssetBar, ...]]:
    """Yield the bars of each instant, number by number."""
    for row in range(len(market)):
        bars = []
        for asset in range(len(market.instruments)):
            fields = (market.open, market.high, market.low, market.close)
            first, high, low, last = (int(field[row, asset]) for field in fields)
            wait = interpolate_wait(first, high, low, last, wait_s, market.timeframe.seconds)
            bars.append(
                AssetBar(
                    first,
                    high,
                    low,
                    last,
                    int(market.volume[row, asset]),
                    bool(market.state[row, asset] == BarState.MISSING),
                    int(market.funding_open[row, asset]),
                    int(market.funding_inside[row, asset]),
                    wait.low,
                    wait.high,
                    wait.price_buy,
                    wait.price_sell,
                )
            )
        yield tuple(bars)


@pytest.mark.parametrize("scale", [1, 10**9])
def test_columns_say_what_each_bar_says(scale: int) -> None:
    """Also with prices whose products leave 64 bits, and over the seam of two stretches."""
    market = panel(1_100, NAMES, gaps=0.02)
    market = replace(
        market,
        open=market.open * scale,
        high=market.high * scale,
        low=market.low * scale,
        close=market.close * scale,
    )
    rows: list[BarRow] = list(panel_rows(market, 0, len(market), 120))
    assert [row.bars for row in rows] == list(one_by_one(market, 120))
    assert all(type(one) is int for row in rows[::97] for bar in row.bars for one in bar[:5])
    assert [row.open_time for row in rows] == market.open_time.tolist()
    assert all(row.close_time - row.open_time == 3_600_000 for row in rows)
    for index, row in enumerate(rows):
        assert np.array_equal(row.close, market.close[index])
        assert row.closes == market.close[index].tolist()


def test_a_part_of_a_panel_begins_and_ends_where_it_is_told() -> None:
    """First and last rows are those of the panel."""
    market = panel(60, NAMES)
    part = list(panel_rows(market, 7, 41, 120))
    assert [row.open_time for row in part] == market.open_time[7:41].tolist()
    assert part[0].bars == next(iter(panel_rows(market, 7, 8, 120))).bars
