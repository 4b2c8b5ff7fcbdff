"""SimulatedExchange: the server, and the truth about what happened there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from ....application.ports.clock import Clock
from ....application.ports.randomness import Randomness
from ....application.ports.venue import Quote, VenueAccount, VenueFunding, VenueOrderStatus
from ....domain.errors import ConfigError
from ....domain.market import Instrument, Symbol
from ....domain.orders import Purpose, TimeInForce
from .accounts import Account
from .audit import audit
from .dice import Dice
from .floor import Floor, Watcher
from .ledger import MARKET, UNIT, atoms, in_units
from .path import Path
from .reception import Reception
from .records import NewOrder, Order, Trade
from .rules import ExchangeRules, FeeMode, Filters

_MARGIN_MS = 10_000
_DAY_MS = 86_400_000
_SLACK_MS = 300_000
"""The exchange's clock may have stepped by less than this while a history was written."""
_LIQUIDATION_PPM = 5_000
"""How far beyond the mark a liquidation fills."""


class SimulatedExchange:
    """Several accounts, several symbols, one truth; clients reach it through ``ExchangeVenue``.

    It moves when it is told to (:meth:`sync`) and depends on its seed and on what was asked of it
    when, on nothing else. Not thread-safe.

    Args:
        paths: Where each instrument's market goes.
        clock: True time; clients may have clocks that are wrong.
        randomness: Draws funding where none is recorded; markets draw their own.
    """

    def __init__(
        self,
        instruments: Sequence[Instrument],
        paths: Mapping[Symbol, Path],
        clock: Clock,
        randomness: Randomness,
        rules: ExchangeRules | None = None,
    ) -> None:
        named = {one.symbol: one for one in instruments}
        lacking = [str(symbol) for symbol in named if symbol not in paths]
        if lacking or not named:
            raise ConfigError(f"the exchange has no market for {', '.join(lacking) or 'anything'}")
        self.clock = clock
        self.floor = Floor(named, paths, rules or ExchangeRules(), clock.now_ms())
        self.reception = Reception(self.floor)
        self.next_rate: dict[Symbol, int] = {}
        self._dice = Dice(randomness, "exchange", "funding")
        self._margin_watched = False
        self.floor.exposed = self._watch_margin
        if any(symbol.is_perpetual for symbol in named):
            self._plan_funding()
        if self.rules.retain_ms:
            self.floor.timeline.at(self.floor.now + _DAY_MS, self._forget)

    @property
    def rules(self) -> ExchangeRules:
        """The terms of business."""
        return self.floor.rules

    @property
    def trace(self) -> str:
        """SHA-256 over everything that happened so far, in order."""
        return self.floor.trace

    @property
    def ticks(self) -> int:
        """How many ticks of the market were played."""
        return self.floor.timeline.ticks

    def watch(self, watcher: Watcher) -> None:
        """Tell ``watcher`` of every event: kind, account, record.

        Kinds: ``create`` (NewOrder, as received), ``order`` and ``end`` (Order), ``trade`` (Trade),
        ``funding`` (VenueFunding), ``flow`` (asset and atoms).
        """
        self.floor.watchers.append(watcher)

    def sync(self) -> int:
        """Let the exchange live until the present; return true time."""
        self.floor.timeline.advance(self.clock.now_ms(), tuple(self.floor.books.values()))
        return self.floor.now

    def advance(self, now_ms: int) -> None:
        """Let the exchange live until ``now_ms``, whatever the clock says."""
        self.floor.timeline.advance(now_ms, tuple(self.floor.books.values()))

    def next_due(self) -> int:
        """Return when something happens here of itself, ticks aside."""
        return self.floor.timeline.next_due

    def open_account(
        self,
        name: str,
        deposits: Mapping[str, Decimal],
        *,
        fee_mode: FeeMode = FeeMode.QUOTE,
        rates: tuple[int, int] | None = None,
    ) -> Account:
        """Open an account and pay in.

        Args:
            rates: Maker and taker rate in millionths; the instruments' own unless given.
        """
        maker, taker = rates or (None, None)
        account = Account(name, self.floor.ledger.open(name), fee_mode, maker, taker)
        self.floor.accounts[name] = account
        for asset, amount in deposits.items():
            self.transfer(name, asset, amount)
        return account

    def transfer(self, name: str, asset: str, amount: Decimal) -> None:
        """Pay into an account, or out of it if negative, never more than it has free.

        Raises:
            ConfigError: If it has less.
        """
        count = atoms(amount, asset)
        if self.floor.account(name).holdings.free(asset) + count < 0:
            raise ConfigError(f"{name} has not got {-amount} {asset} free")
        self.floor.ledger.flow(name, asset, count)
        self.floor.note("flow", name, (asset, count), f"{asset} {count}")

    def set_filters(self, symbol: Symbol, filters: Filters) -> None:
        """Change which orders a symbol takes; orders that rest stay."""
        self.floor.filters[symbol] = filters

    def set_third_price(self, quote: str, units: int) -> None:
        """Set what one unit of the exchange's own asset costs, 1e-8 quote."""
        self.floor.settlement.third_prices[quote] = units

    def set_skew(self, skew_ms: int) -> None:
        """Set the exchange's clock off by ``skew_ms``; dated orders end by the new time."""
        self.floor.skew_ms = skew_ms
        for account in self.floor.accounts.values():
            for order in account.working.values():
                if order.new.time_in_force is TimeInForce.GTD:
                    self.reception.watch_end(order)

    def force_fill(self, order: Order, lots: int) -> None:
        """Let the market trade with a resting order at its price."""
        lots = min(lots, self.floor.room(order))
        if order.is_open and not order.stopped and lots > 0:
            self.floor.fill(order, lots, order.new.limit, True)

    def cancel_all_after(self, name: str, milliseconds: int | None) -> None:
        """Arm the dead man's switch of an account, or disarm it with None."""
        account = self.floor.account(name)
        account.cancel_at = None if milliseconds is None else self.floor.now + milliseconds
        if account.cancel_at is not None:
            self.floor.timeline.at(account.cancel_at, lambda: self._dead_man(account))

    def quote(self, symbol: Symbol) -> Quote:
        """Return the touch, clients' orders included."""
        bid, ask, bid_lots, ask_lots, at = self.floor.book(symbol).touch(self.floor.now)
        return Quote(symbol, bid, ask, bid_lots, ask_lots, at + self.floor.skew_ms)

    def order(self, name: str, client_id: str) -> Order | None:
        """Return the newest visible order of a client id."""
        found = self.floor.account(name).latest(client_id)
        return found if found is not None and found.visible_at <= self.floor.now else None

    def open_orders(self, name: str) -> list[Order]:
        """Return the orders that may still fill, oldest first."""
        now = self.floor.now
        working = self.floor.account(name).working.values()
        return [one for one in working if one.visible_at <= now]

    def orders(self, name: str, since_ms: int, skip: int) -> list[Order]:
        """Return a page of the orders created at ``since_ms`` or later, oldest first."""
        account, now = self.floor.account(name), self.floor.now
        rows = account.order_times.since(account.orders, self._from(since_ms))
        found = [one for one in rows if one.created_at >= since_ms and one.visible_at <= now]
        return found[skip : skip + self.rules.page]

    def trades(self, name: str, since_ms: int, skip: int) -> list[Trade]:
        """Return a page of the trades from ``since_ms`` on, oldest first."""
        account, now = self.floor.account(name), self.floor.now
        rows = account.trade_times.since(account.trades, self._from(since_ms))
        found = [one for one in rows if one.shown.occurred_at >= since_ms and one.visible_at <= now]
        return found[skip : skip + self.rules.page]

    def funding(self, name: str, since_ms: int, skip: int) -> list[VenueFunding]:
        """Return a page of the funding settlements from ``since_ms`` on, oldest first."""
        account = self.floor.account(name)
        rows = account.funding_times.since(account.funding, self._from(since_ms))
        found = [one for one in rows if one.occurred_at >= since_ms]
        return found[skip : skip + self.rules.page]

    def account(self, name: str) -> VenueAccount:
        """Return balances and positions; a perpetual's open profit is in no balance."""
        account = self.floor.account(name)
        holdings = account.holdings
        balances = {asset: in_units(count) for asset, count in holdings.balances.items()}
        free = {asset: in_units(holdings.free(asset)) for asset in holdings.balances}
        currencies = self._currencies()
        for currency in currencies:
            free[currency] = in_units(max(0, self.floor.margin.available(account, currency)))
        positions = {symbol: one.lots for symbol, one in holdings.positions.items() if one.lots}
        ratios = [self.floor.margin.ratio(account, currency) for currency in currencies]
        return VenueAccount(balances, free, positions, max(ratios, default=None))

    def audit(self) -> None:
        """Prove that nothing was made or lost, and that orders, trades and locks agree.

        Raises:
            MettleError: If they do not: a defect of ours.
        """
        audit(self.floor)

    def liquidate(self, account: Account, currency: str) -> None:
        """Cancel all of an account's orders on perpetuals and close its positions."""
        for order in list(account.working.values()):
            if order.new.symbol.settle == currency:
                self.floor.end(order, VenueOrderStatus.CANCELED, "liquidation")
        for symbol, position in list(account.holdings.positions.items()):
            if position.lots and symbol.settle == currency:
                self._close(account, symbol, position.lots)

    def _watch_margin(self) -> None:
        """Check margins every few seconds from now on, for as long as positions are open."""
        if not self._margin_watched:
            self._margin_watched = True
            self.floor.timeline.at(self.floor.now + _MARGIN_MS, self._check_margin)

    def _close(self, account: Account, symbol: Symbol, lots: int) -> None:
        side, mark = (-1 if lots > 0 else 1), self.floor.mark(symbol)
        ticks = max(1, mark + side * (mark * _LIQUIDATION_PPM // 1_000_000))
        new = NewOrder("", symbol, side, abs(lots), ticks, purpose=Purpose.LIQUIDATION)
        now = self.floor.server_time
        order = Order(self.floor.next_number(), account.name, new, now, now)
        account.order_times.add(account.orders, order, self.floor.now)
        account.working[order.number] = order
        self.floor.fill(order, abs(lots), ticks, False)

    def _check_margin(self) -> None:
        self._margin_watched = False
        exposed = False
        for account in list(self.floor.accounts.values()):
            for currency in self._currencies():
                if not self.floor.margin.is_liquid(account, currency):
                    self.liquidate(account, currency)
            exposed = exposed or any(one.lots for one in account.holdings.positions.values())
        if exposed:
            self._watch_margin()

    def _plan_funding(self) -> None:
        every = self.rules.funding_ms
        due = (self.floor.now // every + 1) * every
        self.floor.timeline.at(due, self._settle_funding)

    def _settle_funding(self) -> None:
        floor = self.floor
        for symbol, book in floor.books.items():
            if not symbol.is_perpetual:
                continue
            rate = book.path.funding(floor.now)
            if rate is None:
                rate = self._dice.between(-10_000, 30_000)
            rate = self.next_rate.pop(symbol, rate)
            for account in floor.accounts.values():
                self._pay_funding(account, symbol, rate)
        self._plan_funding()

    def _pay_funding(self, account: Account, symbol: Symbol, rate: int) -> None:
        floor = self.floor
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

    def _dead_man(self, account: Account) -> None:
        if account.cancel_at is not None and account.cancel_at <= self.floor.now:
            account.cancel_at = None
            for order in list(account.working.values()):
                if not order.stopped:
                    self.floor.end(order, VenueOrderStatus.CANCELED, "dead man's switch")

    def _forget(self) -> None:
        before = self.floor.now - self.rules.retain_ms
        for account in self.floor.accounts.values():
            account.forget(before)
        self.floor.timeline.at(self.floor.now + _DAY_MS, self._forget)

    def _from(self, since_ms: int) -> int:
        return since_ms - self.floor.skew_ms - _SLACK_MS

    def _currencies(self) -> list[str]:
        return list(dict.fromkeys(one.settle for one in self.floor.books if one.settle))
