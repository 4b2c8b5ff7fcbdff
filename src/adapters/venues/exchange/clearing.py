"""What the exchange does to perpetuals by the clock: funding, margin checks, liquidation."""

from __future__ import annotations

from ....application.ports.venue import VenueFunding, VenueOrderStatus
from ....domain.market import Symbol
from ....domain.orders import Purpose
from .accounts import Account
from .dice import Dice
from .floor import Floor
from .ledger import MARKET, UNIT
from .records import NewOrder, Order

_MARGIN_MS = 10_000
_LIQUIDATION_PPM = 5_000
"""How far beyond the mark a liquidation fills."""
_RATES = (-10_000, 30_000)
"""Funding where none is recorded, 1e-8 a settlement."""


class Clearing:
    """Settles funding and watches margins.

    Attributes:
        next_rate: Replaces the rate of a symbol's next settlement, 1e-8.
    """

    def __init__(self, floor: Floor, dice: Dice) -> None:
        self.next_rate: dict[Symbol, int] = {}
        self._floor = floor
        self._dice = dice
        self._watching = False
        self.currencies = list(dict.fromkeys(one.settle for one in floor.books if one.settle))
        floor.exposed = self._watch
        if self.currencies:
            self._plan()

    def liquidate(self, account: Account, currency: str) -> None:
        """Cancel all of an account's orders on perpetuals and close its positions."""
        for order in list(account.working.values()):
            if order.new.symbol.settle == currency:
                self._floor.end(order, VenueOrderStatus.CANCELED, "liquidation")
        for symbol, position in list(account.holdings.positions.items()):
            if position.lots and symbol.settle == currency:
                self._close(account, symbol, position.lots)

    def _close(self, account: Account, symbol: Symbol, lots: int) -> None:
        floor = self._floor
        side, mark = (-1 if lots > 0 else 1), floor.mark(symbol)
        ticks = max(1, mark + side * (mark * _LIQUIDATION_PPM // 1_000_000))
        new = NewOrder("", symbol, side, abs(lots), ticks, purpose=Purpose.LIQUIDATION)
        order = Order(
            floor.next_number(), account.name, new, floor.server_time, floor.server_time,
            visible_at=floor.now,
        )  # fmt: skip
        account.order_times.add(account.orders, order, floor.now)
        account.working[order.number] = order
        floor.fill(order, abs(lots), ticks, False)

    def _watch(self) -> None:
        """Check margins every few seconds from now on, for as long as positions are open."""
        if not self._watching:
            self._watching = True
            self._floor.timeline.at(self._floor.now + _MARGIN_MS, self._check)

    def _check(self) -> None:
        self._watching = False
        exposed = False
        for account in list(self._floor.accounts.values()):
            for currency in self.currencies:
                if not self._floor.margin.is_liquid(account, currency):
                    self.liquidate(account, currency)
            exposed = exposed or any(one.lots for one in account.holdings.positions.values())
        if exposed:
            self._watch()

    def _plan(self) -> None:
        every = self._floor.rules.funding_ms
        self._floor.timeline.at((self._floor.now // every + 1) * every, self._settle)

    def _settle(self) -> None:
        floor = self._floor
        for symbol, book in floor.books.items():
            if not symbol.is_perpetual:
                continue
            rate = book.path.funding(floor.now)
            if rate is None:
                rate = self._dice.between(*_RATES)
            rate = self.next_rate.pop(symbol, rate)
            for account in floor.accounts.values():
                self._pay(account, symbol, rate)
        self._plan()

    def _pay(self, account: Account, symbol: Symbol, rate: int) -> None:
        floor = self._floor
        position = account.holdings.positions.get(symbol)
        if position is None or not position.lots:
            return
        received = floor.margin.funding(symbol, position, rate)
        floor.ledger.move(symbol.settle, received * UNIT, MARKET, account.name)
        settlement = f"{floor.now}-{symbol}"
        row = VenueFunding(settlement, symbol, received, floor.server_time)
        account.funding_times.add(account.funding, row, floor.now)
        floor.note("funding", account.name, row, f"{settlement} {received}")
        floor.push(account.name, row)
