"""The exchange's process: one thread, any number of connections, no faults of its own."""

from __future__ import annotations

import selectors
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from multiprocessing.connection import Connection
from typing import Any

from mettle.adapters.system import PhiloxRandomness
from mettle.adapters.venues.exchange import (
    BarPath,
    ExchangeRules,
    ExchangeVenue,
    Latency,
    SimulatedExchange,
)
from mettle.application.market import MarketPanel
from mettle.application.ports.venue import CancelAnswer, RepeatedId
from mettle.domain.errors import MettleError
from mettle.domain.market import Symbol

from ..dst.exchange_truth import ExchangeTruth
from ..dst.markets import candles
from .clock import FastClock
from .codec import decode, encode

ACCOUNT = "sim:exchange:main"
_AT_ONCE = Latency((0, 0), (0, 0), (0, 0))


@dataclass(frozen=True)
class Place:
    """Where and when everything happens; the same for every process.

    Attributes:
        policy: Name of a ``RepeatedId``.
        cancel_errors: In how many of ten cancellations the connection breaks, half of them before
            the exchange has done anything.
    """

    names: tuple[str, ...]
    policy: str
    start_ms: int
    began: float
    speed: float
    bars: int = 400
    seed: int = 3
    cash: int = 100_000
    swing: float = 0.0005
    cancel_errors: int = 0
    dead_man: bool = False

    @property
    def clock(self) -> FastClock:
        """The time of this place."""
        return FastClock(self.start_ms, self.began, self.speed)

    @property
    def panel(self) -> MarketPanel:
        """Its candles."""
        return candles(self.names, self.bars, self.seed, swing=self.swing)


class Server:
    """Serves one simulated exchange."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._clock = place.clock
        self._randomness = PhiloxRandomness(place.seed)
        panel = place.panel
        paths = {
            one.symbol: BarPath(panel, one.symbol, self._randomness, ticks=12)
            for one in panel.instruments
        }
        policy = RepeatedId[place.policy]
        rules = ExchangeRules(
            policy,
            lookup_by_id=policy is not RepeatedId.RETURNS_ORIGINAL,
            leverage=4,
            dead_man=place.dead_man,
        )
        self.exchange = SimulatedExchange(
            panel.instruments, paths, self._clock, self._randomness, rules
        )
        self.exchange.open_account(ACCOUNT, {"USDT": Decimal(place.cash)})
        self.truth = ExchangeTruth(self.exchange, ACCOUNT, panel.instruments)
        self.creates: list[int] = []
        self.exchange.watch(self._watch)
        self._cancels = 0
        self._selector = selectors.DefaultSelector()

    def _watch(self, kind: str, _: str, __: object) -> None:
        if kind == "create":
            self.creates.append(self.exchange.floor.now)

    def serve(self, told: Connection) -> None:
        """Serve until the process is ended; the port is told once connections are taken."""
        listener = socket.create_server(("127.0.0.1", 0))
        self._selector.register(listener, selectors.EVENT_READ, lambda: self._accept(listener))
        told.send(listener.getsockname()[1])
        while True:
            for key, _ in self._selector.select():
                key.data()

    def _accept(self, listener: socket.socket) -> None:
        line, _ = listener.accept()
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        venue = ExchangeVenue(
            self.exchange, ACCOUNT, self._clock, self._randomness, latency=_AT_ONCE
        )
        reader = line.makefile("rb")
        client = _Client(self, line, venue, reader.readline)
        self._selector.register(line, selectors.EVENT_READ, lambda: self._hear(client))

    def _hear(self, client: _Client) -> None:
        try:
            client.answer()
        except OSError:
            self._selector.unregister(client.line)
            client.venue.close()
            with suppress(OSError):
                client.line.shutdown(socket.SHUT_RDWR)
            client.line.close()

    def breaks(self) -> str:
        """Return whether the connection breaks at this cancellation: ``before``, ``after``, ""."""
        self._cancels += 1
        if self._cancels % 10 >= self._place.cancel_errors:
            return ""
        return "before" if self._cancels % 2 else "after"


@dataclass
class _Client:
    """One connection."""

    server: Server
    line: socket.socket
    venue: ExchangeVenue
    readline: Callable[[], bytes]

    def answer(self) -> None:
        """Read one call and answer it.

        Raises:
            OSError: If the client has gone.
        """
        text = self.readline()
        if not text:
            raise ConnectionResetError("the client has gone")
        call, arguments = decode(text)
        try:
            found: object = {"answer": self._do(call, arguments)}
        except MettleError as error:
            found = {"error": error.message}
        self.line.sendall(encode(found))

    def _do(self, call: str, arguments: list[Any]) -> object:
        self.server.exchange.sync()
        if call == "capability":
            return self.venue.capabilities
        if call == "audit":
            return self._audit()
        if call == "cancel":
            return self._cancel(*arguments)
        return getattr(self.venue, call)(*arguments)

    def _cancel(self, symbol: Symbol, client_order_id: str) -> CancelAnswer:
        how = self.server.breaks()
        if how == "before":
            raise ConnectionResetError("simulated")
        answer = self.venue.cancel(symbol, client_order_id)
        if how:
            raise ConnectionResetError("simulated")
        return answer

    def _audit(self) -> object:
        truth = self.server.truth
        self.server.exchange.audit()
        placed = {one.client_order_id: None for one in truth.placed()}
        return {
            "orders": [one for order_id in placed for one in truth.orders(order_id)],
            "fills": list(truth.fills()),
            "funding": list(truth.funding()),
            "balances": dict(truth.balances()),
            "positions": dict(truth.positions()),
            "received": [one.client_id for one in truth.received],
            "creates": list(self.server.creates),
            "now": truth.now(),
        }


def serve(place: Place, told: Connection) -> None:
    """Be the exchange's process."""
    Server(place).serve(told)
