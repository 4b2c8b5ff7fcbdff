"""Entries balance, come once, and are never changed."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from mettle.domain.errors import InvalidValue, MettleError
from mettle.domain.ledger import (
    CAPITAL,
    CONTRACTS,
    CONVERSION,
    EXTERNAL,
    FEES,
    FUNDING,
    REALISED,
    WALLET,
    Entry,
    EntryKind,
    Ledger,
    Posting,
    deposit,
    external,
    fill_id,
    funding,
    perpetual_fill,
    spot_fill,
    withdrawal,
)
from mettle.domain.market import Liquidity, Symbol
from mettle.domain.money import Money, Price, Quantity
from mettle.domain.orders import Fill, Side

TEN = Money.of(10, "USDT")


def fill(symbol: str = "BTC/USDT", fee: str = "0.2 USDT", side: Side = Side.BUY) -> Fill:
    """Return a fill of 2 at 100."""
    amount, currency = fee.split()
    return Fill(
        "t1",
        "c1",
        Symbol.parse(symbol),
        side,
        Quantity.of(2),
        Price.of(100),
        Money.of(amount, currency),
        Liquidity.TAKER,
        50,
    )


def balances(entry: Entry) -> dict[tuple[str, str], Decimal]:
    """Return what an entry alone leaves on each account."""
    return dict(Ledger([entry]).balances)


def test_money_comes_from_its_owner_and_goes_back() -> None:
    """A deposit and a withdrawal are each other's mirror."""
    ledger = Ledger([deposit("d", TEN, 1, 2), withdrawal("w", TEN, 3, 4)])
    assert ledger.balance(WALLET, "USDT") == ledger.balance(CAPITAL, "USDT") == 0
    assert [entry.kind for entry in ledger.entries] == [EntryKind.DEPOSIT, EntryKind.WITHDRAWAL]
    assert len(ledger) == 2
    assert "d" in ledger
    assert ledger.find("x") is None


@pytest.mark.parametrize("amount", [0, -5])
def test_flows_are_positive(amount: int) -> None:
    """The kind of the entry is its direction."""
    with pytest.raises(InvalidValue, match="deposit must be positive"):
        deposit("d", Money.of(amount, "USDT"), 1, 2)
    with pytest.raises(InvalidValue, match="withdrawal must be positive"):
        withdrawal("w", Money.of(amount, "USDT"), 1, 2)


def test_a_spot_fill_exchanges_base_for_quote() -> None:
    """Two BTC for 200 USDT and a fee of 0.2."""
    assert balances(spot_fill(fill(), 60)) == {
        (WALLET, "BTC"): 2,
        (CONVERSION, "BTC"): -2,
        (WALLET, "USDT"): Decimal("-200.2"),
        (CONVERSION, "USDT"): 200,
        (FEES, "USDT"): Decimal("0.2"),
    }


def test_a_sale_goes_the_other_way() -> None:
    """The fee is paid all the same."""
    found = balances(spot_fill(fill(side=Side.SELL), 60))
    assert found[WALLET, "BTC"] == -2
    assert found[WALLET, "USDT"] == Decimal("199.8")


@pytest.mark.parametrize(("fee", "asset"), [("0.001 BTC", "BTC"), ("0.3 BNB", "BNB")])
def test_a_fee_is_taken_in_its_own_asset(fee: str, asset: str) -> None:
    """In kind, or in a third coin."""
    found = balances(spot_fill(fill(fee=fee), 60))
    assert found[FEES, asset] == Decimal(fee.split(maxsplit=1)[0])
    assert found[WALLET, "USDT"] == -200


def test_no_fee_leaves_no_trace() -> None:
    """A fill without a fee has no posting of one."""
    assert not [key for key in balances(spot_fill(fill(fee="0 USDT"), 60)) if key[0] == FEES]


def test_a_perpetual_fill_moves_profit_and_fee_only() -> None:
    """The notional never passes through the wallet."""
    entry = perpetual_fill(fill("BTC/USDT:USDT", side=Side.SELL), TEN, 60)
    assert balances(entry) == {
        (CONTRACTS, "BTC/USDT:USDT"): -2,
        (CONVERSION, "BTC/USDT:USDT"): 2,
        (WALLET, "USDT"): Decimal("9.8"),
        (REALISED, "USDT"): -10,
        (FEES, "USDT"): Decimal("0.2"),
    }


@pytest.mark.parametrize(("symbol", "settles"), [("BTC/USD:BTC", "BTC"), ("BTC/USDT", "nothing")])
def test_profit_is_in_the_settlement_currency(symbol: str, settles: str) -> None:
    """A profit in another currency would be another contract's."""
    with pytest.raises(InvalidValue, match=f"settles in {settles}"):
        perpetual_fill(fill(symbol), TEN, 60)


def test_funding_and_external_changes_have_their_accounts() -> None:
    """Both may take or give."""
    assert balances(funding("f", -TEN, 1, 2)) == {(WALLET, "USDT"): -10, (FUNDING, "USDT"): 10}
    assert balances(external("x", TEN, 1, 2)) == {(WALLET, "USDT"): 10, (EXTERNAL, "USDT"): -10}


def test_an_event_that_comes_twice_is_booked_once() -> None:
    """Whenever the second report was written down, and in whatever order its legs stand."""
    ledger = Ledger()
    entry = spot_fill(fill(), 60)
    assert ledger.append(entry)
    again = replace(entry, recorded_at=99, postings=entry.postings[::-1])
    assert not ledger.append(again)
    assert ledger.find(fill_id(fill())) == entry
    assert len(ledger) == 1


def test_another_event_under_a_known_id_is_refused() -> None:
    """Neither is overwritten nor lost."""
    ledger = Ledger([deposit("d", TEN, 1, 2)])
    with pytest.raises(InvalidValue, match="entry d is booked with other content") as caught:
        ledger.append(deposit("d", TEN + TEN, 1, 2))
    assert caught.value.mend
    assert ledger.balance(WALLET, "USDT") == 10


def test_an_unbalanced_entry_does_not_exist() -> None:
    """The message names the asset and by how much it is off."""
    legs = (Posting("a", "USDT", Decimal("1.5")), Posting("b", "USDT", Decimal(-1)))
    with pytest.raises(InvalidValue, match=r"postings in USDT must sum to zero, were 0\.5 off"):
        Entry("e", 1, 2, EntryKind.EXTERNAL, legs)


def test_entries_and_postings_need_names() -> None:
    """An entry without id or legs, a posting without account or asset."""
    leg = Posting("a", "USDT", Decimal(0))
    for entry_id, legs in (("", (leg,)), ("e", ())):
        with pytest.raises(InvalidValue, match="needs an id and at least two postings"):
            Entry(entry_id, 1, 2, EntryKind.EXTERNAL, legs)
    for account, asset in (("", "USDT"), ("a", "")):
        with pytest.raises(InvalidValue, match="needs an account and an asset"):
            Posting(account, asset, Decimal(1))
    with pytest.raises(InvalidValue, match="a posting must be a Decimal"):
        Posting("a", "USDT", 0.5)  # type: ignore[arg-type]  # the point of the test


def test_balances_handed_out_are_copies() -> None:
    """Nobody changes the books from outside."""
    ledger = Ledger([deposit("d", TEN, 1, 2)])
    ledger.balances[WALLET, "USDT"] = Decimal(0)  # type: ignore[index]  # the point of the test
    assert ledger.balance(WALLET, "USDT") == 10


def test_damaged_books_are_found() -> None:
    """A balance that is no sum, and an entry that was changed behind the ledger's back."""
    ledger = Ledger([deposit("d", TEN, 1, 2)])
    ledger._balances[WALLET, "USDT"] = Decimal(11)
    with pytest.raises(MettleError, match="not the sums"):
        ledger.verify()
    ledger._balances[WALLET, "USDT"] = Decimal(11)
    lines = ledger._archive._open
    lines["d"] = lines["d"][: -len("10")] + "11"
    with pytest.raises(MettleError, match=r"entry d: the postings in USDT must sum to zero"):
        ledger.verify()


def test_a_sum_that_cannot_be_kept_leaves_the_books_as_they_were() -> None:
    """Too many digits in the second leg: the first is not booked either."""
    ledger = Ledger([deposit("opening", Money(Decimal("1e60"), "USDT"), 1, 1)])
    before = dict(ledger.balances)
    with pytest.raises(InvalidValue, match="digits"):
        ledger.append(external("dust", Money(Decimal("1e-60"), "USDT"), 2, 2))
    assert dict(ledger.balances) == before
    assert "dust" not in ledger
    ledger.verify()
