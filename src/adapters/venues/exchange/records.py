"""What the exchange keeps: orders, trades, and the requests that make them."""

from __future__ import annotations

from dataclasses import dataclass

from ....application.ports.venue import VenueFill, VenueOrder, VenueOrderStatus
from ....domain.market import Symbol
from ....domain.orders import OrderTerms, Purpose, TimeInForce


@dataclass(frozen=True, slots=True)
class NewOrder:
    """An order as the exchange receives it.

    Attributes:
        client_id: The sender's name for it; empty if it gave none.
        side: +1 buy, −1 sell.
        limit: Ticks.
        expires_at: For GTD, by the exchange's own clock.
        trigger: Rests as a stop until the price touches these ticks; then it is the limit order.
        purpose: Set where the exchange acts by itself or on a standing instruction.
    """

    client_id: str
    symbol: Symbol
    side: int
    lots: int
    limit: int
    time_in_force: TimeInForce = TimeInForce.GTC
    expires_at: int | None = None
    post_only: bool = False
    reduce_only: bool = False
    trigger: int | None = None
    purpose: Purpose | None = None

    @classmethod
    def of(cls, client_id: str, terms: OrderTerms) -> NewOrder:
        """Return the request for a limit order of ``terms``."""
        return cls(
            client_id,
            terms.symbol,
            terms.side.sign,
            terms.lots,
            terms.limit or 0,
            terms.time_in_force,
            terms.expires_at,
            terms.post_only,
            terms.reduce_only,
            terms.trigger,
        )


@dataclass(slots=True, eq=False)
class Order:
    """One order at the exchange, in whatever state.

    Attributes:
        number: Rises with each order of the exchange; also its priority in time.
        locked: What it locks of ``lock_asset``, in atoms.
        queue: Lots of others ahead of it at its price.
        stopped: A stop that was not touched yet; it is in no book.
        visible_at: Queries do not show it before; true time.
    """

    number: int
    account: str
    new: NewOrder
    created_at: int
    updated_at: int
    status: VenueOrderStatus = VenueOrderStatus.OPEN
    filled: int = 0
    reason: str = ""
    lock_asset: str = ""
    locked: int = 0
    queue: int = 0
    stopped: bool = False
    visible_at: int = 0

    @property
    def venue_id(self) -> str:
        """The exchange's own name for it."""
        return f"X{self.number}"

    @property
    def remaining(self) -> int:
        """Lots that are not filled."""
        return self.new.lots - self.filled

    @property
    def is_open(self) -> bool:
        """Whether it may still fill."""
        return self.status is VenueOrderStatus.OPEN

    def shown(self) -> VenueOrder:
        """Return it as the port shows orders."""
        new = self.new
        return VenueOrder(
            new.client_id,
            self.venue_id,
            new.symbol,
            new.side,
            new.lots,
            self.filled,
            self.status,
            self.updated_at,
            new.limit,
            self.reason,
            new.trigger,
        )


@dataclass(frozen=True, slots=True)
class Trade:
    """One execution.

    Attributes:
        fee_asset, fee_atoms: What was charged.
        realised: Profit that a perpetual's fill took into the wallet, atoms.
        visible_at: Histories do not show it before; true time.
    """

    shown: VenueFill
    number: int
    account: str
    fee_asset: str
    fee_atoms: int
    realised: int
    visible_at: int
