"""The integer account of the market step, read off the Decimal ledger."""

from __future__ import annotations

from collections.abc import Container, Mapping
from decimal import ROUND_FLOOR, Decimal

from ...domain.ledger import Portfolio
from ...domain.market import CASH_SCALE, Instrument, Symbol
from ...domain.money import Price
from ...domain.simulation import Account


def units(amount: Decimal) -> int:
    """Return an amount of the quote currency in 1e-8, rounded down."""
    return int((amount * CASH_SCALE).to_integral_value(ROUND_FLOOR))


def asset_of(symbol: Symbol) -> str:
    """Return under which name the ledger holds a symbol."""
    return str(symbol) if symbol.is_perpetual else symbol.base


def outside(portfolio: Portfolio, asset: str) -> Decimal:
    """Return how much of what is held strangers brought."""
    return max(Decimal(0), portfolio.outside(asset))


def strangers(portfolio: Portfolio, marks: Mapping[Symbol, Price]) -> Decimal:
    """Return the value of what strangers brought, quote currency."""
    worth = outside(portfolio, portfolio.quote)
    for symbol, price in marks.items():
        if not symbol.is_perpetual:
            worth += outside(portfolio, symbol.base) * price.amount
    return worth


def project(
    account: Account,
    portfolio: Portfolio,
    instruments: Mapping[Symbol, Instrument],
    moved: Container[str] | None = None,
) -> None:
    """Set the integers to what the ledger holds, rounded down; what strangers brought stays out.

    Args:
        instruments: In column order.
        moved: Names in the ledger of what may have changed since the last time; None is all.
    """
    borrowed = 0
    for state, (symbol, instrument) in zip(account.assets, instruments.items(), strict=True):
        position, name = portfolio.position(symbol), asset_of(symbol)
        if moved is None or name in moved:
            own = position.quantity - outside(portfolio, name)
            basis = position.basis * own / position.quantity if position.quantity else Decimal(0)
            state.lots = int(own / instrument.lot_size)
            state.basis = units(basis) if state.lots else 0
        if symbol.is_perpetual:
            # The step pays for contracts as for coins; the ledger moves the profit alone.
            borrowed += position.sign * state.basis
    own_cash = portfolio.cash.amount - outside(portfolio, portfolio.quote)
    account.cash = units(own_cash) - borrowed
    account.realised = units(portfolio.realised)
    account.fees = -units(-portfolio.fees)
    account.funding = units(portfolio.funding)
