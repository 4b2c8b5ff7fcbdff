"""How events of the outside world are booked."""

from __future__ import annotations

from decimal import Decimal

from ..errors import InvalidValue
from ..money import Money, multiply
from ..orders import Fill
from .entry import (
    CAPITAL,
    CONTRACTS,
    CONVERSION,
    EXTERNAL,
    FEES,
    FUNDING,
    REALISED,
    SUSPENSE,
    WALLET,
    Entry,
    EntryKind,
    Posting,
)

_MINUS_ONE = Decimal(-1)


def _move(amount: Decimal, asset: str, source: str, target: str) -> tuple[Posting, Posting]:
    return Posting(source, asset, multiply(amount, _MINUS_ONE)), Posting(target, asset, amount)


def _positive(money: Money, what: str) -> Money:
    if money.amount <= 0:
        raise InvalidValue(f"a {what} must be positive, was {money}")
    return money


def deposit(entry_id: str, money: Money, occurred_at: int, recorded_at: int) -> Entry:
    """Return the entry of money that the owner pays in."""
    _positive(money, "deposit")
    postings = _move(money.amount, money.currency, CAPITAL, WALLET)
    return Entry(entry_id, occurred_at, recorded_at, EntryKind.DEPOSIT, postings)


def withdrawal(entry_id: str, money: Money, occurred_at: int, recorded_at: int) -> Entry:
    """Return the entry of money that the owner takes out."""
    _positive(money, "withdrawal")
    postings = _move(money.amount, money.currency, WALLET, CAPITAL)
    return Entry(entry_id, occurred_at, recorded_at, EntryKind.WITHDRAWAL, postings)


def home(asset: str) -> str:
    """Return the ledger account that holds an asset: a perpetual is named by its whole symbol."""
    return CONTRACTS if "/" in asset else WALLET


def external(entry_id: str, money: Money, occurred_at: int, recorded_at: int) -> Entry:
    """Return the entry of a change that no order of ours explains; negative if it took.

    Args:
        money: Of an asset, or of a perpetual's contracts under its symbol.
    """
    postings = _move(money.amount, money.currency, EXTERNAL, home(money.currency))
    return Entry(entry_id, occurred_at, recorded_at, EntryKind.EXTERNAL, postings)


def suspense(entry_id: str, money: Money, occurred_at: int, recorded_at: int) -> Entry:
    """Return the entry of a change that nothing explains at all; negative if something is gone."""
    postings = _move(money.amount, money.currency, SUSPENSE, home(money.currency))
    return Entry(entry_id, occurred_at, recorded_at, EntryKind.SUSPENSE, postings)


def funding(entry_id: str, received: Money, occurred_at: int, recorded_at: int) -> Entry:
    """Return the entry of a funding settlement; negative if it was paid."""
    postings = _move(received.amount, received.currency, FUNDING, WALLET)
    return Entry(entry_id, occurred_at, recorded_at, EntryKind.FUNDING, postings)


def fill_id(fill: Fill) -> str:
    """Return the entry id of a fill: a venue numbers its trades symbol by symbol."""
    return f"fill:{fill.symbol}:{fill.trade_id}"


def _fee(fill: Fill) -> tuple[Posting, ...]:
    if not fill.fee:
        return ()
    return _move(fill.fee.amount, fill.fee.currency, WALLET, FEES)


def spot_fill(fill: Fill, recorded_at: int) -> Entry:
    """Return the entry of a fill that exchanges base for quote; the fee may be in any asset.

    On a margin account the same entry takes a balance below zero: that is what is owed.
    """
    sign = Decimal(fill.side.sign)
    base, quote = fill.symbol.base, fill.symbol.quote
    bought = multiply(fill.quantity.amount, sign)
    paid = multiply(fill.notional.amount, sign)
    postings = (
        *_move(bought, base, CONVERSION, WALLET),
        *_move(paid, quote, WALLET, CONVERSION),
        *_fee(fill),
    )
    return Entry(fill_id(fill), fill.occurred_at, recorded_at, EntryKind.FILL, postings)


def perpetual_fill(fill: Fill, realised: Money, recorded_at: int) -> Entry:
    """Return the entry of a fill of contracts: only realised profit and fee reach the wallet.

    Args:
        realised: Profit of the contracts that it closed, before fees, in the settlement currency.
    """
    if realised.currency != fill.symbol.settle:
        raise InvalidValue(
            f"{fill.symbol} settles in {fill.symbol.settle or 'nothing'}, "
            f"the realised profit was in {realised.currency}"
        )
    bought = multiply(fill.quantity.amount, Decimal(fill.side.sign))
    postings = (
        *_move(bought, str(fill.symbol), CONVERSION, CONTRACTS),
        *_move(realised.amount, realised.currency, REALISED, WALLET),
        *_fee(fill),
    )
    return Entry(fill_id(fill), fill.occurred_at, recorded_at, EntryKind.FILL, postings)


def fee_price(fill: Fill, given: Money | None) -> Decimal:
    """Return what one unit of the fee's asset costs in the fill's quote currency.

    Args:
        given: Needed only for a fee in a third asset.

    Raises:
        InvalidValue: If it is needed and missing, or in another currency.
    """
    if not fill.fee or fill.fee.currency == fill.symbol.quote:
        return Decimal(1)
    if fill.fee.currency == fill.symbol.base:
        return fill.price.amount
    if given is None or given.currency != fill.symbol.quote:
        raise InvalidValue(
            f"fill {fill.trade_id}: a fee in {fill.fee.currency} needs its price "
            f"in {fill.symbol.quote}, was {given}"
        )
    return given.amount
