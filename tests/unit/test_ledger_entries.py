"""Every entry says what it is, when it happened and when it was written down."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest
from mettle.domain.errors import InvalidValue
from mettle.domain.ledger import (
    CAPITAL,
    CONTRACTS,
    EXTERNAL,
    FUNDING,
    SUSPENSE,
    WALLET,
    Entry,
    EntryKind,
    Portfolio,
    Posting,
    released_basis,
)
from mettle.domain.market import Liquidity, Symbol
from mettle.domain.money import Money, Price, Quantity
from mettle.domain.orders import Fill, Side

SPOT, SWAP = Symbol("BTC", "USDT"), Symbol.parse("BTC/USDT:USDT")
TEN = Money.of("10", "USDT")
THEN, NOW = 1_000, 1_700


def portfolio() -> Portfolio:
    """Return an account that 1,000 were paid into."""
    return Portfolio(Money.of("1000", "USDT"), 5, 6)


def fill(symbol: Symbol) -> Fill:
    """Return one base unit bought at 100, with a fee of 1."""
    return Fill(
        "t1",
        "o1",
        symbol,
        Side.BUY,
        Quantity(Decimal(1)),
        Price(Decimal(100)),
        Money.of("1", "USDT"),
        Liquidity.TAKER,
        THEN,
    )


def last(account: Portfolio) -> Entry:
    """Return the newest entry."""
    return account.ledger.entries[-1]


def posted(entry: Entry) -> set[tuple[str, str, str]]:
    """Return the postings as words."""
    return {(one.account, one.asset, str(one.amount)) for one in entry.postings}


def test_the_opening_is_the_first_deposit() -> None:
    """Under its own name, with the times it was given."""
    opening = Entry(
        "opening",
        5,
        6,
        EntryKind.DEPOSIT,
        (Posting(CAPITAL, "USDT", Decimal(-1000)), Posting(WALLET, "USDT", Decimal(1000))),
    )
    assert portfolio().ledger.entries == (opening,)


@pytest.mark.parametrize(
    ("kind", "counterpart", "amount"),
    [
        (EntryKind.DEPOSIT, CAPITAL, "10"),
        (EntryKind.WITHDRAWAL, CAPITAL, "-10"),
        (EntryKind.FUNDING, FUNDING, "10"),
        (EntryKind.EXTERNAL, EXTERNAL, "10"),
        (EntryKind.SUSPENSE, SUSPENSE, "10"),
    ],
)
def test_each_change_is_booked_with_both_times(
    kind: EntryKind, counterpart: str, amount: str
) -> None:
    """When it occurred, when it was recorded, of which kind, between which accounts."""
    account = portfolio()
    bookings: dict[EntryKind, Callable[[], bool]] = {
        EntryKind.DEPOSIT: lambda: account.deposit("e", TEN, THEN, NOW),
        EntryKind.WITHDRAWAL: lambda: account.withdraw("e", TEN, THEN, NOW),
        EntryKind.FUNDING: lambda: account.settle_funding("e", TEN, THEN, NOW),
        EntryKind.EXTERNAL: lambda: account.adjust("e", TEN, (THEN, NOW)),
        EntryKind.SUSPENSE: lambda: account.adjust("e", TEN, (THEN, NOW), unexplained=True),
    }
    book = bookings[kind]
    assert book()
    entry = last(account)
    assert (entry.entry_id, entry.occurred_at, entry.recorded_at) == ("e", THEN, NOW)
    assert entry.kind is kind
    against = str(-Decimal(amount))
    assert posted(entry) == {(WALLET, "USDT", amount), (counterpart, "USDT", against)}
    assert not book()


def test_what_is_not_called_unexplained_is_external() -> None:
    """A change of a coin and of contracts as well; suspense has to be asked for."""
    account = portfolio()
    price = Price(Decimal(100))
    assert account.adjust("coin", Money.of("2", "BTC"), (THEN, NOW), price)
    assert account.adjust("swap", Money(Decimal(-3), str(SWAP)), (THEN, NOW), price)
    assert [one.kind for one in account.ledger.entries[1:]] == [EntryKind.EXTERNAL] * 2
    assert (account.outside("BTC"), account.outside(str(SWAP))) == (Decimal(2), Decimal(-3))
    assert (account.suspended("BTC"), account.position(SWAP).quantity) == (Decimal(0), Decimal(-3))


@pytest.mark.parametrize("symbol", [SPOT, SWAP])
def test_fills_are_booked_with_both_times(symbol: Symbol) -> None:
    """The venue's time of the trade and ours; the id is the symbol's and the trade's."""
    account = portfolio()
    assert account.apply(fill(symbol), NOW)
    entry = last(account)
    assert (entry.entry_id, entry.kind) == (f"fill:{symbol}:t1", EntryKind.FILL)
    assert (entry.occurred_at, entry.recorded_at) == (THEN, NOW)
    if symbol is SWAP:
        assert (CONTRACTS, str(SWAP), "1") in posted(entry)


def test_another_currency_needs_a_price() -> None:
    """And the refusal says how to book it."""
    with pytest.raises(InvalidValue) as caught:
        portfolio().settle_funding("e", Money.of("1", "BTC"), THEN, NOW)
    assert caught.value.mend == "book other assets with `adjust` and their price"


def test_a_basis_is_floored_however_large() -> None:
    """Two thirds are less than 0.66666667, of a unit and of more than 28 digits hold."""
    small = released_basis(Decimal(2), Decimal(1), Decimal(3))
    assert small == Decimal("0.66666666")
    large = released_basis(Decimal(2) * 10**24, Decimal(1), Decimal(3))
    assert large == Decimal("666666666666666666666666.66666666")
