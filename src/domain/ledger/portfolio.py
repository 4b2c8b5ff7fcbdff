"""Positions and balances of one account, and the identity that binds them."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from ..errors import InvalidValue, MettleError, NotFound
from ..market import Symbol
from ..money import Money, Price, Quantity, add, multiply, plain, subtract, total
from ..orders import Fill, Side
from . import events
from .entry import CONTRACTS, EXTERNAL, REALISED, SUSPENSE, WALLET, Entry
from .ledger import Ledger
from .position import Position

Marks = Mapping[Symbol, Price]


class Portfolio:
    """One account with one quote currency: a ledger, and the positions that its fills make.

    ``equity = opening + realised + unrealised − fees + funding + flows``, exactly, after every
    event; :meth:`check_identity` proves it. An asset other than the quote currency is a position of
    its spot symbol, so every balance has a mark and a basis. An event that comes twice is applied
    once. Not thread-safe.

    Attributes:
        opening: The first deposit, quote currency.
        flows: Deposits after it less withdrawals, and changes from outside or in suspense, at their
            prices.
        funding: Received (+) or paid (−).
    """

    def __init__(self, opening: Money, occurred_at: int, recorded_at: int) -> None:
        self.quote = opening.currency
        self.opening = opening.amount
        self.flows = Decimal(0)
        self.funding = Decimal(0)
        self.ledger = Ledger()
        self._positions: dict[Symbol, Position] = {}
        self.ledger.append(events.deposit("opening", opening, occurred_at, recorded_at))

    @property
    def positions(self) -> tuple[Position, ...]:
        """Every position that was ever opened, flat ones included, in order of symbol."""
        return tuple(self._positions[symbol] for symbol in sorted(self._positions))

    def position(self, symbol: Symbol) -> Position:
        """Return the position in ``symbol``, flat if it never traded."""
        return self._positions.get(symbol, Position(symbol))

    @property
    def cash(self) -> Money:
        """The balance of the quote currency; below zero it is owed."""
        return Money(self.ledger.balance(WALLET, self.quote), self.quote)

    @property
    def realised(self) -> Decimal:
        """Profit of what was closed, before fees, quote currency."""
        return total(position.realised for position in self._positions.values())

    @property
    def fees(self) -> Decimal:
        """Fees paid, quote currency, each at its price when it was paid."""
        return total(position.fees for position in self._positions.values())

    def deposit(self, entry_id: str, money: Money, occurred_at: int, recorded_at: int) -> bool:
        """Book quote currency that the owner pays in; return whether it was new."""
        return self._flow(events.deposit(entry_id, money, occurred_at, recorded_at), money)

    def withdraw(self, entry_id: str, money: Money, occurred_at: int, recorded_at: int) -> bool:
        """Book quote currency that the owner takes out; return whether it was new.

        Raises:
            InvalidValue: If the wallet does not hold it.
        """
        entry = events.withdrawal(entry_id, money, occurred_at, recorded_at)
        if self.ledger.is_new(entry) and money.currency == self.quote and self.cash < money:
            raise InvalidValue(f"cannot withdraw {money}, the wallet holds {self.cash}")
        return self._flow(entry, -money)

    def adjust(
        self,
        entry_id: str,
        change: Money,
        times: tuple[int, int],
        price: Price | None = None,
        *,
        unexplained: bool = False,
    ) -> bool:
        """Book a change that no order of ours explains; return whether it was new.

        Args:
            change: In any asset, or in a perpetual's contracts under its symbol; negative if it
                took something.
            times: When it occurred and when it was recorded, Unix milliseconds UTC.
            price: Of the asset in the quote currency, unless it is the quote currency.
            unexplained: Book it against ``suspense`` instead of ``external``.

        Raises:
            InvalidValue: If the price is missing.
        """
        make = events.suspense if unexplained else events.external
        entry = make(entry_id, change, *times)
        if change.currency == self.quote:
            return self._flow(entry, change)
        if price is None:
            raise InvalidValue(f"{entry_id}: {change} needs its price in {self.quote}")
        symbol = self._symbol_of(change.currency)
        if not self.ledger.append(entry):
            return False
        if symbol.is_perpetual:
            # Contracts are worth nothing at their own price: what they had earned is lost, or won.
            before = self.position(symbol).realised
            self._acquire(symbol, change.amount, price)
            gained = subtract(self.position(symbol).realised, before)
            self.flows = subtract(self.flows, gained)
        else:
            self.flows = add(self.flows, multiply(change.amount, price.amount))
            self._acquire(symbol, change.amount, price)
        return True

    def outside(self, asset: str) -> Decimal:
        """Return how much of an asset came from outside, less what went there; not ours to sell."""
        return subtract(Decimal(0), self.ledger.balance(EXTERNAL, asset))

    def suspended(self, asset: str) -> Decimal:
        """Return how much of an asset is in suspense; negative if it is gone."""
        return subtract(Decimal(0), self.ledger.balance(SUSPENSE, asset))

    def settle_funding(
        self, entry_id: str, received: Money, occurred_at: int, recorded_at: int
    ) -> bool:
        """Book a funding settlement (negative if paid); return whether it was new."""
        self._check_quote(received)
        if not self.ledger.append(events.funding(entry_id, received, occurred_at, recorded_at)):
            return False
        self.funding = add(self.funding, received.amount)
        return True

    def apply(self, fill: Fill, recorded_at: int, fee_price: Money | None = None) -> bool:
        """Book a fill; return whether it was new.

        Args:
            fee_price: What one unit of the fee's asset costs, for a fee in a third asset.

        Raises:
            InvalidValue: If it is of another quote currency, its fee has no price, or another fill
                is booked under its id.
        """
        if fill.symbol.quote != self.quote or fill.symbol.settle not in {"", self.quote}:
            raise InvalidValue(f"{fill.symbol} does not trade and settle in {self.quote}")
        price = events.fee_price(fill, fee_price)
        before = self.position(fill.symbol)
        fee = multiply(fill.fee.amount, price)
        after = before.after(fill.side, fill.quantity, fill.price, fee)
        gained = subtract(after.realised, before.realised)
        if not self.ledger.append(self._entry(fill, gained, recorded_at)):
            return False
        self._positions[fill.symbol] = after
        if fill.fee and fill.fee.currency != self.quote:
            asset = Symbol(fill.fee.currency, self.quote)
            self._acquire(asset, subtract(Decimal(0), fill.fee.amount), Price(price))
        return True

    def equity(self, marks: Marks) -> Money:
        """Return the value of everything at ``marks``, quote currency.

        Raises:
            NotFound: If an open position has no mark.
        """
        worth = [self.cash.amount]
        for position in self._positions.values():
            if not position.quantity:
                continue
            mark = self._mark(position, marks)
            perpetual = position.symbol.is_perpetual
            worth.append(position.unrealised(mark) if perpetual else position.value(mark))
        return Money(total(worth), self.quote)

    def unrealised(self, marks: Marks) -> Decimal:
        """Return what closing everything at ``marks`` would realise before costs."""
        return total(
            position.unrealised(self._mark(position, marks))
            for position in self._positions.values()
            if position.quantity
        )

    def check_identity(self, marks: Marks) -> None:
        """Prove the equity identity, and that the positions are what the ledger holds.

        Raises:
            MettleError: If one fails; that is a defect of ours.
        """
        for position in self._positions.values():
            account, asset = self._home(position.symbol)
            if (held := self.ledger.balance(account, asset)) != position.quantity:
                raise MettleError(
                    f"{position.symbol}: fills make {plain(position.quantity)}, "
                    f"the ledger holds {plain(held)}"
                )
        equity = self.equity(marks).amount
        gains = total([self.realised, self.unrealised(marks), self.funding])
        earned = total([self.opening, gains, self.flows, self.fees.copy_negate()])
        if equity != earned:
            raise MettleError(
                f"equity {plain(equity)} differs from opening + realised + unrealised − fees + "
                f"funding + flows {plain(earned)}"
            )

    def _flow(self, entry: Entry, money: Money) -> bool:
        self._check_quote(money)
        if not self.ledger.append(entry):
            return False
        self.flows = add(self.flows, money.amount)
        return True

    def _check_quote(self, money: Money) -> None:
        if money.currency != self.quote:
            raise InvalidValue(
                f"the account is kept in {self.quote}, was given {money}",
                mend="book other assets with `adjust` and their price",
            )

    def _entry(self, fill: Fill, gained: Decimal, recorded_at: int) -> Entry:
        if not fill.symbol.is_perpetual:
            return events.spot_fill(fill, recorded_at)
        known = self.ledger.find(events.fill_id(fill))
        if known is not None:
            # The position has moved on: a repeated fill is compared at the profit it was booked at.
            legs = (leg.amount for leg in known.postings if leg.account == REALISED)
            gained = subtract(Decimal(0), total(legs))
        return events.perpetual_fill(fill, Money(gained, self.quote), recorded_at)

    def _symbol_of(self, asset: str) -> Symbol:
        if "/" not in asset:
            return Symbol(asset, self.quote)
        symbol = Symbol.parse(asset)
        if symbol.quote != self.quote or symbol.settle != self.quote:
            raise InvalidValue(f"{symbol} does not trade and settle in {self.quote}")
        return symbol

    def _acquire(self, symbol: Symbol, amount: Decimal, price: Price) -> None:
        side = Side.BUY if amount > 0 else Side.SELL
        position = self.position(symbol).after(side, Quantity(amount.copy_abs()), price)
        self._positions[symbol] = position

    @staticmethod
    def _home(symbol: Symbol) -> tuple[str, str]:
        return (CONTRACTS, str(symbol)) if symbol.is_perpetual else (WALLET, symbol.base)

    @staticmethod
    def _mark(position: Position, marks: Marks) -> Price:
        try:
            return marks[position.symbol]
        except KeyError:
            raise NotFound(
                f"no mark for {position.symbol}, of which {plain(position.quantity)} are held"
            ) from None
