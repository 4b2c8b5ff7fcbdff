"""Where orders go, as a port."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from typing import Protocol

from ...domain.errors import VenueError
from ...domain.market import Symbol
from ...domain.money import Money
from ...domain.orders import OrderTerms, Purpose


class RepeatedId(Enum):
    """What a venue does with a client order id that it has seen before."""

    RETURNS_ORIGINAL = "returns the original order"
    REFUSED = "refuses it: the order was placed before"
    UNIQUE_AMONG_OPEN = "places a second order once the first is no longer open"


@dataclass(frozen=True, slots=True)
class VenueCapabilities:
    """What a venue can do; the order path plans by it and never guesses.

    Attributes:
        bar_orders: It lives on bars and fills by the market step; then nothing else is sent to it.
        reduce_only: Whether an order can be told never to open or turn a position.
        stops: Whether a stop can rest there until its trigger is touched.
        lookup_by_id: Whether one order can be asked for by our id; else histories are searched.
        fence_ms: How long after its sending a request may still be accepted; after that, and two
            full histories without it, an order was never placed.
        dead_man_ms: How often "cancel all after" must be renewed where it exists, else None.
        lends_coins: Whether spot may be sold short.
        tells_terms: Whether it can be asked for the account's fees, margin mode and leverage.
        dry: It answers every question and sends no order; then none is ever on its way.
    """

    repeated_id: RepeatedId = RepeatedId.REFUSED
    bar_orders: bool = False
    post_only: bool = True
    good_till_date: bool = True
    immediate_or_cancel: bool = True
    reduce_only: bool = False
    stops: bool = False
    lookup_by_id: bool = True
    fence_ms: int = 60_000
    dead_man_ms: int | None = None
    lends_coins: bool = False
    dry: bool = False
    tells_terms: bool = False


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """An order as it is sent.

    Attributes:
        client_order_id: Ours; it never carries two contents.
    """

    client_order_id: str
    terms: OrderTerms


class RefusalKind(Enum):
    """Why a venue refused an order, as far as the order path acts on it."""

    WOULD_CROSS = "post-only would cross"
    INSUFFICIENT_FUNDS = "insufficient funds"
    REPEATED_ID = "the id was used before"
    """Not a refusal of the order: it was placed before, query it."""
    RATE_LIMIT = "rate limit"
    NOT_PERMITTED = "not permitted"
    FILTER = "size, price or notional filter"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Accepted:
    """The venue has the order."""

    venue_order_id: str


@dataclass(frozen=True, slots=True)
class Refused:
    """The venue refused the order in so many words: a structured answer, nothing less."""

    reason: str
    kind: RefusalKind = RefusalKind.OTHER
    retry_after_ms: int = 0


@dataclass(frozen=True, slots=True)
class NotSent:
    """The order was taken down here and kept from the venue: a dry run."""

    reason: str


Acknowledgement = Accepted | Refused | NotSent


class CancelAnswer(Enum):
    """What a venue says to a cancellation; none of them is the end of the order."""

    TAKEN = "taken"
    NOT_FOUND = "unknown order"
    TOO_LATE = "too late"


class VenueOrderStatus(Enum):
    """The state of an order in the venue's words."""

    OPEN = "open"
    FILLED = "filled"
    CANCELED = "canceled"
    EXPIRED = "expired"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class VenueOrder:
    """One order as the venue shows it.

    Attributes:
        client_order_id: Empty if it has none of ours.
        lots, filled: Whole lots; a foreign size that lies between is rounded away from zero.
        updated_at: Venue's time, Unix milliseconds UTC.
        reason: Why it ended, if it ended by the venue's rule.
        trigger: Ticks of a stop, also once it was touched; None for any other order.
    """

    client_order_id: str
    venue_order_id: str
    symbol: Symbol
    side: int
    lots: int
    filled: int
    status: VenueOrderStatus
    updated_at: int
    limit: int | None = None
    reason: str = ""
    trigger: int | None = None


@dataclass(frozen=True, slots=True)
class VenueFill:
    """An execution.

    Attributes:
        trade_id: The venue's; unique within a symbol for ever.
        client_order_id: Ours; empty where the venue acted by itself.
        protects: Set where the venue acted on a standing stop or liquidated: no order of ours was
            sent for it.
        side: +1 buy, −1 sell.
        ticks, reference: Price, and the price before slippage where that is known.
        fee: Positive is paid; in the quote, the base or a third asset.
        fee_price: What a unit of a third asset's fee costs in the quote currency, else None.
    """

    trade_id: str
    client_order_id: str
    symbol: Symbol
    side: int
    lots: int
    ticks: int
    fee: Money
    maker: bool
    occurred_at: int
    protects: Purpose | None = None
    reference: int | None = None
    fee_price: Money | None = None


@dataclass(frozen=True, slots=True)
class VenueFunding:
    """A funding settlement; ``received`` is in 1e-8 quote and negative if it was paid."""

    settlement_id: str
    symbol: Symbol
    received: int
    occurred_at: int


VenueEvent = VenueFill | VenueFunding | VenueOrder
"""What a venue pushes; a push may be late, doubled, out of order or missing."""


@dataclass(frozen=True, slots=True)
class VenueAccount:
    """What the venue says that the account holds.

    Attributes:
        balances: Total of each asset, what orders lock included.
        free: What is not locked.
        positions: Signed lots of each perpetual with an open position.
        margin_ratio: Margin used over margin held, None on a cash account.
    """

    balances: Mapping[str, Decimal]
    free: Mapping[str, Decimal] = field(default_factory=dict)
    positions: Mapping[Symbol, int] = field(default_factory=dict)
    margin_ratio: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Quote:
    """The touch.

    Attributes:
        at: Venue's time of it, Unix milliseconds UTC.
    """

    symbol: Symbol
    bid: int
    ask: int
    bid_lots: int
    ask_lots: int
    at: int


class OutcomeUnknown(VenueError):
    """A request went out, or may have, and no structured answer came: time-out, 5xx, rubbish."""


class RateLimited(VenueError):
    """The venue wants fewer requests.

    Attributes:
        retry_after_ms: How long it wants to be left alone.
    """

    def __init__(self, message: str, retry_after_ms: int, *, mend: str = "") -> None:
        super().__init__(message, mend=mend)
        self.retry_after_ms = retry_after_ms


class Venue(Protocol):
    """Takes orders, and answers questions about what became of them.

    Every call may block for its latency and is made by one thread. Reads raise
    :class:`VenueError` (its :class:`RateLimited` included) when they fail: a failed read shows
    nothing. No adapter ever repeats a request by itself. Adapters: simulated bars, simulated
    exchange, and one that sends nothing to another.
    """

    @property
    def name(self) -> str:
        """A short name, part of every client order id."""

    @property
    def capabilities(self) -> VenueCapabilities:
        """What it can do."""

    def create(self, request: OrderRequest) -> Acknowledgement:
        """Send an order once.

        Raises:
            OutcomeUnknown: If nobody knows whether it was placed.
        """

    def cancel(self, symbol: Symbol, client_order_id: str, /) -> CancelAnswer:
        """Ask to end an order.

        Raises:
            VenueError: If nobody knows whether the request arrived.
        """

    def order(self, symbol: Symbol, client_order_id: str, /) -> VenueOrder | None:
        """Return one order as it stands; None if the venue shows none under the id."""

    def open_orders(self) -> Sequence[VenueOrder]:
        """Return every order of the account that may still fill, foreign ones included."""

    def orders_since(self, since_ms: int) -> Sequence[VenueOrder]:
        """Return every order created at ``since_ms`` or later, in whatever state."""

    def fills_since(self, since_ms: int) -> Sequence[VenueFill]:
        """Return every execution of the account from ``since_ms`` on, oldest first."""

    def funding_since(self, since_ms: int) -> Sequence[VenueFunding]:
        """Return every funding settlement from ``since_ms`` on, oldest first."""

    def account(self) -> VenueAccount:
        """Return balances and positions."""

    def quote(self, symbol: Symbol) -> Quote:
        """Return the touch."""

    def server_time(self) -> int:
        """Return the venue's clock, Unix milliseconds UTC."""

    def drain(self) -> Sequence[VenueEvent]:
        """Return what the venue pushed since the last call, in order of arrival; never blocks."""


class DeadMansSwitch(Protocol):
    """A venue that cancels everything if it hears nothing: where ``dead_man_ms`` is not None."""

    def cancel_all_after(self, milliseconds: int | None) -> None:
        """Arm or renew it, or disarm it with None; stops that rest at the venue stay.

        Raises:
            VenueError: If nobody knows whether it was armed.
        """
