"""What the order desk works with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from ...domain.market import Instrument, Symbol
from ...domain.orders import ExecutionPolicy, Opening, OrderIntent, Purpose
from ...domain.risk import Mode, Verdict
from ..journal import FillRecord, LeaseRecord, LedgerRecord
from ..ports.clock import Clock
from ..ports.kill_switch import KillSwitch
from ..ports.notifier import Notifier
from ..ports.unit_of_work import Store, UnitOfWork
from ..ports.venue import Venue, VenueAccount, VenueFill, VenueFunding


class BookKeeper(Protocol):
    """The account's books, as far as the desk needs them. Each event is booked once."""

    def reload(self, unit: UnitOfWork) -> None:
        """Build the books again from the journal."""

    def knows(self, fill: VenueFill) -> bool:
        """Return whether the trade is booked."""

    def book(
        self, fill: VenueFill, client_order_id: str, purpose: Purpose, recorded_at: int
    ) -> tuple[FillRecord, LedgerRecord]:
        """Book a trade and return what is to be written down."""

    def cash(self) -> int:
        """Return the cash, 1e-8 of the quote currency."""

    def ended_trip(self, symbol: Symbol) -> int | None:
        """Return what the round trip that has just ended earned, 1e-8 quote; None if it goes on."""

    def settled(self, funding: VenueFunding, recorded_at: int) -> LedgerRecord | None:
        """Book a funding settlement; None if it is booked already."""

    def excess(self, symbol: Symbol, account: VenueAccount) -> Decimal:
        """Return how much more of a symbol the venue has than our books, base units."""


class Ruling(Protocol):
    """Who says what may be sent now: modes and risk."""

    def mode(self, symbol: Symbol) -> Mode:
        """Return the effective mode of a symbol."""

    def judge(self, intent: OrderIntent, now: int) -> Verdict:
        """Judge an intent as things stand."""

    def lost_sight(self, symbol: Symbol, since: int, what: str, now: int) -> None:
        """Note that something about a symbol has been unknown since ``since``."""

    def found_again(self, symbol: Symbol, now: int) -> None:
        """Note that nothing about a symbol is unknown any more."""

    def heard(self, *, failed: bool, latency_ms: int, now: int) -> None:
        """Note how a call to the venue went."""

    def opening(self, opening: Opening, now: int) -> None:
        """Note an opening that is about to be sent."""

    def unfilled(self, opening: Opening, now: int) -> None:
        """Note an opening that ended without a fill."""

    def booked(self, fill: FillRecord, earned: int | None, now: int) -> None:
        """Note a fill, and what the round trip that it ended earned (None if it goes on)."""

    @property
    def is_written(self) -> bool:
        """Whether nothing has changed since the last commit."""

    def commit(self, unit: UnitOfWork) -> None:
        """Write down what changed since the last time, and commit it with its cause."""


@dataclass(frozen=True, slots=True)
class DeskPlan:
    """What fixes the desk's course.

    Attributes:
        environment: ``paper``, ``testnet`` or ``live``; part of every client order id.
        send_within: How long after its write-ahead a request may still be sent, milliseconds.
        poll: How often live orders are asked about where pushes are missing, milliseconds.
        clock_margin: Added to every fence for the difference of the clocks, milliseconds.
    """

    account: str
    run_id: str
    instruments: Mapping[Symbol, Instrument]
    policy: ExecutionPolicy
    environment: str = "paper"
    send_within: int = 5_000
    poll: int = 2_000
    clock_margin: int = 5_000


@dataclass(frozen=True, slots=True)
class DeskGear:
    """What the desk works with.

    Attributes:
        lease: The lease as the session holds it now; None where nobody else can trade the account.
    """

    venue: Venue
    store: Store
    clock: Clock
    kill_switch: KillSwitch
    notifier: Notifier
    books: BookKeeper
    ruling: Ruling
    lease: Callable[[], LeaseRecord | None]
