"""SimulatedExchange: the server, and the truth about what happened there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from ....application.ports.clock import Clock
from ....application.ports.randomness import Randomness
from ....application.ports.venue import Quote, VenueAccount, VenueFunding, VenueOrderStatus
from ....application.ports.venue_terms import AccountTerms, ContractTerms, MarginMode
from ....domain.errors import ConfigError
from ....domain.market import FeeTier, Instrument, Symbol
from ....domain.orders import TimeInForce
from .accounts import Account
from .audit import audit
from .clearing import Clearing
from .dice import Dice
from .faults import Fault, FaultPlan, Faults, Site
from .floor import Floor, Watcher
from .ledger import atoms, in_units
from .mischief import Mischief
from .path import Path
from .reception import Reception
from .records import Order, Trade
from .rules import ExchangeRules, FeeMode, Filters

_DAY_MS = 86_400_000
_SLACK_MS = 300_000
"""The exchange's clock may have stepped by less than this while a history was written."""


class SimulatedExchange:
    """Several accounts, several symbols, one truth; clients reach it through ``ExchangeVenue``.

    It moves when it is told to (:meth:`sync`) and depends on its seed and on what was asked of it
    when, on nothing else. Not thread-safe.

    Args:
        paths: Where each instrument's market goes.
        clock: True time; clients may have clocks that are wrong.
        randomness: Draws faults, and funding where none is recorded; markets draw their own.

    Attributes:
        floor: Its inside, for oracles.
        faults: What goes wrong, and the count of what did.
        resets: How often all connections were cut; requests on their way then are lost.
    """

    def __init__(
        self,
        instruments: Sequence[Instrument],
        paths: Mapping[Symbol, Path],
        clock: Clock,
        randomness: Randomness,
        rules: ExchangeRules | None = None,
        faults: FaultPlan | None = None,
    ) -> None:
        named = {one.symbol: one for one in instruments}
        lacking = [str(symbol) for symbol in named if symbol not in paths]
        if lacking or not named:
            raise ConfigError(f"the exchange has no market for {', '.join(lacking) or 'anything'}")
        self.clock = clock
        self.floor = Floor(named, paths, rules or ExchangeRules(), clock.now_ms())
        self.reception = Reception(self.floor)
        self._books = tuple(self.floor.books.values())
        self.clearing = Clearing(self.floor, Dice(randomness, "exchange", "funding"))
        self.resets = 0
        self.faults = Faults(faults or FaultPlan(), randomness)
        self.faults.states = self._states
        self.mischief = Mischief(self, self.faults)
        self._delays = self.faults.dice("held back fills")
        self.floor.hold_back = self._hold_back
        self.floor.down = lambda order: self._fire(Fault.FILL_WHILE_DOWN, order)
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
        self.floor.timeline.advance(self.clock.now_ms(), self._books)
        return self.floor.now

    def advance(self, now_ms: int) -> None:
        """Let the exchange live until ``now_ms``, whatever the clock says."""
        self.floor.timeline.advance(now_ms, self._books)

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
        """Set the exchange's clock off by ``skew_ms``; dated orders end by the new time.

        It restarts for that: connections are cut, and what was hidden shows. Otherwise its clock
        could pass a fence while the request is still on its way.
        """
        self.floor.skew_ms = skew_ms
        self.resets += 1
        for account in self.floor.accounts.values():
            for order in account.working.values():
                order.visible_at = min(order.visible_at, self.floor.now)
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

    def quote_at(self, symbol: Symbol, time_ms: int) -> Quote:
        """Return the touch of an earlier instant of true time, without clients' orders."""
        tick = self.floor.book(symbol).path.at(time_ms)
        at = min(tick.at, time_ms) + self.floor.skew_ms
        return Quote(symbol, tick.bid, tick.ask, tick.bid_lots, tick.ask_lots, at)

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
        currencies = self.clearing.currencies
        for currency in currencies:
            free[currency] = in_units(max(0, self.floor.margin.available(account, currency)))
        positions = {symbol: one.lots for symbol, one in holdings.positions.items() if one.lots}
        ratios = [self.floor.margin.ratio(account, currency) for currency in currencies]
        return VenueAccount(balances, free, positions, max(ratios, default=None))

    def terms(self, name: str) -> AccountTerms:
        """Return an account's fee tier and margin terms."""
        account, rules, settlement = self.floor.account(name), self.rules, self.floor.settlement
        fees = {
            symbol: FeeTier(
                Decimal(0),
                settlement.rate(account, symbol, maker=True),
                settlement.rate(account, symbol, maker=False),
            )
            for symbol in self.floor.books
        }
        held = ContractTerms(MarginMode.CROSS, rules.one_way, rules.leverage, rules.maintenance_ppm)
        return AccountTerms(fees, {one: held for one in fees if one.is_perpetual})

    def audit(self) -> None:
        """Prove that nothing was made or lost, and that orders, trades and locks agree.

        Raises:
            MettleError: If they do not: a defect of ours.
        """
        audit(self.floor)

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

    def _hold_back(self, order: Order) -> int:
        """Return how long the fill that just happened stays out of the histories."""
        fault = self.faults.pick(Site.FILL, order.account, self.floor.now)
        if fault is None:
            return 0
        self._fire(fault, order)
        return self._delays.between(500, 20_000)

    def _fire(self, fault: Fault, order: Order) -> None:
        self.faults.fire(fault, order.account, order.new.client_id)

    def _states(self, name: str, client_id: str) -> list[str]:
        """Return the states of one order, or of all live ones, in the exchange's words."""
        account = self.floor.accounts.get(name)
        if account is None:
            return []
        if client_id:
            found = account.latest(client_id)
            return [_word(found) if found is not None else "absent"]
        return [_word(one) for one in account.working.values()]

    def _from(self, since_ms: int) -> int:
        return since_ms - self.floor.skew_ms - _SLACK_MS


def _word(order: Order) -> str:
    if order.is_open and order.filled:
        return "partial"
    return order.status.value
