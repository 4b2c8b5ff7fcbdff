"""ExchangeVenue: the exchange as one client sees it, at the far end of a network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
from ....domain.market import Symbol
from ....domain.orders import OrderKind
from .dice import Dice
from .exchange import SimulatedExchange
from .network import Latency, Network
from .records import NewOrder
from .stream import Stream

_Row = TypeVar("_Row")


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
        dice = Dice(randomness, "network", account, connection)
        self._network = Network(exchange, clock, dice, latency)
        pushes = Dice(randomness, "stream", account, connection)
        self._stream = Stream(exchange.floor, account, pushes, latency.push)

    @property
    def capabilities(self) -> VenueCapabilities:
        """What the exchange can do."""
        return self._exchange.rules.capabilities

    def create(self, request: OrderRequest) -> Acknowledgement:
        """Send an order once."""
        if request.terms.kind is not OrderKind.LIMIT:
            return Refused("only limit orders trade here", RefusalKind.NOT_PERMITTED)
        new = NewOrder.of(request.client_order_id, request.terms)
        self._network.go()
        answer, _ = self._exchange.reception.place(self._account, new)
        self._network.come_back()
        return answer

    def cancel(self, symbol: Symbol, client_order_id: str) -> CancelAnswer:
        """Ask to end an order."""
        self._network.go()
        answer = self._exchange.reception.cancel(self._account, symbol, client_order_id)
        self._network.come_back()
        return answer

    def order(self, symbol: Symbol, client_order_id: str) -> VenueOrder | None:
        """Return one order as it stands."""

        def read() -> VenueOrder | None:
            found = self._exchange.order(self._account, client_order_id)
            return found.shown() if found is not None and found.new.symbol == symbol else None

        return self._ask(read)

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

        return self._pages(page)

    def funding_since(self, since_ms: int) -> Sequence[VenueFunding]:
        """Return every funding settlement from ``since_ms`` on, oldest first."""
        return self._pages(lambda skip: self._exchange.funding(self._account, since_ms, skip))

    def account(self) -> VenueAccount:
        """Return balances and positions."""
        return self._ask(lambda: self._exchange.account(self._account))

    def quote(self, symbol: Symbol) -> Quote:
        """Return the touch."""
        return self._ask(lambda: self._exchange.quote(symbol))

    def server_time(self) -> int:
        """Return the exchange's clock."""
        return self._ask(lambda: self._exchange.floor.server_time)

    def drain(self) -> Sequence[VenueEvent]:
        """Return what has arrived since the last call."""
        self._exchange.sync()
        return self._stream.drain()

    def _ask(self, read: Callable[[], _Row]) -> _Row:
        self._network.go()
        found = read()
        self._network.come_back()
        return found

    def _pages(self, page: Callable[[int], list[_Row]]) -> list[_Row]:
        """Read page after page until one is not full; each is a call of its own."""
        found: list[_Row] = []
        while True:
            more = self._ask(partial(page, len(found)))
            found.extend(more)
            if len(more) < self._exchange.rules.page:
                return found
