"""Trades by average cost: hand-computed cases."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
from mettle.domain.errors import InvalidValue
from mettle.domain.market import FeeSchedule, Instrument, Liquidity, Symbol
from mettle.domain.money import Money, Price, Quantity
from mettle.domain.orders import Fill, Side
from mettle.domain.performance import fill_rows, fill_totals, trade_table
from mettle.domain.performance import statistics as stats
from tests.support.backtests import fills

BUY, SELL = 1, -1
UNITS = np.array([100])


def rows(table: np.ndarray, *names: str) -> list[tuple[int, ...]]:
    """Return the named columns as tuples."""
    return [tuple(int(one[name]) for name in names) for one in table]


def test_a_round_trip() -> None:
    """Buy 10 at 50, sell 10 at 60: 100 ticks·lots, less both fees."""
    table = trade_table(fills((1, BUY, 10, 50, 7), (4, SELL, 10, 60, 9)), UNITS)
    assert rows(table, "opened", "closed", "lots", "basis", "exit") == [(1, 4, 10, 50_000, 60)]
    assert rows(table, "side", "gross", "fee", "net") == [(1, 10_000, 16, 9_984)]


def test_a_partial_exit_releases_its_share() -> None:
    """Half out, then the rest: fees and basis split with the floor, nothing is lost."""
    table = trade_table(
        fills((1, BUY, 3, 50, 10), (2, BUY, 2, 55, 1), (3, SELL, 2, 60, 4), (5, SELL, 3, 40, 5)),
        UNITS,
    )
    basis = 15_000 + 11_000
    assert rows(table, "lots", "basis", "fee", "opened") == [
        (2, basis * 2 // 5, 11 * 2 // 5 + 4, 1),
        (3, basis - basis * 2 // 5, 11 - 11 * 2 // 5 + 5, 1),
    ]
    assert table["gross"].tolist() == [12_000 - 10_400, 12_000 - 15_600]


def test_a_turn_closes_one_and_opens_the_other() -> None:
    """Long 4 becomes short 6: the fee of the turning fill is split by lots."""
    table = trade_table(fills((1, BUY, 4, 50, 3), (2, SELL, 10, 55, 20), (3, BUY, 6, 45, 6)), UNITS)
    assert rows(table, "side", "lots", "gross", "fee", "opened", "closed") == [
        (1, 4, 2_000, 3 + 8, 1, 2),
        (-1, 6, 6_000, 12 + 6, 2, 3),
    ]


@pytest.mark.parametrize("partial", [False, True])
def test_funding_belongs_to_the_position_held(partial: bool) -> None:
    """Of the bars while it was held; the opening bar's too, the bar after it not."""
    given = fills((2, BUY, 4, 50, 0), (5, SELL, 4, 50, 0), (7, SELL, 2, 50, 0), (9, BUY, 2, 50, 0))
    if partial:
        given = fills(
            (2, BUY, 4, 50, 0), (5, SELL, 1, 50, 0), (5, SELL, 3, 50, 0), (7, SELL, 2, 50, 0),
            (9, BUY, 2, 50, 0),
        )  # fmt: skip
    funding = np.zeros((10, 1), dtype=np.int64)
    for bar, amount in ((2, -8), (4, -4), (5, -12), (7, 3), (8, 30), (9, 300)):
        funding[bar - 1, 0] = amount
    table = trade_table(given, UNITS, funding, start=0)
    long = [-24 // 4, -24 + 24 // 4] if partial else [-24]
    assert table["funding"].tolist() == [*long, 333]


def test_slippage_of_both_ends_is_named() -> None:
    """|fill − reference| of entry and exit; it is inside the gross already."""
    given = fills((1, BUY, 10, 50, 0), (2, SELL, 10, 60, 0))
    given["reference"] = [49, 62]
    table = trade_table(given, UNITS)
    assert table["slippage"].tolist() == [3_000]
    assert table["net"].tolist() == [10_000]


def test_assets_keep_the_order_of_execution() -> None:
    """Two assets, interleaved."""
    rest = [fills((2, SELL, 1, 11, 0), asset=1), fills((3, SELL, 1, 12, 0))]
    given = np.concatenate([fills((1, BUY, 1, 10, 0)), fills((1, BUY, 1, 20, 0), asset=1), *rest])
    assert trade_table(given, np.array([1, 1]))["asset"].tolist() == [1, 0]
    assert len(trade_table(given[:2], np.array([1, 1]))) == 0
    assert len(trade_table(given[:0], np.array([1, 1]))) == 0


def test_totals_exceed_64_bits_where_they_must() -> None:
    """A sum of notionals is exact beyond int64."""
    given = fills(*((i, BUY, 10**9, 10**7, 5) for i in range(1, 6)))
    given["maker"] = [1, 0, 0, 0, 1]
    given["reference"] -= 1
    totals = fill_totals(given, UNITS)
    assert totals.notional == 5 * 10**18
    assert totals.maker_notional == 2 * 10**18
    assert (totals.count, totals.fee, totals.slippage) == (5, 25, 5 * 10**11)
    huge = fills(*((i, BUY, 10**9, 9 * 10**7, 0) for i in range(1, 6)))
    assert fill_totals(huge, UNITS).notional == 45 * 10**18
    assert fill_totals(given[:0], UNITS).count == 0


BTC = Instrument(
    Symbol.parse("BTC/USDT"), Decimal("0.01"), Decimal("0.001"), FeeSchedule.flat(1, 2)
)


def domain_fill(side: Side, price: str, fee: Money, at: int) -> Fill:
    """Return a fill of 0.002 BTC."""
    return Fill(
        f"t{at}", "c", BTC.symbol, side, Quantity.of("0.002"), Price.of(price), fee,
        Liquidity.MAKER, at,
    )  # fmt: skip


def test_domain_fills_give_the_same_trades() -> None:
    """Ticks, lots and fees in whole units; the bar is the instant."""
    given = [
        domain_fill(Side.BUY, "100.00", Money.of("0.0002", "USDT"), 1_000),
        domain_fill(Side.SELL, "110.00", Money.of("0.0003", "USDT"), 5_000),
    ]
    table = trade_table(fill_rows(given, {BTC.symbol: BTC}), [BTC.unit_value])
    assert rows(table, "opened", "closed", "gross", "fee") == [(1_000, 5_000, 2_000_000, 50_000)]


def test_a_fee_in_another_currency_is_refused() -> None:
    """It must be converted first, at a stated rate."""
    given = [domain_fill(Side.BUY, "100.00", Money.of("0.1", "BNB"), 1)]
    with pytest.raises(InvalidValue, match="BNB"):
        fill_rows(given, {BTC.symbol: BTC})


def test_statistics_by_hand() -> None:
    """Five trades: two wins, two losses, one even."""
    net = np.array([3.0, 1.0, 0.0, -1.0, -1.0])
    assert stats.hit_rate(net) == 0.4
    assert stats.profit_factor(net) == 2.0
    assert stats.expectancy(net) == pytest.approx(0.4)
    assert stats.streaks(net) == (2, 2)
    assert stats.streaks(np.array([1.0, -1.0, 1.0, 1.0, 1.0, 0.0, 1.0])) == (3, 1)


def test_statistics_of_nothing_are_none() -> None:
    """No trade, no loser: undefined."""
    none = np.empty(0)
    assert stats.hit_rate(none) is None
    assert stats.expectancy(none) is None
    assert stats.profit_factor(np.array([1.0])) is None
    assert stats.streaks(none) == (0, 0)


def test_wilson_interval_of_a_known_case() -> None:
    """7 of 10 at 95 %: 0.397 to 0.892 (Newcombe 1998)."""
    assert stats.wilson_interval(7, 10, 1.959964) == pytest.approx((0.3968, 0.8922), abs=1e-4)
    assert stats.wilson_interval(0, 10, 1.96)[0] == 0.0
    assert stats.wilson_interval(10, 10, 1.96)[1] == 1.0
