"""The two sides of a comparison, and what it finds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum

from ...domain.market import Instrument, Symbol
from ...domain.orders import is_ours
from ..journal import DiscrepancyRecord, OrderRecord
from ..ports.venue import VenueAccount, VenueFill, VenueFunding, VenueOrder


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose account it is, where, and how much may be off.

    Attributes:
        settle: What moved within this time is left out, milliseconds.
        cash_tolerance: How far the quote currency may be off.
    """

    account: str
    venue: str
    environment: str
    instruments: Mapping[Symbol, Instrument]
    settle: int
    cash_tolerance: Decimal

    def owns(self, client_order_id: str) -> bool:
        """Return whether an id was made for this account."""
        return is_ours(
            client_order_id, self.account, venue=self.venue, environment=self.environment
        )


@dataclass(frozen=True, slots=True)
class LocalView:
    """The journal's side.

    Attributes:
        orders: Orders that may be live or have fills missing, and all that the venue mentions.
        booked: Lots of each of them that are in the books.
        balances: What each ledger account holds of each asset.
        trades: Those of the venue's trades that are booked, by symbol and trade id.
        settlements: Those of the venue's settlements that are booked.
        open: Discrepancies that are not closed.
        at: When this was so, by our own clock.
        contested: Orders of unknown outcome for which nothing but a balance speaks; they hide no
            balance, or neither would ever be settled.
    """

    orders: Mapping[str, OrderRecord]
    booked: Mapping[str, int]
    balances: Mapping[tuple[str, str], Decimal]
    trades: frozenset[tuple[Symbol, str]] = frozenset()
    settlements: frozenset[str] = frozenset()
    open: tuple[DiscrepancyRecord, ...] = ()
    at: int = 0
    contested: frozenset[str] = frozenset()

    def holds(self, book: str, asset: str) -> Decimal:
        """Return what a ledger account holds of an asset."""
        return self.balances.get((book, asset), Decimal(0))


@dataclass(frozen=True, slots=True)
class VenueView:
    """The venue's side, in the order in which it was read.

    Attributes:
        before, after: Open orders, read first and last.
    """

    server_time: int
    before: tuple[VenueOrder, ...]
    fills: tuple[VenueFill, ...]
    funding: tuple[VenueFunding, ...]
    account: VenueAccount
    after: tuple[VenueOrder, ...]


class Kind(Enum):
    """What differs; the values are the kinds of discrepancies."""

    OURS = "unknown order of ours"
    """The venue has an order of our name space, or trades of one, that the journal does not."""
    ENDED = "ended order open"
    """The journal has evidence of its end, and the venue shows it open."""
    LOST = "order not open"
    """Open here, and not at the venue."""
    FOREIGN = "foreign order"
    FILL = "fills"
    """A trade of ours that is not booked."""
    FOREIGN_FILL = "foreign trade"
    FUNDING = "funding"
    BALANCE = "balance"
    """An asset or a position is more or less than the books say."""
    OVER = "over"
    """An open discrepancy no longer holds; never a discrepancy itself."""


POSITION = "position"
"""The discrepancy of a balance or position that has vanished."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing on which the sides do not agree; kind and key make it the same in two passes.

    Attributes:
        key: Names the thing; for balances the amounts are part of it.
        ours, theirs: For people.
        asset, change: For a balance: what is off, and by how much.
        record: For what is over: the discrepancy.
    """

    kind: Kind
    key: str
    symbol: Symbol | None = field(default=None, compare=False)
    ours: str = field(default="", compare=False)
    theirs: str = field(default="", compare=False)
    order: VenueOrder | None = field(default=None, compare=False)
    fills: tuple[VenueFill, ...] = field(default=(), compare=False)
    funding: VenueFunding | None = field(default=None, compare=False)
    asset: str = field(default="", compare=False)
    change: Decimal = field(default=Decimal(0), compare=False)
    record: DiscrepancyRecord | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Findings:
    """What one comparison says.

    Attributes:
        moving: Whether anything was left out because it moved.
        foreign: Lots that foreign orders, and ended ones that are open, may still fill.
    """

    differences: tuple[Difference, ...]
    moving: bool
    foreign: Mapping[Symbol, int]


_LONGEST = 110


def discrepancy_id(difference: Difference, now: int) -> str:
    """Return the name of a difference's record: kind, what it is about, and when."""
    about = difference.asset or difference.key
    return f"{difference.kind.name.lower()}#{about[:_LONGEST]}#{now}"


def kind_of(record: DiscrepancyRecord) -> Kind:
    """Return the kind of the difference that a record is of."""
    return Kind[record.discrepancy_id.split("#")[0].upper()]


def about(record: DiscrepancyRecord) -> str:
    """Return what a record is about: an order, a trade, an asset."""
    return record.discrepancy_id.split("#")[1]


def is_about(record: DiscrepancyRecord, kind: Kind, key: str) -> bool:
    """Return whether a record is of a difference of ``kind`` about ``key``."""
    return kind_of(record) is kind and about(record) == key[:_LONGEST]
