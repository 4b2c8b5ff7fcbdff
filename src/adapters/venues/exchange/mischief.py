"""The faults that happen to the exchange itself: windows open and close, and things befall it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING

from ....application.ports.venue import VenueOrderStatus
from ....domain.errors import ConfigError
from ....domain.market import Symbol
from .accounts import Account
from .dice import Dice
from .faults import CATALOGUE, Fault, Faults, Site
from .ledger import in_units
from .records import NewOrder, Order
from .rules import FeeMode

if TYPE_CHECKING:
    from .exchange import SimulatedExchange

HOUR = 3_600_000
MINUTE = 60_000
FOREIGN = "manual-"
"""How the client ids of orders begin that somebody else places on an account."""

_SKEW_MS = 90_000
_SPIKE = 300_000
"""Funding of 0.3 % a settlement, 1e-8."""


class Mischief:
    """Plans and carries out what befalls one exchange."""

    def __init__(self, exchange: SimulatedExchange, faults: Faults) -> None:
        self._exchange = exchange
        self._faults = faults
        self._foreign = 0
        self._skews = {Fault.CLOCK_STEP: 0, Fault.CLOCK_SKEW: 0}
        self._dice = {fault: faults.dice(fault.value) for fault in CATALOGUE}
        self._fees: dict[Fault, FeeMode] = {}
        self._usual: dict[str, FeeMode] = {}
        self._undo: dict[Fault, Callable[[], None]] = {}
        self._acts: dict[Fault, Callable[[Dice], bool]] = {
            Fault.CLOCK_SKEW: lambda dice: self._turn_clock(Fault.CLOCK_SKEW, dice),
            Fault.CLOCK_STEP: lambda dice: self._turn_clock(Fault.CLOCK_STEP, dice),
            Fault.FEE_IN_BASE: lambda _: self._charge(Fault.FEE_IN_BASE, FeeMode.RECEIVED),
            Fault.FEE_IN_THIRD: lambda _: self._charge(Fault.FEE_IN_THIRD, FeeMode.THIRD),
            Fault.FILTERS_CHANGE: self._change_filters,
            Fault.STOP_LOCKS_BALANCE: self._lock,
            Fault.FOREIGN_ORDER: self._place_foreign,
            Fault.BALANCE_MOVED: self._move_balance,
            Fault.LIQUIDATION: self._liquidate,
            Fault.FUNDING_PAID: lambda _: self._spike(Fault.FUNDING_PAID, 1),
            Fault.FUNDING_RECEIVED: lambda _: self._spike(Fault.FUNDING_RECEIVED, -1),
        }
        self._schedule()

    def _schedule(self) -> None:
        timeline, plan = self._exchange.floor.timeline, self._faults.plan
        for fault, rate in plan.rates.items():
            if CATALOGUE[fault].site in (Site.LASTING, Site.EVENT) and rate > 0:
                self._plan(fault, rate)
        for strike in plan.strikes:
            if CATALOGUE[strike.fault].site is Site.EVENT:
                timeline.at(strike.at, partial(self._happen, strike.fault))
            elif CATALOGUE[strike.fault].site is Site.LASTING:
                end = strike.until or 0
                timeline.at(strike.at, partial(self._begin, strike.fault, end))
        if plan.ends_at is not None:
            timeline.at(plan.ends_at, self.calm)

    def _plan(self, fault: Fault, rate: float) -> None:
        """Draw when a fault comes next: so many an hour, without memory."""
        dice = self._dice[fault]
        wait = int(-math.log(1.0 - dice.share()) * HOUR / rate)

        def come() -> None:
            if self._faults.is_over:
                return
            self._plan(fault, rate)
            low, high = self._faults.plan.lasts.get(fault, CATALOGUE[fault].lasts)
            minutes = dice.between(low, high)
            if fault in self._faults.plan.without:
                return
            if CATALOGUE[fault].site is Site.EVENT:
                self._happen(fault)
            else:
                self._begin(fault, self._exchange.floor.now + minutes * MINUTE)

        self._exchange.floor.timeline.at(self._exchange.floor.now + wait, come)

    def befall(self, fault: Fault, until: int) -> None:
        """Let a fault of the exchange happen now, for a drill.

        Args:
            until: When it ends, if it lasts.
        """
        if CATALOGUE[fault].site is Site.EVENT:
            self._happen(fault)
        else:
            self._begin(fault, until)

    def _happen(self, fault: Fault) -> None:
        if not self._faults.is_over and self._acts[fault](self._dice[fault]):
            self._count(fault)

    def _begin(self, fault: Fault, until: int) -> None:
        floor = self._exchange.floor
        if self._faults.is_over or self._faults.is_on(fault, floor.now):
            return
        act = self._acts.get(fault)
        if act is not None and not act(self._dice[fault]):
            return
        self._faults.open(fault, until)
        floor.note("fault", "", fault, f"{fault.value} until {until}")
        if act is not None:
            self._count(fault)
            floor.timeline.at(until, lambda: self._end(fault))

    def _end(self, fault: Fault) -> None:
        undo = self._undo.pop(fault, None)
        if undo is not None:
            undo()

    def calm(self) -> None:
        """End every fault and put everything right again."""
        self._faults.end()
        for undo in list(self._undo.values()):
            undo()
        self._undo.clear()
        self._skews = dict.fromkeys(self._skews, 0)
        self._set_clock()
        for account in self._accounts():
            for order in list(account.working.values()):
                if order.new.client_id.startswith(FOREIGN):
                    self._exchange.floor.end(order, VenueOrderStatus.CANCELED, "by hand")
        self._exchange.floor.note("fault", "", None, "all faults end")

    def _count(self, fault: Fault) -> None:
        for account in self._accounts():
            self._faults.fire(fault, account.name)

    def _accounts(self) -> list[Account]:
        return list(self._exchange.floor.accounts.values())

    def _turn_clock(self, fault: Fault, dice: Dice) -> bool:
        self._skews[fault] = dice.between(-_SKEW_MS, _SKEW_MS)
        self._set_clock()
        if fault is Fault.CLOCK_SKEW:
            self._undo[fault] = lambda: self._right_clock(fault)
        return True

    def _right_clock(self, fault: Fault) -> None:
        self._skews[fault] = 0
        self._set_clock()

    def _set_clock(self) -> None:
        total = sum(self._skews.values())
        self._exchange.set_skew(max(-_SKEW_MS, min(_SKEW_MS, total)))

    def _charge(self, fault: Fault, mode: FeeMode) -> bool:
        if fault is Fault.FEE_IN_THIRD and not self._exchange.rules.third_asset:
            return False
        if not self._fees:
            self._usual = {account.name: account.fee_mode for account in self._accounts()}
        self._fees[fault] = mode
        self._set_fees()

        def undo() -> None:
            self._fees.pop(fault, None)
            self._set_fees()

        self._undo[fault] = undo
        return True

    def _set_fees(self) -> None:
        for account in self._accounts():
            usual = self._usual.get(account.name, account.fee_mode)
            account.fee_mode = next(reversed(self._fees.values()), usual)

    def _change_filters(self, dice: Dice) -> bool:
        filters = self._exchange.floor.filters
        symbol = dice.one_of(list(filters))
        before = filters[symbol]
        kind = dice.between(0, 2)
        if kind == 0:
            changed = replace(before, tick_multiple=before.tick_multiple * dice.one_of((2, 5, 10)))
        elif kind == 1:
            changed = replace(before, lot_multiple=before.lot_multiple * dice.one_of((2, 10)))
        else:
            changed = replace(before, min_notional=before.min_notional * dice.one_of((2, 5)))
        self._exchange.set_filters(symbol, changed)
        self._undo[Fault.FILTERS_CHANGE] = lambda: self._exchange.set_filters(symbol, before)
        return True

    def _lock(self, dice: Dice) -> bool:
        """Let somebody place a stop that locks all there is to sell."""
        del dice
        floor, placed = self._exchange.floor, []
        for account in self._accounts():
            for symbol, book in floor.books.items():
                lots = 0
                if not symbol.is_perpetual:
                    one = floor.settlement.base(symbol, 1)
                    lots = account.holdings.free(symbol.base) // one
                if lots <= 0:
                    continue
                half = max(2, book.mark(floor.now) // 2)
                order = self._by_hand(account, symbol, -1, lots, half - 1, trigger=half)
                placed += [order] if order is not None else []

        def undo() -> None:
            for order in placed:
                floor.end(order, VenueOrderStatus.CANCELED, "by hand")

        self._undo[Fault.STOP_LOCKS_BALANCE] = undo
        return bool(placed)

    def _place_foreign(self, dice: Dice) -> bool:
        floor = self._exchange.floor
        accounts = self._accounts()
        if not accounts:
            return False
        account, symbol = dice.one_of(accounts), dice.one_of(list(floor.books))
        tick, unit = floor.books[symbol].tick(floor.now), floor.instruments[symbol].unit_value
        side = dice.one_of((1, -1))
        away = dice.between(-tick.bid // 2_000, tick.bid // 1_000)
        filters = floor.filters[symbol]
        limit = max(1, (tick.bid if side > 0 else tick.ask) - side * away)
        limit = max(1, limit // filters.tick_multiple) * filters.tick_multiple
        least = -(-filters.min_notional // (limit * unit)) + filters.min_lots
        lots = least * dice.between(1, 3)
        lots = -(-lots // filters.lot_multiple) * filters.lot_multiple
        order = self._by_hand(account, symbol, side, lots, limit)
        if order is None:
            return False
        end = floor.now + dice.between(1, 30) * MINUTE
        floor.timeline.at(end, lambda: floor.end(order, VenueOrderStatus.CANCELED, "by hand"))
        return True

    def _by_hand(
        self,
        account: Account,
        symbol: Symbol,
        side: int,
        lots: int,
        limit: int,
        *,
        trigger: int | None = None,
    ) -> Order | None:
        self._foreign += 1
        name = f"{FOREIGN}{self._foreign}"
        new = NewOrder(name, symbol, side, lots, limit, trigger=trigger)
        return self._exchange.reception.place(account.name, new)[1]

    def _move_balance(self, dice: Dice) -> bool:
        accounts = self._accounts()
        if not accounts:
            return False
        account = dice.one_of(accounts)
        assets = [asset for asset in account.holdings.balances if account.holdings.free(asset) > 0]
        if not assets:
            return False
        asset = dice.one_of(assets)
        share = Decimal(dice.between(1, 100)).scaleb(-4)
        amount = (in_units(account.holdings.free(asset)) * share).quantize(Decimal("1e-8"))
        try:
            self._exchange.transfer(account.name, asset, amount if dice.hit(0.5) else -amount)
        except ConfigError:
            return False
        return bool(amount)

    def _liquidate(self, dice: Dice) -> bool:
        exposed = [
            (account, symbol.settle)
            for account in self._accounts()
            for symbol, position in account.holdings.positions.items()
            if position.lots
        ]
        if not exposed:
            return False
        self._exchange.clearing.liquidate(*dice.one_of(exposed))
        return True

    def _spike(self, fault: Fault, sign: int) -> bool:
        """Let the next settlement cost or pay plenty, by the side that is held then."""
        symbols = [symbol for symbol in self._exchange.floor.books if symbol.is_perpetual]
        if not symbols:
            return False
        symbol = self._dice[fault].one_of(symbols)
        held = sum(
            account.holdings.positions[symbol].lots
            for account in self._accounts()
            if symbol in account.holdings.positions
        )
        self._exchange.clearing.next_rate[symbol] = sign * (_SPIKE if held >= 0 else -_SPIKE)
        return True
