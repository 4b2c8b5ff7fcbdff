"""Booking what the venue shows and we missed: trades, settlements, and what nothing explains."""

from __future__ import annotations

from decimal import Decimal

from ...domain.errors import VenueError
from ...domain.ledger import EXTERNAL, SUSPENSE, home
from ...domain.market import Symbol
from ...domain.money import Money, Price, add, multiply, plain, subtract
from ...domain.orders import Purpose
from ..execution.bench import Bench
from ..ports.unit_of_work import UnitOfWork
from ..ports.venue import VenueFill
from .gear import AccountBooks
from .keeper import Keeper
from .reader import UNEXPLAINED, foreign_entry
from .rules import Booking, bookings, is_theirs
from .views import Difference


class MoneyActs:
    """Books trades by their ids, once each, and amounts without a trade as what they are."""

    def __init__(self, bench: Bench, books: AccountBooks, keeper: Keeper) -> None:
        self._bench = bench
        self._books = books
        self._keeper = keeper

    def fill(self, difference: Difference) -> None:
        """Book a trade that we missed."""
        (fill,) = difference.fills

        def write(unit: UnitOfWork) -> None:
            booked = self._bench.collector.fill(unit, fill, self._bench.now)
            self._keeper.settled(unit, difference, "booked" if booked else "booked meanwhile")

        self._bench.write(write)

    def foreign_fill(self, difference: Difference) -> None:
        """Book a stranger's trade: against our position if it sold that, else against outside."""
        (fill,) = difference.fills
        lots = self._bench.plan.instruments[fill.symbol].quantity(fill.lots).amount
        asset = str(fill.symbol) if fill.symbol.is_perpetual else fill.symbol.base
        held, outside, suspended = self._amounts(asset)
        # What has vanished was ours: a trade that comes late may be the one that sold it.
        held = subtract(held, suspended)

        def write(unit: UnitOfWork) -> None:
            if is_theirs(fill.side, lots, held=held, outside=outside):
                self._pass_by(unit, fill, lots, asset)
                self._keeper.settled(unit, difference, "booked against outside")
                return
            now = self._bench.now
            record, entry = self._books.book(fill, "", Purpose.OPERATOR, now)
            unit.fills.add(record)
            unit.ledger.add(entry)
            earned = self._books.ended_trip(fill.symbol)
            self._bench.gear.ruling.booked(record, earned, now)
            self._keeper.settled(unit, difference, "booked: somebody traded our position")

        self._bench.write(write)

    def _pass_by(self, unit: UnitOfWork, fill: VenueFill, lots: Decimal, asset: str) -> None:
        """Book what a stranger's trade did to the account, leg by leg."""
        price = self._bench.plan.instruments[fill.symbol].price(fill.ticks)
        quote, name = fill.symbol.settle or fill.symbol.quote, foreign_entry(fill)
        change = lots if fill.side > 0 else lots.copy_negate()
        paid = Decimal(0)
        if not fill.symbol.is_perpetual:
            paid = multiply(change, price.amount)
        fee = fill.fee.amount
        legs = [(f"{name}:{asset}", Money(change, asset), price)]
        if fill.fee.currency == quote:
            paid = add(paid, fee)
        elif fee and (worth := self._fee_price(fill, price)) is not None:
            legs.append((f"{name}:fee", -fill.fee, worth))
        for entry_id, money, worth in legs:
            self._adjust(unit, entry_id, money, worth, fill.occurred_at)
        self._adjust(unit, name, Money(paid.copy_negate(), quote), None, fill.occurred_at)

    @staticmethod
    def _fee_price(fill: VenueFill, price: Price) -> Price | None:
        if fill.fee.currency == fill.symbol.base and not fill.symbol.is_perpetual:
            return price
        return None if fill.fee_price is None else Price(fill.fee_price.amount)

    def funding(self, difference: Difference) -> None:
        """Book a settlement that we missed."""
        if difference.funding is None:
            return
        event = difference.funding

        def write(unit: UnitOfWork) -> None:
            self._bench.collector.take(unit, (event,), self._bench.now)
            self._keeper.settled(unit, difference, "booked")

        self._bench.write(write)

    def balance(self, difference: Difference, server_time: int) -> None:
        """Book a change that no trade explains: to outside, or into suspense if it vanished."""
        asset, symbol, now = difference.asset, difference.symbol, self._bench.now
        price = None if symbol is None else self._price(symbol)
        held, outside, suspended = self._amounts(asset)
        contracts = symbol is not None and symbol.is_perpetual
        parts = bookings(
            difference.change, held=held, outside=outside, suspended=suspended, contracts=contracts
        )

        def write(unit: UnitOfWork) -> None:
            for place, part in enumerate(parts):
                name = f"reconcile:{asset}:{now}:{place}"
                money = Money(part.amount, asset)
                self._adjust(unit, name, money, price, now, unexplained=part.unexplained)
            unit.cursors.put(self._bench.plan.account, UNEXPLAINED, server_time)
            note = ", ".join(_words(part, asset) for part in parts)
            if any(part.vanished for part in parts):
                self._keeper.opened(unit, difference, note, vanished=True)
            else:
                self._keeper.settled(unit, difference, note)

        self._bench.write(write)

    def _amounts(self, asset: str) -> tuple[Decimal, Decimal, Decimal]:
        """Return what is held of an asset, what of it is from outside, and what is in suspense."""
        balances, zero = self._books.balances(), Decimal(0)
        outside = subtract(zero, balances.get((EXTERNAL, asset), zero))
        suspended = subtract(zero, balances.get((SUSPENSE, asset), zero))
        return balances.get((home(asset), asset), zero), outside, suspended

    def _price(self, symbol: Symbol) -> Price:
        quote = self._bench.gear.venue.quote(symbol)
        if quote.bid <= 0:
            raise VenueError(f"{symbol} has no price: the bid is {quote.bid}")
        return self._bench.plan.instruments[symbol].price(quote.bid)

    def _adjust(
        self,
        unit: UnitOfWork,
        name: str,
        money: Money,
        price: Price | None,
        at: int,
        *,
        unexplained: bool = False,
    ) -> None:
        entry = self._books.adjust(name, money, price, at, self._bench.now, unexplained=unexplained)
        if entry is not None:
            unit.ledger.add(entry)


def _words(part: Booking, asset: str) -> str:
    book = "suspense" if part.unexplained else "outside"
    return f"{plain(part.amount)} {asset} booked to {book}"
