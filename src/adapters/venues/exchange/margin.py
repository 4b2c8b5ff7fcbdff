"""Perpetuals: what a position ties up, when it is liquidated, what funding it pays."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from ....domain.market import Symbol
from ....domain.money import round_half_even
from .accounts import Account
from .ledger import UNIT, Position
from .rules import ExchangeRules
from .settlement import Settlement

_PPM = 1_000_000
_RATE = 100_000_000

Mark = Callable[[Symbol], int]


class Margin:
    """Cross margin over all perpetuals of an account that settle in one currency."""

    def __init__(self, settlement: Settlement, rules: ExchangeRules, mark: Mark) -> None:
        self._settlement = settlement
        self._rules = rules
        self._mark = mark

    def gross(self, account: Account, currency: str) -> int:
        """Return the value of all positions without sign, atoms."""
        return sum(
            self._settlement.value(symbol, abs(position.lots), self._mark(symbol))
            for symbol, position in _open(account, currency)
        )

    def equity(self, account: Account, currency: str) -> int:
        """Return wallet, less what spot orders lock, with the open profit; atoms."""
        open_profit = sum(
            self._settlement.value(symbol, position.lots, self._mark(symbol)) - position.cost
            for symbol, position in _open(account, currency)
        )
        return account.holdings.free(currency) + open_profit

    def needed(self, account: Account, symbol: Symbol, change: int, ticks: int) -> int:
        """Return the margin that a trade of ``change`` lots would tie up; closing needs none."""
        held = account.position(symbol).lots
        closes = min(abs(held), abs(change)) if held * change < 0 else 0
        value = self._settlement.value(symbol, abs(change) - closes, ticks)
        return -(-value // self._rules.leverage)

    def available(self, account: Account, currency: str) -> int:
        """Return the margin that is not tied up, atoms; below zero it is missing."""
        ordered = sum(
            one.locked
            for one in account.working.values()
            if one.new.symbol.settle == currency and not one.lock_asset
        )
        used = -(-self.gross(account, currency) // self._rules.leverage)
        return self.equity(account, currency) - used - ordered

    def ratio(self, account: Account, currency: str) -> Decimal:
        """Return margin used ÷ margin held in steps of 1e-4; 99 where nothing is held."""
        gross, equity = self.gross(account, currency), self.equity(account, currency)
        if equity <= 0:
            return Decimal(99) if gross else Decimal(0)
        return Decimal(gross * 10_000 // (self._rules.leverage * equity)).scaleb(-4)

    def is_liquid(self, account: Account, currency: str) -> bool:
        """Return whether the equity covers the maintenance margin."""
        gross = self.gross(account, currency)
        return not gross or self.equity(account, currency) * _PPM >= gross * (
            self._rules.maintenance_ppm
        )

    def funding(self, symbol: Symbol, position: Position, rate: int) -> int:
        """Return what a position receives at a rate of 1e-8, in 1e-8 quote; negative is paid.

        A long pays a positive rate, a short receives it; rounded half to even.
        """
        value = self._settlement.value(symbol, position.lots, self._mark(symbol))
        return -round_half_even(value * rate, _RATE * UNIT)


def _open(account: Account, currency: str) -> list[tuple[Symbol, Position]]:
    return [
        (symbol, position)
        for symbol, position in account.holdings.positions.items()
        if position.lots and symbol.settle == currency
    ]
