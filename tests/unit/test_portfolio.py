"""Positions and equity of one account, worked out by hand."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest
from mettle.domain.errors import InvalidValue, MettleError, NotFound
from mettle.domain.ledger import WALLET, Portfolio, Position, released_basis
from mettle.domain.market import Liquidity, Symbol
from mettle.domain.money import Money, Price, Quantity
from mettle.domain.orders import Fill, Side

SPOT = Symbol("BTC", "USDT")
PERPETUAL = Symbol("BTC", "USDT", "USDT")
BNB = Symbol("BNB", "USDT")
MARKS = {SPOT: Price.of(110), PERPETUAL: Price.of(90), BNB: Price.of(310)}


def usdt(amount: str) -> Money:
    """Return US dollars in tether."""
    return Money.of(amount, "USDT")


def portfolio() -> Portfolio:
    """Return an account with 1,000 USDT."""
    return Portfolio(usdt("1000"), 0, 0)


def fill(
    number: int,
    side: Side,
    quantity: str,
    price: str,
    fee: str = "0 USDT",
    symbol: Symbol = SPOT,
) -> Fill:
    """Return a fill."""
    amount, currency = fee.split()
    return Fill(
        str(number),
        f"c{number}",
        symbol,
        side,
        Quantity.of(quantity),
        Price.of(price),
        Money.of(amount, currency),
        Liquidity.TAKER,
        number,
    )


def test_a_position_averages_its_cost() -> None:
    """Bought at 100 and 106, half sold at 110."""
    position = Position(SPOT)
    position = position.after(Side.BUY, Quantity.of(1), Price.of(100), Decimal("0.1"))
    position = position.after(Side.BUY, Quantity.of(1), Price.of(106), Decimal("0.1"))
    assert position.average_price == Price.of(103)
    position = position.after(Side.SELL, Quantity.of(1), Price.of(110))
    assert (position.realised, position.fees) == (Decimal(7), Decimal("0.2"))
    assert position.unrealised(Price.of(104)) == 1
    assert position.value(Price.of(104)) == 104


def test_a_position_flips_through_flat() -> None:
    """Selling 3 of 2 leaves one short at the price of the sale."""
    long = Position(SPOT).after(Side.BUY, Quantity.of(2), Price.of(100))
    short = long.after(Side.SELL, Quantity.of(3), Price.of(90))
    assert [short.quantity, short.basis, short.realised] == [-1, 90, -20]
    assert (long.sign, short.sign, Position(SPOT).sign) == (1, -1, 0)
    assert short.unrealised(Price.of(80)) == 10
    flat = short.after(Side.BUY, Quantity.of(1), Price.of(90))
    assert [flat.quantity, flat.basis, flat.average_price] == [0, 0, None]


def test_released_cost_is_floored_to_a_unit() -> None:
    """A third of 1 is 0.33333333, of a unit nothing; the last part takes the rest."""
    assert released_basis(Decimal(1), Decimal(1), Decimal(3)) == Decimal("0.33333333")
    assert released_basis(Decimal("1e-8"), Decimal(1), Decimal(3)) == 0
    assert released_basis(Decimal(1), Decimal(3), Decimal(3)) == 1


def test_equity_is_explained_in_every_currency_of_fees() -> None:
    """Quote, base and a third coin that is owed afterwards."""
    one = portfolio()
    assert one.apply(fill(1, Side.BUY, "2", "100", "0.5 USDT"), 1)
    assert one.apply(fill(2, Side.BUY, "1", "102", "0.001 BTC"), 1)
    assert one.apply(fill(3, Side.SELL, "1", "105", "0.01 BNB"), 1, usdt("300"))
    one.check_identity(MARKS)
    assert one.cash == usdt("1000") - usdt("200.5") - usdt("102") + usdt("105")
    assert one.fees == Decimal("0.5") + Decimal("0.102") + Decimal(3)
    assert one.position(SPOT).quantity == Decimal("1.999")
    assert one.position(BNB).quantity == Decimal("-0.01")
    assert [position.symbol for position in one.positions] == [BNB, SPOT]


def test_a_perpetual_never_moves_its_notional() -> None:
    """Ten contracts at 100 cost only the fee; profit comes when they are closed."""
    one = portfolio()
    one.apply(fill(1, Side.SELL, "10", "100", "1 USDT", PERPETUAL), 1)
    assert one.cash == usdt("999")
    assert one.equity(MARKS) == usdt("1099")
    one.apply(fill(2, Side.BUY, "4", "95", "0 USDT", PERPETUAL), 1)
    assert one.cash == usdt("1019")
    one.check_identity(MARKS)
    assert one.unrealised(MARKS) == 60


def test_a_perpetual_fill_that_comes_late_again_is_known() -> None:
    """Its realised profit is that of its first booking, though the position has moved on."""
    one = portfolio()
    closing = fill(2, Side.BUY, "4", "95", "0 USDT", PERPETUAL)
    one.apply(fill(1, Side.SELL, "10", "100", "0 USDT", PERPETUAL), 1)
    one.apply(closing, 1)
    one.apply(fill(3, Side.SELL, "7", "91", "0 USDT", PERPETUAL), 1)
    equity = one.equity(MARKS)
    assert not one.apply(closing, 77)
    assert one.equity(MARKS) == equity
    with pytest.raises(InvalidValue, match="booked with other content"):
        one.apply(fill(2, Side.BUY, "5", "95", "0 USDT", PERPETUAL), 77)


def test_flows_and_funding_are_apart_from_profit() -> None:
    """Money in and out, an airdrop, a correction and two settlements."""
    one = portfolio()
    assert one.deposit("d", usdt("50"), 1, 1)
    assert one.withdraw("w", usdt("20"), 1, 1)
    assert one.adjust("x", usdt("-1"), (1, 1))
    assert one.adjust("a", Money.of("2", "BNB"), (1, 1), Price.of(300))
    assert one.settle_funding("f1", usdt("-3"), 1, 1)
    assert one.settle_funding("f2", usdt("1"), 1, 1)
    one.check_identity(MARKS)
    assert [one.opening, one.flows, one.funding] == [1000, 629, -2]
    assert one.equity(MARKS) == usdt("1027") + usdt("620")


def test_what_comes_twice_counts_once() -> None:
    """Every kind of event has an id."""
    one = portfolio()
    for _ in range(2):
        first = [
            one.deposit("d", usdt("50"), 1, 1),
            one.withdraw("w", usdt("1050"), 1, 1),
            one.adjust("a", Money.of("2", "BNB"), (1, 1), Price.of(300)),
            one.settle_funding("f", usdt("-3"), 1, 1),
        ]
    assert first == [False] * 4
    assert one.cash == usdt("-3")


def test_nobody_withdraws_what_is_not_there() -> None:
    """To the last cent, and no further."""
    one = portfolio()
    with pytest.raises(InvalidValue, match=r"cannot withdraw 1000\.01 USDT, the wallet holds 1000"):
        one.withdraw("w", usdt("1000.01"), 1, 1)
    assert one.withdraw("w", usdt("1000"), 1, 1)


def test_other_currencies_need_a_price() -> None:
    """A deposit of a coin is an adjustment with a price, and another quote is another account."""
    one = portfolio()
    coin = Money.of("1", "BNB")
    with pytest.raises(InvalidValue, match="kept in USDT, was given 1 BNB") as caught:
        one.deposit("d", coin, 1, 1)
    assert "adjust" in caught.value.mend
    attempts: tuple[Callable[[], object], ...] = (
        lambda: one.withdraw("w", coin, 1, 1),
        lambda: one.settle_funding("f", coin, 1, 1),
    )
    for attempt in attempts:
        with pytest.raises(InvalidValue, match="kept in USDT"):
            attempt()
    with pytest.raises(InvalidValue, match="1 BNB needs its price in USDT"):
        one.adjust("a", coin, (1, 1))
    with pytest.raises(InvalidValue, match="a fee in BNB needs its price in USDT, was None"):
        one.apply(fill(1, Side.BUY, "1", "100", "1 BNB"), 1)
    with pytest.raises(InvalidValue, match="needs its price in USDT, was 1 EUR"):
        one.apply(fill(1, Side.BUY, "1", "100", "1 BNB"), 1, Money.of(1, "EUR"))
    for symbol in (Symbol("BTC", "EUR"), Symbol("BTC", "USDT", "BTC")):
        with pytest.raises(InvalidValue, match="does not trade and settle in USDT"):
            one.apply(fill(1, Side.BUY, "1", "100", symbol=symbol), 1)
    assert len(one.ledger) == 1


def test_an_open_position_needs_a_mark() -> None:
    """A closed one does not."""
    one = portfolio()
    one.apply(fill(1, Side.BUY, "1", "100"), 1)
    with pytest.raises(NotFound, match="no mark for BTC/USDT, of which 1 are held"):
        one.equity({})
    one.apply(fill(2, Side.SELL, "1", "101"), 1)
    assert one.equity({}) == usdt("1001")


def test_a_broken_account_is_found() -> None:
    """A position that the ledger does not hold, and money that nothing explains."""
    one = portfolio()
    one.apply(fill(1, Side.BUY, "1", "100"), 1)
    one.flows = Decimal(5)
    with pytest.raises(MettleError, match=r"equity 1010 differs from .* 1015"):
        one.check_identity(MARKS)
    one.ledger._balances[WALLET, "BTC"] = Decimal(3)
    with pytest.raises(MettleError, match="fills make 1, the ledger holds 3"):
        one.check_identity(MARKS)
