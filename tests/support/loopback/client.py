"""The venue adapter of the loopback: each call is one line there and one line back."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from typing import Any

from mettle.application.ports.venue import (
    Acknowledgement,
    CancelAnswer,
    OrderRequest,
    OutcomeUnknown,
    Quote,
    VenueAccount,
    VenueCapabilities,
    VenueEvent,
    VenueFill,
    VenueFunding,
    VenueOrder,
)
from mettle.domain.errors import VenueError
from mettle.domain.market import Symbol

from .codec import decode, encode

_TIMEOUT_S = 5.0
Passing = Callable[[str], None]


class LoopbackVenue:
    """Implements ``Venue`` over a socket; a broken connection is made anew for the next call.

    Args:
        passing: Told of each place before, inside and after a call.
    """

    name = "exchange"

    def __init__(self, port: int, passing: Passing = lambda _: None) -> None:
        self._port = port
        self._passing = passing
        self._line: socket.socket | None = None
        self._reader: Any = None
        self._capabilities: VenueCapabilities | None = None

    def ask(self, call: str, *arguments: object) -> Any:  # noqa: ANN401  what a line says
        """Make one call.

        Raises:
            OutcomeUnknown: If no whole answer came.
            VenueError: If the exchange said that it failed.
        """
        self._pass(f"before {call}")
        try:
            self._send(encode([call, list(arguments)]))
            self._pass(f"inside {call}")
            told = self._reader.readline()
            if not told.endswith(b"\n"):
                raise ConnectionResetError("the answer was cut off")
            found = decode(told)
        except (OSError, ValueError) as error:
            self.close()
            raise OutcomeUnknown(f"{call}: {error}") from error
        self._pass(f"after {call}")
        if "error" in found:
            raise VenueError(found["error"])
        return found["answer"]

    def _pass(self, place: str) -> None:
        # What was pushed lies here already: taking it is no call.
        if not place.endswith("drain"):
            self._passing(place)

    def _send(self, text: bytes) -> None:
        if self._line is None:
            self._line = socket.create_connection(("127.0.0.1", self._port), _TIMEOUT_S)
            self._line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._reader = self._line.makefile("rb")
        self._line.sendall(text)

    def close(self) -> None:
        """Cut the connection."""
        if self._line is not None:
            self._reader.close()
            self._line.close()
        self._line = self._reader = None

    @property
    def capabilities(self) -> VenueCapabilities:
        """What the exchange can do; asked once."""
        if self._capabilities is None:
            self._capabilities = self.ask("capability")
        return self._capabilities

    def create(self, request: OrderRequest) -> Acknowledgement:
        """Send an order once."""
        found: Acknowledgement = self.ask("create", request)
        return found

    def cancel(self, symbol: Symbol, client_order_id: str, /) -> CancelAnswer:
        """Ask to end an order."""
        found: CancelAnswer = self.ask("cancel", symbol, client_order_id)
        return found

    def order(self, symbol: Symbol, client_order_id: str, /) -> VenueOrder | None:
        """Return one order."""
        found: VenueOrder | None = self.ask("order", symbol, client_order_id)
        return found

    def open_orders(self) -> Sequence[VenueOrder]:
        """Return what may still fill."""
        found: list[VenueOrder] = self.ask("open_orders")
        return found

    def orders_since(self, since_ms: int) -> Sequence[VenueOrder]:
        """Return orders."""
        found: list[VenueOrder] = self.ask("orders_since", since_ms)
        return found

    def fills_since(self, since_ms: int) -> Sequence[VenueFill]:
        """Return executions."""
        found: list[VenueFill] = self.ask("fills_since", since_ms)
        return found

    def funding_since(self, since_ms: int) -> Sequence[VenueFunding]:
        """Return settlements."""
        found: list[VenueFunding] = self.ask("funding_since", since_ms)
        return found

    def account(self) -> VenueAccount:
        """Return balances and positions."""
        found: VenueAccount = self.ask("account")
        return found

    def quote(self, symbol: Symbol) -> Quote:
        """Return the touch."""
        found: Quote = self.ask("quote", symbol)
        return found

    def server_time(self) -> int:
        """Return the exchange's clock."""
        return int(self.ask("server_time"))

    def drain(self) -> Sequence[VenueEvent]:
        """Return what was pushed; nothing if the connection is broken, as with a real stream."""
        try:
            found: list[VenueEvent] = self.ask("drain")
        except VenueError:
            return []
        return found

    def cancel_all_after(self, milliseconds: int | None) -> None:
        """Arm, renew or disarm the dead man's switch."""
        self.ask("cancel_all_after", milliseconds)
