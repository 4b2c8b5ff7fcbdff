"""ExchangeVenue: the exchange as one client sees it, at the far end of a network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeVar

from ....application.ports.clock import Clock
from ....application.ports.randomness import Randomness
from ....application.ports.venue import (
    Acknowledgement,
    CancelAnswer,
    OrderRequest,
    Quote,
    RefusalKind,
    Refused,
    VenueAccount,
    VenueCapabilities,
    VenueEvent,
    VenueFill,
    VenueFunding,
    VenueOrder,
)
from ....application.ports.venue_terms import AccountTerms
from ....domain.errors import VenueError
from ....domain.market import Symbol
from ....domain.orders import OrderKind
from .dice import Dice
from .exchange import SimulatedExchange
from .faults import Fault, Site
from .network import Latency, Network
from .orders import OrderCalls
from .records import NewOrder
from .stream import Stream

_Row = TypeVar("_Row")
_STALE_MS = 3 * 3_600_000


class ExchangeVenue:
    """One connection to a simulated exchange; implements ``Venue``.

    Each call takes the network's time on the client's clock. Nothing is ever sent twice.

    Args:
        account: The exchange account that it trades.
        clock: The client's clock.
        connection: Tells several connections apart; each has its own luck.
    """

    def __init__(
        self,
        exchange: SimulatedExchange,
        account: str,
        clock: Clock,
        randomness: Randomness,
        *,
        connection: int = 0,
        latency: Latency | None = None,
        name: str = "exchange",
    ) -> None:
        exchange.floor.account(account)
        latency = latency or Latency()
        self.name = name
        self._exchange = exchange
        self._account = account
        self._known = exchange.rules, exchange.rules.capabilities
        dice = Dice(randomness, "network", account, connection)
        self._network = Network(exchange, account, clock, dice, latency)
        self._orders = OrderCalls(self._network, exchange, account)
        pushes = Dice(randomness, "stream", account, connection)
        self._stream = Stream(exchange, account, pushes, latency.push)

    @property
    def capabilities(self) -> VenueCapabilities:
        """What the exchange can do."""
        rules, known = self._known
        if rules is not self._exchange.rules:
            rules = self._exchange.rules
            known = rules.capabilities
            self._known = rules, known
        return known

    def create(self, request: OrderRequest) -> Acknowledgement:
        """Send an order once."""
        if request.terms.kind is not OrderKind.LIMIT:
            return Refused("only limit orders trade here", RefusalKind.NOT_PERMITTED)
        return self._orders.create(NewOrder.of(request.client_order_id, request.terms))

    def cancel(self, symbol: Symbol, client_order_id: str) -> CancelAnswer:
        """Ask to end an order."""
        return self._orders.cancel(symbol, client_order_id)

    def order(self, symbol: Symbol, client_order_id: str) -> VenueOrder | None:
        """Return one order as it stands."""

        def read() -> VenueOrder | None:
            found = self._exchange.order(self._account, client_order_id)
            return found.shown() if found is not None and found.new.symbol == symbol else None

        return self._ask(read, client_order_id)

    def open_orders(self) -> Sequence[VenueOrder]:
        """Return every order of the account that may still fill."""
        return self._ask(lambda: [one.shown() for one in self._exchange.open_orders(self._account)])

    def orders_since(self, since_ms: int) -> Sequence[VenueOrder]:
        """Return every order created at ``since_ms`` or later."""

        def page(skip: int) -> list[VenueOrder]:
            found = self._exchange.orders(self._account, since_ms, skip)
            return [one.shown() for one in found]

        return self._pages(page)

    def fills_since(self, since_ms: int) -> Sequence[VenueFill]:
        """Return every execution of the account from ``since_ms`` on, oldest first."""

        def page(skip: int) -> list[VenueFill]:
            return [one.shown for one in self._exchange.trades(self._account, since_ms, skip)]

        rows = self._pages(page)
        if rows and self._strikes(Site.HISTORY):
            return rows[self._network.dice.between(1, len(rows)) :]
        return rows

    def funding_since(self, since_ms: int) -> Sequence[VenueFunding]:
        """Return every funding settlement from ``since_ms`` on, oldest first."""
        return self._pages(lambda skip: self._exchange.funding(self._account, since_ms, skip))

    def account(self) -> VenueAccount:
        """Return balances and positions."""
        return self._ask(lambda: self._exchange.account(self._account))

    def quote(self, symbol: Symbol) -> Quote:
        """Return the touch."""
        found = self._ask(lambda: self._exchange.quote(symbol), signed=False)
        fault = self._strikes(Site.QUOTE)
        if fault is Fault.ZERO_PRICE:
            return replace(found, bid=0, ask=0)
        if fault is Fault.STALE_TICKER:
            ago = self._network.dice.between(_STALE_MS // 60, _STALE_MS)
            return self._exchange.quote_at(symbol, self._exchange.floor.now - ago)
        return found

    def server_time(self) -> int:
        """Return the exchange's clock."""
        found = self._ask(lambda: self._exchange.floor.server_time, signed=False)
        self._network.learn(found)
        return found

    def terms(self) -> AccountTerms:
        """Return the account's terms.

        Raises:
            VenueError: If the exchange tells none, or the question failed.
        """
        if not self._exchange.rules.tells_terms:
            raise VenueError("this exchange tells no terms")
        return self._ask(lambda: self._exchange.terms(self._account))

    def cancel_all_after(self, milliseconds: int | None) -> None:
        """Arm or renew the dead man's switch, or disarm it with None.

        Raises:
            VenueError: If the exchange has none, or the request failed.
        """
        if not self._exchange.rules.dead_man:
            raise VenueError("this exchange has no dead man's switch")
        self._ask(lambda: self._exchange.cancel_all_after(self._account, milliseconds))

    def close(self) -> None:
        """Cut the connection; a client that dies does so without a word, when it is dropped."""
        self._stream.close()

    def drain(self) -> Sequence[VenueEvent]:
        """Return what has arrived since the last call."""
        self._exchange.sync()
        return self._stream.drain()

    def _ask(
        self, read: Callable[[], _Row], client_order_id: str = "", *, signed: bool = True
    ) -> _Row:
        self._network.reach(client_order_id, signed=signed)
        fault = self._network.pick(Site.READ)
        if fault is not None:
            self._network.fire(fault, client_order_id)
            self._network.lose_answer("the question was sent")
        found = read()
        self._network.come_back()
        return found

    def _strikes(self, site: Site) -> Fault | None:
        """Return the fault that strikes an answer, counted."""
        fault = self._network.pick(site)
        if fault is not None:
            self._network.fire(fault, "")
        return fault

    def _pages(self, page: Callable[[int], list[_Row]]) -> list[_Row]:
        """Read page after page until one is not full; each is a call of its own."""
        found: list[_Row] = []
        while True:
            more = self._ask(partial(page, len(found)))
            found.extend(more)
            if len(more) < self._exchange.rules.page:
                return found
