"""The books balance whatever happens, and in whatever order it is told."""

from __future__ import annotations

import random
from collections import defaultdict
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mettle.domain.errors import InvalidValue
from mettle.domain.ledger import (
    CONTRACTS,
    WALLET,
    Entry,
    EntryKind,
    Ledger,
    Portfolio,
    Position,
    Posting,
    spot_fill,
)
from mettle.domain.market import FeeSchedule, Instrument, Liquidity, Symbol
from mettle.domain.money import Money, Price, Quantity
from mettle.domain.orders import Fill, Side
from mettle.domain.simulation import Account, AssetTerms, StepResult
from tests.support.markets import play_market

QUOTE = "USDT"
SPOT = Symbol("BTC", QUOTE)
PERPETUAL = Symbol("BTC", QUOTE, QUOTE)
COIN = Symbol("BNB", QUOTE)

amounts = st.decimals("0.00000001", "99999", places=8)
prices = st.decimals("0.0001", "99999", places=4).map(Price.of)


@st.composite
def fills(draw: st.DrawFn) -> list[Fill]:
    """Return fills of spot and perpetual, with fees in quote, base or a third asset."""
    made = []
    for number in range(draw(st.integers(1, 25))):
        symbol = draw(st.sampled_from([SPOT, PERPETUAL]))
        fee = draw(st.decimals("-0.01", "1", places=6))
        made.append(
            Fill(
                str(number),
                f"order-{number}",
                symbol,
                draw(st.sampled_from(Side)),
                Quantity.of(draw(amounts)),
                draw(prices),
                Money.of(fee, draw(st.sampled_from([QUOTE, "BTC", "BNB"]))),
                draw(st.sampled_from(Liquidity)),
                number,
            )
        )
    return made


def play(portfolio: Portfolio, story: list[Fill]) -> None:
    """Apply fills, with a price for fees in BNB."""
    for fill in story:
        portfolio.apply(fill, fill.occurred_at + 5, Money.of("310.5", QUOTE))


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["X", "Y"]), amounts), min_size=1),
    st.booleans(),
)
def test_only_balanced_postings_are_taken(
    legs: list[tuple[str, str, Decimal]], balanced: bool
) -> None:
    """An entry is refused exactly when some asset does not sum to zero."""
    postings = [Posting(*leg) for leg in legs]
    if balanced:
        postings += [Posting("rest", leg.asset, -leg.amount) for leg in postings]
        ledger = Ledger([Entry("e", 1, 2, EntryKind.EXTERNAL, tuple(postings))])
        ledger.verify()
    else:
        with pytest.raises(InvalidValue, match="must sum to zero"):
            Entry("e", 1, 2, EntryKind.EXTERNAL, tuple(postings))


@given(fills(), st.randoms(use_true_random=False))
def test_balances_do_not_depend_on_order_or_repetition(
    story: list[Fill], rng: random.Random
) -> None:
    """Entries told in another order, and some of them twice, leave the same balances."""
    entries = [spot_fill(fill, 9) for fill in story]
    told = entries + rng.sample(entries, len(entries) // 2)
    rng.shuffle(told)
    once, twice = Ledger(entries), Ledger(told)
    assert once.balances == twice.balances
    assert len(twice) == len(entries)
    twice.verify()


@settings(max_examples=60, deadline=None)
@given(fills())
def test_assets_never_come_from_nowhere(story: list[Fill]) -> None:
    """All accounts together hold exactly nothing of every asset."""
    portfolio = Portfolio(Money.of(10_000, QUOTE), 0, 0)
    play(portfolio, story)
    held: dict[str, Decimal] = defaultdict(Decimal)
    for (_, asset), amount in portfolio.ledger.balances.items():
        held[asset] += amount
    assert not any(held.values())


@settings(max_examples=60, deadline=None)
@given(fills(), prices, prices, prices, st.decimals("-50", "50", places=8))
def test_the_equity_identity_holds_after_every_event(
    story: list[Fill], spot: Price, perpetual: Price, coin: Price, funding: Decimal
) -> None:
    """Fills, funding and flows leave equity explained to the last digit; repeats change nothing."""
    marks = {SPOT: spot, PERPETUAL: perpetual, COIN: coin}
    portfolio = Portfolio(Money.of(10_000, QUOTE), 0, 0)
    for fill in story:
        assert portfolio.apply(fill, 7, Money.of("310.5", QUOTE))
        portfolio.check_identity(marks)
        portfolio.settle_funding(f"f{fill.trade_id}", Money.of(funding, QUOTE), 1, 1)
        portfolio.deposit(f"d{fill.trade_id}", Money.of(3, QUOTE), 1, 1)
        portfolio.adjust(f"x{fill.trade_id}", Money.of("-0.25", "BTC"), (1, 1), spot)
        portfolio.check_identity(marks)
    equity = portfolio.equity(marks)
    play(portfolio, story)
    assert portfolio.equity(marks) == equity
    portfolio.ledger.verify()


@settings(max_examples=60, deadline=None)
@given(fills())
def test_a_position_is_the_sum_of_its_fills(story: list[Fill]) -> None:
    """Its quantity is bought less sold less fees in kind, and it is what the ledger holds."""
    portfolio = Portfolio(Money.of(10_000, QUOTE), 0, 0)
    play(portfolio, story)
    for symbol in (SPOT, PERPETUAL):
        expected = sum(
            (fill.side.sign * fill.quantity.amount for fill in story if fill.symbol == symbol),
            Decimal(0),
        )
        if symbol == SPOT:
            expected -= sum(fill.fee.amount for fill in story if fill.fee.currency == "BTC")
        assert portfolio.position(symbol).quantity == expected
        home = (WALLET, "BTC") if symbol == SPOT else (CONTRACTS, str(symbol))
        assert portfolio.ledger.balance(*home) == expected


@given(fills())
def test_a_basis_is_never_negative(story: list[Fill]) -> None:
    """A position costs something exactly when it is open."""
    position = Position(SPOT)
    for fill in story:
        position = position.after(fill.side, fill.quantity, fill.price)
        assert (position.basis > 0) == (position.quantity != 0)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32))
def test_decimal_books_equal_the_integer_account(seed: int) -> None:
    """The same fills make the same cash, positions, profit and equity in both, to the last unit."""
    story = list(play_market(seed, steps=15))
    account = story[0].before
    assets = [_instrument(index, terms) for index, terms in enumerate(account.terms)]
    portfolio = Portfolio(assets[0].money(account.initial), 0, 0)
    for number, played in enumerate(story):
        _repeat(portfolio, assets, played.result, number)
        _compare(portfolio, assets, played.after, [bar.close for bar in played.following])


def _instrument(index: int, terms: AssetTerms) -> Instrument:
    return Instrument(
        Symbol(f"A{index}", QUOTE, QUOTE if terms.is_perpetual else ""),
        tick_size=Decimal("0.0001") * terms.unit_value,
        lot_size=Decimal("0.0001"),
        fees=FeeSchedule.flat(terms.maker_ppm, terms.taker_ppm),
    )


def _repeat(
    portfolio: Portfolio, assets: list[Instrument], result: StepResult, number: int
) -> None:
    for index, received in enumerate(result.funding):
        money = assets[index].money(received)
        portfolio.settle_funding(f"funding-{number}-{index}", money, number, number)
    for index, fill in enumerate(result.fills):
        asset = assets[fill.asset]
        portfolio.apply(
            Fill(
                f"{number}-{index}",
                "order",
                asset.symbol,
                Side.BUY if fill.side > 0 else Side.SELL,
                asset.quantity(fill.lots),
                asset.price(fill.ticks),
                asset.money(fill.fee),
                Liquidity.MAKER if fill.maker else Liquidity.TAKER,
                number,
            ),
            number,
        )


def _compare(
    portfolio: Portfolio, assets: list[Instrument], account: Account, closes: list[int]
) -> None:
    marks = {one.symbol: one.price(close) for one, close in zip(assets, closes, strict=True)}
    portfolio.check_identity(marks)
    money = assets[0].money
    assert portfolio.equity(marks) == money(account.equity(closes))
    # A perpetual's notional passes through the cash of the step, and never through a wallet.
    through = sum(
        (1 if state.lots > 0 else -1) * state.basis
        for terms, state in zip(account.terms, account.assets, strict=True)
        if terms.is_perpetual
    )
    assert portfolio.cash == money(account.cash + through)
    assert portfolio.realised == money(account.realised).amount
    assert portfolio.fees == money(account.fees).amount
    assert portfolio.funding == money(account.funding).amount
    for asset, state in zip(assets, account.assets, strict=True):
        position = portfolio.position(asset.symbol)
        assert position.quantity == asset.lot_size * state.lots
        assert position.basis == money(state.basis).amount
