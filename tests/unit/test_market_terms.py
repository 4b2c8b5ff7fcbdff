"""Symbols, timeframes, fees, instruments and bars."""

from __future__ import annotations

from decimal import Decimal

import pytest
from mettle.domain.errors import DataError, InvalidValue
from mettle.domain.market import (
    Bar,
    BarState,
    FeeSchedule,
    FeeTier,
    Instrument,
    InstrumentKind,
    Liquidity,
    Symbol,
    Timeframe,
)
from mettle.domain.money import Price, Quantity
from mettle.domain.simulation import AssetTerms

HOUR = Timeframe.parse("1h")
SPOT = Symbol.parse("BTC/USDT")


def instrument(**changes: object) -> Instrument:
    """Return a BTC/USDT instrument with some fields changed."""
    fields: dict[str, object] = {
        "symbol": SPOT,
        "tick_size": Decimal("0.01"),
        "lot_size": Decimal("0.00001"),
        "fees": FeeSchedule.flat(100, 400),
    }
    return Instrument(**(fields | changes))  # type: ignore[arg-type]  # given by name


@pytest.mark.parametrize(
    ("text", "symbol", "stem"),
    [
        ("BTC/USDT", SPOT, "BTC_USDT"),
        (" btc-usdt ", SPOT, "BTC_USDT"),
        ("BTC_USDT", SPOT, "BTC_USDT"),
        ("BTC/USDT:USDT", Symbol("BTC", "USDT", "USDT"), "BTC_USDT_USDT"),
    ],
)
def test_symbols_are_read_in_the_usual_shapes(text: str, symbol: Symbol, stem: str) -> None:
    """Slash, dash and underscore in any case name the same pair."""
    assert Symbol.parse(text) == symbol
    assert symbol.file_stem == stem
    assert Symbol.parse(str(symbol)) == symbol


@pytest.mark.parametrize("text", ["", "BTC", "BTC/", "BTC USDT", "BTC/USDT:", "../USDT"])
def test_other_text_is_no_symbol(text: str) -> None:
    """An unknown shape is refused with an example."""
    with pytest.raises(InvalidValue, match="unknown symbol") as caught:
        Symbol.parse(text)
    assert "BTC/USDT" in caught.value.mend


def test_timeframes_know_their_length() -> None:
    """Label, seconds and bars of a day and a year belong together."""
    assert (HOUR.label, HOUR.seconds, HOUR.bars_per_day) == ("1h", 3600, 24)
    assert HOUR.bars_per_year == 8760
    assert str(Timeframe.parse(" 15M ")) == "15m"
    assert HOUR.floor(3_600_000 * 5 + 17) == 3_600_000 * 5
    assert Timeframe.parse("4h") > HOUR


def test_unknown_timeframes_are_refused() -> None:
    """Only the listed lengths exist."""
    with pytest.raises(InvalidValue, match="unknown timeframe '7h'") as caught:
        Timeframe.parse("7h")
    assert "1m" in caught.value.mend
    with pytest.raises(InvalidValue, match="was 5 ms"):
        Timeframe(5)


def test_fee_tiers_go_by_volume() -> None:
    """The highest tier whose volume is reached applies."""
    schedule = FeeSchedule((FeeTier(Decimal(0), 6000, 12000), FeeTier(Decimal(10_000), 2500, 4000)))
    assert schedule.tier(Decimal(9_999)).taker_ppm == 12000
    assert schedule.tier(Decimal(10_000)).rate_ppm(Liquidity.MAKER) == 2500
    assert schedule.tier(Decimal(10**9)).rate_ppm(Liquidity.TAKER) == 4000


@pytest.mark.parametrize("rate", [-1, 1_000_000, 0.001])
def test_a_rate_is_a_whole_share(rate: object) -> None:
    """Rates are whole millionths under one."""
    with pytest.raises(InvalidValue, match="maker_ppm must lie in"):
        FeeTier(Decimal(0), rate, 0)  # type: ignore[arg-type]  # the point of the test


@pytest.mark.parametrize(
    ("volumes", "message"),
    [([], "start at volume 0"), ([5], "start at volume 0"), ([0, 7, 7], "must rise")],
)
def test_tiers_start_at_nothing_and_rise(volumes: list[int], message: str) -> None:
    """A schedule answers for every volume in one way."""
    with pytest.raises(InvalidValue, match=message):
        FeeSchedule(tuple(FeeTier(Decimal(volume), 0, 0) for volume in volumes))


def test_an_instrument_counts_in_units() -> None:
    """Ticks, lots and units of 1e-8 quote go both ways."""
    one = instrument(min_notional=Decimal("5.000000001"))
    assert one.kind is InstrumentKind.SPOT
    assert one.unit_value == 10
    assert one.min_notional_units == 500_000_001
    assert one.ticks(Price.of("50000.01")) == 5_000_001
    assert one.lots(Quantity.of("0.5")) == 50_000
    assert one.price(5_000_001) == Price.of("50000.01")
    assert one.quantity(50_000) == Quantity.of("0.5")
    assert str(one.money(-150_000_000)) == "-1.50000000 USDT"


def test_the_step_reads_its_terms_off_an_instrument() -> None:
    """Unit value, lowest fee tier, minimum and kind."""
    perpetual = instrument(symbol=Symbol.parse("BTC/USDT:USDT"), min_notional=Decimal(5))
    assert perpetual.kind is InstrumentKind.PERPETUAL
    assert AssetTerms.of(perpetual) == AssetTerms(10, 100, 400, 500_000_000, is_perpetual=True)
    assert not AssetTerms.of(instrument()).is_perpetual


def test_off_grid_amounts_are_refused() -> None:
    """A price between two ticks has no number of ticks."""
    with pytest.raises(InvalidValue, match=r"BTC/USDT price must be a multiple of 0\.01"):
        instrument().ticks(Price.of("1.005"))
    with pytest.raises(InvalidValue, match="BTC/USDT quantity must be a multiple"):
        instrument().lots(Quantity.of("0.000001"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tick_size": Decimal(0)}, "must be positive"),
        ({"lot_size": Decimal(-1)}, "must be positive"),
        ({"min_notional": Decimal(-1)}, "minimum notional was -1"),
        ({"tick_size": 0.01}, "tick_size must be a Decimal"),
        ({"lot_size": Decimal("1e-7")}, "not a whole number of 1e-8"),
    ],
)
def test_a_bad_instrument_is_refused(changes: dict[str, object], message: str) -> None:
    """Sizes are positive, exact and coarse enough for integer money."""
    with pytest.raises(InvalidValue, match=message):
        instrument(**changes)


def test_a_lot_that_is_too_fine_is_told_the_mend() -> None:
    """Coinbase's 1e-8 BTC at a cent becomes 1e-6."""
    with pytest.raises(InvalidValue) as caught:
        instrument(lot_size=Decimal("1e-8"))
    assert caught.value.mend == "use a lot size of 0.000001"
    assert Instrument.coarsen(Decimal("0.01"), Decimal("0.01")) == Decimal("0.01")


def test_a_bar_keeps_its_prices_in_order() -> None:
    """A whole bar is taken as it is."""
    bar = Bar(SPOT, HOUR, 7_200_000, 10, 12, 9, 11, 5)
    assert bar.close_time == 10_800_000
    assert bar.state is BarState.TRADED


@pytest.mark.parametrize(
    ("prices", "volume"),
    [((10, 9, 9, 10), 1), ((10, 12, 11, 11), 1), ((10, 12, 0, 11), 1), ((10, 12, 9, 11), -1)],
)
def test_an_impossible_bar_is_refused(prices: tuple[int, int, int, int], volume: int) -> None:
    """High and low enclose the body, prices are positive, volume is not negative."""
    with pytest.raises(DataError, match="needs 0 < low"):
        Bar(SPOT, HOUR, 0, *prices, volume)


def test_a_bar_sits_on_the_grid() -> None:
    """A stamp between two opens is refused."""
    with pytest.raises(DataError, match="not on the bar grid"):
        Bar(SPOT, HOUR, 1, 10, 12, 9, 11, 5)
