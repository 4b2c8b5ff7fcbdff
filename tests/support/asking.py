"""A venue that answers questions from lists, and fails where it is told to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from mettle.application.ports.venue import (
    Accepted,
    Acknowledgement,
    CancelAnswer,
    OrderRequest,
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


@dataclass
class AskedVenue:
    """Answers from its lists; implements ``Venue``.

    Attributes:
        orders: What a look-up by id finds.
        asked: Names of the calls, in order; ``since`` the times that histories were asked from.
        failing: What a call raises, by its name.
    """

    capabilities: VenueCapabilities = field(default_factory=VenueCapabilities)
    orders: list[VenueOrder] = field(default_factory=list)
    open: list[VenueOrder] = field(default_factory=list)
    past: list[VenueOrder] = field(default_factory=list)
    fills: list[VenueFill] = field(default_factory=list)
    answer: Acknowledgement = field(default_factory=lambda: Accepted("v1"))
    time: int = 0
    asked: list[str] = field(default_factory=list)
    since: list[int] = field(default_factory=list)
    failing: dict[str, VenueError] = field(default_factory=dict)
    name: str = "asked"

    def _hear(self, question: str, since: int | None = None) -> None:
        self.asked.append(question)
        if since is not None:
            self.since.append(since)
        if question in self.failing:
            raise self.failing[question]

    def create(self, request: OrderRequest) -> Acknowledgement:
        """Answer what is set."""
        self._hear("create")
        return self.answer

    def cancel(self, symbol: Symbol, client_order_id: str, /) -> CancelAnswer:
        """Take it."""
        self._hear("cancel")
        return CancelAnswer.TAKEN

    def order(self, symbol: Symbol, client_order_id: str, /) -> VenueOrder | None:
        """Look it up."""
        self._hear("order")
        found = (one for one in self.orders if one.client_order_id == client_order_id)
        return next(found, None)

    def open_orders(self) -> Sequence[VenueOrder]:
        """Return the open ones."""
        self._hear("open_orders")
        return self.open

    def orders_since(self, since_ms: int) -> Sequence[VenueOrder]:
        """Return the past ones."""
        self._hear("orders_since", since_ms)
        return self.past

    def fills_since(self, since_ms: int) -> Sequence[VenueFill]:
        """Return the fills."""
        self._hear("fills_since", since_ms)
        return self.fills

    def funding_since(self, since_ms: int) -> Sequence[VenueFunding]:
        """Return nothing."""
        self._hear("funding_since")
        return ()

    def account(self) -> VenueAccount:
        """Return an empty account."""
        self._hear("account")
        return VenueAccount({})

    def quote(self, symbol: Symbol) -> Quote:
        """Return a touch."""
        self._hear("quote")
        return Quote(symbol, 99, 101, 5, 5, self.time)

    def server_time(self) -> int:
        """Return the clock that is set."""
        self._hear("server_time")
        return self.time

    def drain(self) -> Sequence[VenueEvent]:
        """Return nothing."""
        self._hear("drain")
        return ()
