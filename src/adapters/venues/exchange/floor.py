"""The floor of the exchange: where orders fill and end, and everybody concerned is told."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from weakref import WeakMethod

from ....application.ports.venue import VenueEvent, VenueFill, VenueOrderStatus
from ....domain.errors import NotFound
from ....domain.market import Instrument, Symbol
from .accounts import Account
from .book import Book, Hands
from .ledger import Ledger
from .margin import Margin
from .path import Path
from .records import Order, Trade
from .rules import ExchangeRules, Filters
from .settlement import Settlement
from .timeline import Timeline

Listener = Callable[[VenueEvent, int], None]
Watcher = Callable[[str, str, object], None]
Delay = Callable[[Order], int]


class Floor:
    """All state of the exchange, and the few ways in which it changes.

    Attributes:
        skew_ms: The exchange's own clock less true time.
        hold_back: How long histories and pushes keep quiet about the fill that just happened,
            milliseconds.
        down: Told of fills of accounts to which no client listens.
        exposed: Told of every fill of a perpetual.
    """

    def __init__(
        self,
        instruments: Mapping[Symbol, Instrument],
        paths: Mapping[Symbol, Path],
        rules: ExchangeRules,
        now_ms: int,
    ) -> None:
        self.rules = rules
        self.instruments = dict(instruments)
        self.filters = {symbol: Filters.of(one) for symbol, one in instruments.items()}
        self.timeline = Timeline(now_ms)
        self.ledger = Ledger()
        self.settlement = Settlement(self.ledger, self.instruments, rules)
        self.margin = Margin(self.settlement, rules, self.mark)
        hands = Hands(self.fill, self.room, self.expire)
        self.books = {symbol: Book(paths[symbol], hands, now_ms) for symbol in instruments}
        self.accounts: dict[str, Account] = {}
        self.watchers: list[Watcher] = []
        self.skew_ms = 0
        self.hold_back: Delay = lambda _: 0
        self.down: Callable[[Order], None] = lambda _: None
        self.exposed: Callable[[], None] = lambda: None
        self._listeners: dict[str, list[WeakMethod[Listener]]] = {}
        self._orders = 0
        self._trades = dict.fromkeys(instruments, 0)
        self._trace = hashlib.sha256()

    @property
    def now(self) -> int:
        """True time."""
        return self.timeline.now

    @property
    def server_time(self) -> int:
        """What the exchange's own clock shows."""
        return self.timeline.now + self.skew_ms

    @property
    def trace(self) -> str:
        """SHA-256 over everything that happened, in order."""
        return self._trace.hexdigest()

    def account(self, name: str) -> Account:
        """Return an account.

        Raises:
            NotFound: If there is none of that name.
        """
        try:
            return self.accounts[name]
        except KeyError:
            raise NotFound(f"the exchange has no account {name!r}") from None

    def book(self, symbol: Symbol) -> Book:
        """Return a symbol's book.

        Raises:
            NotFound: If it does not trade here.
        """
        try:
            return self.books[symbol]
        except KeyError:
            raise NotFound(f"{symbol} does not trade here") from None

    def mark(self, symbol: Symbol) -> int:
        """Return the mark price in ticks."""
        return self.books[symbol].mark(self.timeline.now)

    def next_number(self) -> int:
        """Return the number of a new order."""
        self._orders += 1
        return self._orders

    def note(self, kind: str, account: str, record: object, text: str) -> None:
        """Add to the trace and tell the watchers."""
        self._trace.update(f"{self.timeline.now} {kind} {account} {text}\n".encode())
        for watcher in self.watchers:
            watcher(kind, account, record)

    def listen(self, account: str, listener: Listener) -> None:
        """Push an account's events to a bound method for as long as its object lives."""
        self._listeners.setdefault(account, []).append(WeakMethod(listener))

    def unlisten(self, account: str, listener: Listener) -> None:
        """Push nothing more to a bound method."""
        known = self._listeners.get(account, [])
        self._listeners[account] = [one for one in known if one() != listener]

    def push(self, account: str, event: VenueEvent, at: int | None = None) -> None:
        """Tell an account's listeners; return at once, delivery is their network's affair.

        Args:
            at: When it is sent, true time; now unless given.
        """
        known = self._listeners.get(account, [])
        living = [(one, found) for one in known if (found := one()) is not None]
        if len(living) != len(known):
            self._listeners[account] = [one for one, _ in living]
        for _, listener in living:
            listener(event, self.timeline.now if at is None else at)

    def tell(self, order: Order) -> None:
        """Push an order as it stands, once it may be seen."""
        self.push(order.account, order.shown(), max(self.timeline.now, order.visible_at))

    def is_heard(self, account: str) -> bool:
        """Return whether any client of an account listens."""
        return any(one() is not None for one in self._listeners.get(account, ()))

    def room(self, order: Order) -> int:
        """Return how many lots of an order may fill now."""
        new = order.new
        if not order.is_open:
            return 0
        if not (new.reduce_only and new.symbol.is_perpetual):
            return order.remaining
        held = self.accounts[order.account].position(new.symbol).lots
        return min(order.remaining, abs(held)) if held * new.side < 0 else 0

    def fill(self, order: Order, lots: int, ticks: int, maker: bool) -> None:
        """Execute lots of an order and settle them."""
        account, new, now = self.accounts[order.account], order.new, self.timeline.now
        realised, held = 0, self.hold_back(order)
        if not self.is_heard(order.account):
            self.down(order)
        if new.symbol.is_perpetual:
            fee_asset, fee, realised = self.settlement.perpetual(
                account, order, lots, ticks, maker=maker
            )
        else:
            fee_asset, fee = self.settlement.spot(account, order, lots, ticks, maker=maker)
        order.filled += lots
        order.updated_at = self.server_time
        number = self._trades[new.symbol] = self._trades[new.symbol] + 1
        shown = VenueFill(
            str(number),
            new.client_id,
            new.symbol,
            new.side,
            lots,
            ticks,
            self.settlement.money(fee_asset, fee),
            maker,
            self.server_time,
            new.purpose,
            None,
            self.settlement.fee_price(new.symbol, fee_asset),
        )
        visible = max(order.visible_at, now + held)
        trade = Trade(shown, order.number, order.account, fee_asset, fee, realised, visible)
        account.trade_times.add(account.trades, trade, now)
        text = f"{order.venue_id} {lots}@{ticks} {fee} {fee_asset} {maker:d}"
        self.note("trade", order.account, trade, text)
        self.push(order.account, shown, visible)
        if order.remaining == 0:
            self.end(order, VenueOrderStatus.FILLED, "")
        else:
            self.tell(order)
        if new.symbol.is_perpetual:
            self._after_contract(account, order)

    def expire(self, order: Order, reason: str) -> None:
        """End what is left of an order by the exchange's own rule."""
        self.end(order, VenueOrderStatus.EXPIRED, reason)

    def end(self, order: Order, status: VenueOrderStatus, reason: str) -> None:
        """End an order and unlock what it locked; one that has ended stays as it is."""
        if not order.is_open:
            return
        account = self.accounts[order.account]
        order.status, order.reason = status, reason
        order.updated_at = self.server_time
        if order.lock_asset:
            account.holdings.lock(order.lock_asset, -order.locked)
        order.locked = 0
        account.working.pop(order.number, None)
        self.books[order.new.symbol].remove(order)
        self.note("end", order.account, order, f"{order.venue_id} {status.value} {order.filled}")
        self.tell(order)

    def _after_contract(self, account: Account, order: Order) -> None:
        """Adjust margins and orders to a position that has changed."""
        new = order.new
        if order.locked and order.is_open:
            needed = self.margin.needed(account, new.symbol, new.side * order.remaining, new.limit)
            order.locked = min(order.locked, needed)
        for other in list(account.working.values()):
            if other.new.symbol == new.symbol and other is not order and not self.room(other):
                self.expire(other, "reduce-only: nothing is left to reduce")
        self._cover(account, new.symbol.settle)
        self.exposed()

    def _cover(self, account: Account, currency: str) -> None:
        """Cancel the newest spot orders while losses eat into what they lock."""
        for order in reversed(list(account.working.values())):
            if account.holdings.free(currency) >= 0:
                return
            if order.lock_asset == currency:
                self.end(order, VenueOrderStatus.CANCELED, "insufficient margin")
