"""What an exchange lays down: dedup, fees, margin, filters and how it refuses."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from ....application.ports.venue import RepeatedId, VenueCapabilities
from ....domain.errors import ConfigError
from ....domain.market import Instrument
from .records import NewOrder

HOUR = 3_600_000


class FeeMode(Enum):
    """In which asset an account pays its fees."""

    QUOTE = "quote"
    RECEIVED = "received"
    """In what a fill brings: the base on a buy, the quote on a sale."""
    THIRD = "third"
    """In the exchange's own asset while the account has enough of it, else as RECEIVED."""


class PostOnlyShape(Enum):
    """How a post-only order that would cross is turned away."""

    ERROR = "400"
    """An error answer; there is no order."""
    REJECTED = "200, rejected"
    """An acknowledgement; the order then shows as rejected."""
    LATE_CANCEL = "late cancel"
    """An acknowledgement and an open order, which the venue cancels soon after."""


@dataclass(frozen=True, slots=True)
class ExchangeRules:
    """The exchange's terms of business.

    Attributes:
        repeated_id: What a client order id that comes again leads to.
        stamped: Requests carry a time stamp and are refused outside the window; else they may be
            accepted for ``fence_ms`` after their sending.
        fence_ms: How long after its stamp a request may still be accepted.
        early_ms: How far a stamp may lie ahead of the exchange's clock.
        page: Most rows of one page of a history.
        third_asset: The exchange's own asset; empty if it has none.
        leverage: Of perpetuals.
        maintenance_ppm: Of the positions' value; equity below it is liquidated.
        funding_ms: Time between funding settlements.
        dead_man: Whether "cancel all after" exists.
        stops: Whether a stop may rest.
        tells_terms: Whether clients may ask for their fees and margin terms.
        one_way: Whether a perpetual has one position; told only, the exchange knows nothing else.
        retain_ms: Ended orders and trades older than this are forgotten; 0 keeps all.
    """

    repeated_id: RepeatedId = RepeatedId.REFUSED
    post_only: bool = True
    post_only_shape: PostOnlyShape = PostOnlyShape.ERROR
    good_till_date: bool = True
    lookup_by_id: bool = True
    stamped: bool = False
    fence_ms: int = 60_000
    early_ms: int = 1_000
    page: int = 500
    third_asset: str = ""
    leverage: int = 1
    maintenance_ppm: int = 5_000
    funding_ms: int = 8 * HOUR
    dead_man: bool = False
    stops: bool = True
    tells_terms: bool = False
    one_way: bool = True
    retain_ms: int = 0

    def __post_init__(self) -> None:
        for name in ("fence_ms", "page", "leverage", "funding_ms"):
            if getattr(self, name) <= 0:
                raise ConfigError(f"{name} must be positive, was {getattr(self, name)}")

    @property
    def capabilities(self) -> VenueCapabilities:
        """The same as the order path reads it."""
        return VenueCapabilities(
            self.repeated_id,
            post_only=self.post_only,
            good_till_date=self.good_till_date,
            reduce_only=True,
            stops=self.stops,
            tells_terms=self.tells_terms,
            lookup_by_id=self.lookup_by_id,
            fence_ms=self.fence_ms,
            dead_man_ms=10_000 if self.dead_man else None,
        )


@dataclass(frozen=True, slots=True)
class Filters:
    """Which orders a symbol takes; may change while it trades.

    Attributes:
        tick_multiple, lot_multiple: Prices and sizes must be multiples of these.
        min_notional: 1e-8 quote.
        max_lots: 0 is no limit.
    """

    tick_multiple: int = 1
    lot_multiple: int = 1
    min_lots: int = 1
    max_lots: int = 0
    min_notional: int = 0

    @classmethod
    def of(cls, instrument: Instrument) -> Filters:
        """Return what an instrument says of itself."""
        return cls(min_notional=instrument.min_notional_units)

    def broken_by(self, new: NewOrder, unit_value: int) -> str:
        """Return which filter an order breaks; empty if none."""
        if new.limit <= 0 or new.limit % self.tick_multiple:
            return f"PRICE_FILTER: {new.limit} ticks is not a multiple of {self.tick_multiple}"
        if new.lots % self.lot_multiple or new.lots < self.min_lots:
            return f"LOT_SIZE: {new.lots} lots, step {self.lot_multiple}, least {self.min_lots}"
        if self.max_lots and new.lots > self.max_lots:
            return f"LOT_SIZE: {new.lots} lots are more than {self.max_lots}"
        if new.lots * new.limit * unit_value < self.min_notional:
            return f"NOTIONAL: less than {self.min_notional} (1e-8 quote)"
        return ""
