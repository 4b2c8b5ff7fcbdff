"""What comes from outside, and what is in suspense, balances like everything else."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mettle.domain.errors import InvalidValue
from mettle.domain.ledger import EXTERNAL, SUSPENSE, EntryKind, Portfolio
from mettle.domain.market import Liquidity, Symbol
from mettle.domain.money import Money, Price, Quantity, total
from mettle.domain.orders import Fill, Side

QUOTE = "USDT"
SPOT, PERPETUAL = Symbol("BTC", QUOTE), Symbol("BTC", QUOTE, QUOTE)
ASSETS = (QUOTE, SPOT.base, str(PERPETUAL))

amounts = st.decimals("-50", "50", places=8).filter(bool)
prices = st.decimals("0.01", "99999", places=2).map(Price.of)
changes = st.tuples(st.sampled_from(ASSETS), amounts, prices, st.booleans())
trades = st.tuples(st.sampled_from([SPOT, PERPETUAL]), amounts, prices)


def adjusted(portfolio: Portfolio, number: int, change: tuple[str, Decimal, Price, bool]) -> bool:
    """Book one change; return whether it was new."""
    asset, amount, price, unexplained = change
    return portfolio.adjust(
        f"x{number}",
        Money.of(amount, asset),
        (number, number),
        None if asset == QUOTE else price,
        unexplained=unexplained,
    )


def traded(portfolio: Portfolio, number: int, trade: tuple[Symbol, Decimal, Price]) -> None:
    """Book one fill."""
    symbol, amount, price = trade
    side = Side.BUY if amount > 0 else Side.SELL
    fee = Money.of("0.01", QUOTE)
    quantity = Quantity.of(amount.copy_abs())
    portfolio.apply(
        Fill(f"{number}", "c", symbol, side, quantity, price, fee, Liquidity.TAKER, number), number
    )


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(changes, trades), min_size=1, max_size=12), prices, prices)
def test_the_identity_holds_through_changes_that_nothing_explains(
    story: list[tuple[tuple[str, Decimal, Price, bool], tuple[Symbol, Decimal, Price]]],
    spot: Price,
    perpetual: Price,
) -> None:
    """Coins, cash and contracts that come and go leave equity explained by flows, exactly."""
    marks = {SPOT: spot, PERPETUAL: perpetual}
    portfolio = Portfolio(Money.of(10_000, QUOTE), 0, 0)
    for number, (change, trade) in enumerate(story):
        assert adjusted(portfolio, number, change)
        portfolio.check_identity(marks)
        equity = portfolio.equity(marks)
        assert not adjusted(portfolio, number, change)
        assert portfolio.equity(marks) == equity
        traded(portfolio, number, trade)
        portfolio.check_identity(marks)
    portfolio.ledger.verify()
    for asset in ASSETS:
        for book, told, unexplained in (
            (EXTERNAL, portfolio.outside, False),
            (SUSPENSE, portfolio.suspended, True),
        ):
            sent = total(one[1] for one, _ in story if (one[0], one[3]) == (asset, unexplained))
            assert told(asset) == sent == -portfolio.ledger.balance(book, asset)


@given(changes)
def test_each_change_is_an_entry_that_sums_to_zero(
    change: tuple[str, Decimal, Price, bool],
) -> None:
    """One leg where it is held, one where it came from, under the right kind."""
    portfolio = Portfolio(Money.of(10_000, QUOTE), 0, 0)
    adjusted(portfolio, 1, change)
    entry = portfolio.ledger.entries[-1]
    asset, amount, _, unexplained = change
    home = "contracts" if asset == str(PERPETUAL) else "wallet"
    book = "suspense" if unexplained else "external"
    assert entry.kind is (EntryKind.SUSPENSE if unexplained else EntryKind.EXTERNAL)
    assert {leg.account: leg.amount for leg in entry.postings} == {home: amount, book: -amount}


def test_contracts_that_vanish_take_their_profit_with_them() -> None:
    """Ten contracts of 100, gone at 110: nothing was earned, and the wallet knows nothing of it."""
    portfolio = Portfolio(Money.of(1_000, QUOTE), 0, 0)
    traded(portfolio, 1, (PERPETUAL, Decimal(10), Price.of(100)))
    marks = {PERPETUAL: Price.of(110)}
    assert portfolio.equity(marks) == Money.of("1099.99", QUOTE)
    adjusted(portfolio, 1, (str(PERPETUAL), Decimal(-10), Price.of(110), True))
    assert portfolio.equity(marks) == Money.of("999.99", QUOTE)
    assert portfolio.realised == 100
    assert portfolio.flows == -100
    portfolio.check_identity(marks)


def test_contracts_of_another_currency_are_refused() -> None:
    """Nothing is booked that the account cannot value."""
    portfolio = Portfolio(Money.of(1_000, QUOTE), 0, 0)
    for name in ("BTC/USD:USD", "BTC/USDT:BTC", "BTC/USDT"):
        with pytest.raises(InvalidValue, match="does not trade and settle in USDT"):
            portfolio.adjust("x", Money.of(1, name), (1, 1), Price.of(5))
    assert len(portfolio.ledger) == 1
