"""The checks of the books are worth something: they find every bug that is planted."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from decimal import Decimal

import pytest
from mettle.domain.errors import InvalidValue, MettleError
from mettle.domain.ledger import Entry, Ledger, Portfolio, Posting, released_basis, spot_fill
from mettle.domain.ledger.events import fee_price
from mettle.domain.market import Liquidity, Symbol
from mettle.domain.money import Money, Price, Quantity, subtract
from mettle.domain.orders import Fill, Side
from mettle.domain.simulation import AssetState, move_position

events = importlib.import_module("mettle.domain.ledger.events")
position = importlib.import_module("mettle.domain.ledger.position")

SPOT, PERPETUAL = Symbol("BTC", "USDT"), Symbol("BTC", "USDT", "USDT")
MARKS = {SPOT: Price.of(97), PERPETUAL: Price.of(103), Symbol("BNB", "USDT"): Price.of(290)}
UNIT = Decimal("1e-8")

STORY = [
    (SPOT, Side.BUY, 7, 101, "0.5", "USDT"),
    (SPOT, Side.BUY, 4, 99, "0.004", "BTC"),
    (SPOT, Side.SELL, 3, 104, "0.01", "BNB"),
    (PERPETUAL, Side.SELL, 9, 100, "0.3", "USDT"),
    (PERPETUAL, Side.BUY, 2, 95, "-0.1", "USDT"),
    (PERPETUAL, Side.BUY, 12, 96, "0.2", "USDT"),
]


def check_the_books() -> None:
    """Play the story, each event twice, and hold it against the integers of the step."""
    portfolio = Portfolio(Money.of(10_000, "USDT"), 0, 0)
    integers = AssetState()
    realised = 0
    for number, (symbol, side, quantity, price, fee, currency) in enumerate(STORY):
        cash = portfolio.cash
        fill = Fill(
            str(number),
            "c",
            symbol,
            side,
            Quantity.of(quantity),
            Price.of(price),
            Money.of(fee, currency),
            Liquidity.TAKER,
            number,
        )
        for _ in range(2):
            portfolio.apply(fill, number, Money.of(300, "USDT"))
            portfolio.settle_funding(f"f{number}", Money.of("-0.7", "USDT"), number, number)
        portfolio.check_identity(MARKS)
        portfolio.ledger.verify()
        assert portfolio.funding == Decimal("-0.7") * (number + 1)
        if symbol.is_perpetual:
            realised += move_position(integers, side.sign, quantity, price, 10**8)
            assert portfolio.position(symbol).basis == integers.basis * UNIT
            assert portfolio.position(symbol).realised == realised * UNIT
        elif currency == "USDT":
            paid = side.sign * quantity * price + Decimal(fee) + Decimal("0.7")
            assert cash.amount - portfolio.cash.amount == paid
    assert portfolio.fees == Decimal("0.9") + Decimal("0.004") * 99 + Decimal("0.01") * 300


def _turned(postings: tuple[Posting, ...], account: str) -> tuple[Posting, ...]:
    assets = {leg.asset for leg in postings if leg.account == account}
    return tuple(
        Posting(leg.account, leg.asset, -leg.amount) if leg.asset in assets else leg
        for leg in postings
    )


def _fees_received(fill: Fill) -> tuple[Posting, ...]:
    legs = fees(fill)
    return tuple(Posting(leg.account, leg.asset, -leg.amount) for leg in legs)


def _no_fees(fill: Fill) -> tuple[Posting, ...]:
    return ()


def _sides_swapped(fill: Fill, recorded_at: int) -> Entry:
    entry = spot_fill(fill, recorded_at)
    turned = _turned(entry.postings, "conversion")
    return Entry(entry.entry_id, entry.occurred_at, recorded_at, entry.kind, turned)


def _always_new(self: Ledger, entry: Entry) -> bool:
    return True


def _all_the_cost(basis: Decimal, reduced: Decimal, held: Decimal) -> Decimal:
    return basis


def _a_unit_more(basis: Decimal, reduced: Decimal, held: Decimal) -> Decimal:
    released = released_basis(basis, reduced, held)
    return released if reduced == held else released + UNIT


def _worthless_fee(fill: Fill, given: Money | None) -> Decimal:
    price = fee_price(fill, given)
    return price if fill.fee.currency == "USDT" else subtract(price, Decimal(1))


def _forgotten_fee_coin(self: Portfolio, asset: Symbol, amount: Decimal, price: Price) -> None:
    return None


fees = events._fee

BUGS: list[tuple[object, str, Callable[..., object]]] = [
    (events, "_fee", _fees_received),
    (events, "_fee", _no_fees),
    (events, "fee_price", _worthless_fee),
    (events, "spot_fill", _sides_swapped),
    (position, "released_basis", _all_the_cost),
    (position, "released_basis", _a_unit_more),
    (Ledger, "is_new", _always_new),
    (Portfolio, "_acquire", _forgotten_fee_coin),
]


def test_the_books_themselves_pass() -> None:
    """As they are they break nothing."""
    check_the_books()


@pytest.mark.parametrize(
    ("place", "name", "bug"), BUGS, ids=[bug.__name__.strip("_") for _, _, bug in BUGS]
)
def test_a_planted_bug_is_caught(
    place: object, name: str, bug: Callable[..., object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong rule in the place of the right one is found."""
    monkeypatch.setattr(place, name, bug)
    with pytest.raises((AssertionError, MettleError)) as caught:
        check_the_books()
    assert not isinstance(caught.value, InvalidValue), "the story itself was refused"
