"""Where orders go, as a port."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from ...domain.market import Symbol
from ...domain.orders import OrderIntent, Purpose


@dataclass(frozen=True, slots=True)
class Ticket:
    """An order as it is sent; the id is ours and never carries two contents."""

    client_order_id: str
    intent: OrderIntent


@dataclass(frozen=True, slots=True)
class Accepted:
    """The venue has the order."""

    venue_order_id: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The venue refused the order in so many words."""

    reason: str


Acknowledgement = Accepted | Refused


@dataclass(frozen=True, slots=True)
class VenueFill:
    """An execution.

    Attributes:
        sequence: Place among the venue's events, rising.
        trade_id: The venue's; one trade has one id for ever.
        protects: Set where the venue acted on a stop that rested there or liquidated: no order of
            ours was sent for it.
        side: +1 buy, −1 sell.
        ticks, reference: Price, and price before slippage.
        fee: 1e-8 of the quote currency, ≥ 0.
        bar_time: Open of the bar in which it happened, Unix milliseconds.
    """

    sequence: int
    trade_id: str
    client_order_id: str
    protects: Purpose | None
    symbol: Symbol
    side: int
    lots: int
    ticks: int
    reference: int
    fee: int
    maker: bool
    bar_time: int
    occurred_at: int


@dataclass(frozen=True, slots=True)
class VenueFunding:
    """A funding settlement; ``received`` is in 1e-8 quote and negative if it was paid."""

    sequence: int
    settlement_id: str
    symbol: Symbol
    received: int
    bar_time: int
    occurred_at: int


@dataclass(frozen=True, slots=True)
class OrderEnded:
    """The venue will fill no more of an order.

    Attributes:
        filled: Lots filled in all.
        reason: Why less than all of it was filled; empty if all was.
        by_request: Whether it was cancelled by us.
    """

    sequence: int
    client_order_id: str
    filled: int
    reason: str
    by_request: bool
    occurred_at: int


VenueEvent = VenueFill | VenueFunding | OrderEnded


@dataclass(frozen=True, slots=True)
class VenueAccount:
    """What the venue says that the account holds: cash in 1e-8 quote, signed lots by symbol."""

    cash: int
    lots: Mapping[Symbol, int]


class Venue(Protocol):
    """Takes orders and reports what became of them.

    Protective stops are standing instructions at the venue: it acts on them by itself and reports
    a fill with ``protects`` set. Not thread-safe. Adapters: simulated.
    """

    @property
    def name(self) -> str:
        """A short name, part of every client order id."""

    def submit(self, ticket: Ticket) -> Acknowledgement:
        """Send an order; the same ticket again gets the same answer and places nothing new.

        Raises:
            VenueError: If the request failed for certain.
            TimedOut: If nobody knows.
        """

    def cancel(self, client_order_id: str) -> None:
        """Ask to end an order; an :class:`OrderEnded` follows unless it had ended before."""

    def open_orders(self) -> Sequence[Ticket]:
        """Return the orders that may still fill."""

    def events(self, after: int) -> Sequence[VenueEvent]:
        """Return what happened since the event with sequence ``after`` (−1: everything)."""

    def account(self) -> VenueAccount:
        """Return balances and positions."""
