"""Reading both sides, in the one order that proves anything."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from ...domain.errors import TimedOut, VenueError
from ...domain.ledger import EXTERNAL, WALLET
from ...domain.market import Symbol
from ..execution.bench import Bench
from ..journal import DiscrepancyRecord, OrderRecord
from ..ports.unit_of_work import UnitOfWork
from ..ports.venue import VenueAccount, VenueFill
from .gear import AccountBooks, ReconcilePlan
from .views import LocalView, VenueView, about

FILLS = "reconciled"
"""The cursor: until here, by the venue's clock, everything is booked and explained."""
UNEXPLAINED = "unexplained"
"""The cursor of the last booking that nothing explained."""


class AccountUnread(VenueError):
    """Balances and positions could not be read; nobody knows what the account holds."""


@dataclass(frozen=True, slots=True)
class Watermark:
    """The journal before the venue was asked.

    Attributes:
        began: When the books were opened, by the venue's clock as far behind ours as it was seen.
        since: From where histories are read, by the venue's clock.
        unexplained: When something was last booked that nothing explained; 0 for never.
    """

    at: int
    began: int
    since: int
    unexplained: int
    orders: dict[str, OrderRecord]
    booked: dict[str, int]
    balances: dict[tuple[str, str], Decimal]
    open: tuple[DiscrepancyRecord, ...]


def foreign_entry(fill: VenueFill) -> str:
    """Return the ledger's name for what a stranger's trade did to the quote currency."""
    return f"trade:{fill.symbol}:{fill.trade_id}"


class Reader:
    """Takes the two snapshots; a read that fails is an error and never an empty answer."""

    def __init__(self, bench: Bench, books: AccountBooks, plan: ReconcilePlan) -> None:
        self._bench = bench
        self._books = books
        self._plan = plan
        self._behind = 0

    def watermark(self) -> Watermark:
        """Read the journal.

        Raises:
            StorageError: If it cannot be read.
        """
        account, board = self._bench.plan.account, self._bench.board
        with self._bench.gear.store.reading() as unit:
            cursors = unit.cursors.all(account)
            found = tuple(unit.discrepancies.open(account))
        cursor = cursors.get(FILLS)
        began = self._plan.began - self._behind
        since = began
        if cursor is not None:
            since = max(since, cursor - self._plan.overlap)
        return Watermark(
            self._bench.now,
            began,
            since,
            cursors.get(UNEXPLAINED, 0),
            dict(board.orders),
            dict(board.booked),
            dict(self._books.balances()),
            found,
        )

    def venue(self, mark: Watermark) -> VenueView:
        """Ask the venue: orders, trades, balances, orders again.

        Raises:
            AccountUnread: If balances and positions cannot be read.
            VenueError: If another question failed.
            TimedOut: The same.
        """
        venue = self._bench.gear.venue
        server_time = self._server_time()
        before = tuple(venue.open_orders())
        fills = tuple(venue.fills_since(mark.since))
        funding = tuple(venue.funding_since(mark.since))
        account = self._account(mark)
        after = tuple(venue.open_orders())
        return VenueView(
            server_time,
            before,
            tuple(one for one in fills if one.occurred_at >= mark.began),
            tuple(one for one in funding if one.occurred_at >= mark.began),
            account,
            after,
        )

    def _server_time(self) -> int:
        """Ask for the venue's clock, and note how far it is behind ours.

        It bears the times of trades, ours that of the opening. Where it is set back, a trade of
        ours bears a time of before the opening; from the next pass on it counts as after.
        """
        asked = self._bench.now
        server_time = self._bench.gear.venue.server_time()
        self._behind = min(max(self._behind, asked - server_time), self._plan.overlap)
        return server_time

    def _account(self, mark: Watermark) -> VenueAccount:
        try:
            found = self._bench.gear.venue.account()
        except (VenueError, TimedOut) as error:
            raise AccountUnread(f"balances cannot be read: {error.message}") from error
        held = any(book == WALLET and amount for (book, _), amount in mark.balances.items())
        if held and not found.balances:
            raise AccountUnread("the venue answered with no balances at all")
        return found

    def local(self, mark: Watermark, theirs: VenueView) -> LocalView:
        """Return our side: the watermark, and what the journal knows of all that the venue named.

        Raises:
            StorageError: If the journal cannot be read.
        """
        names = {one.client_order_id for one in (*theirs.before, *theirs.after)}
        names |= {one.client_order_id for one in theirs.fills}
        names |= {about(one) for one in mark.open}
        with self._bench.gear.store.reading() as unit:
            orders, booked = self._orders(unit, mark, names)
            return LocalView(
                orders,
                booked,
                mark.balances,
                self._trades(unit, theirs.fills),
                frozenset(
                    one.settlement_id for one in theirs.funding if self._books.has_settled(one)
                ),
                mark.open,
                mark.at,
                self._bench.board.contested(),
            )

    def _orders(
        self, unit: UnitOfWork, mark: Watermark, names: Iterable[str]
    ) -> tuple[dict[str, OrderRecord], dict[str, int]]:
        orders, booked = dict(mark.orders), dict(mark.booked)
        account = self._bench.plan.account
        for name in sorted(names):
            if not name or name in orders:
                continue
            order = unit.orders.find(name)
            if order is not None and order.account == account:
                orders[name] = order
                booked[name] = unit.fills.lots_of(account, name)
        return orders, booked

    def _trades(
        self, unit: UnitOfWork, fills: Iterable[VenueFill]
    ) -> frozenset[tuple[Symbol, str]]:
        account = self._bench.plan.account
        known = set()
        for fill in fills:
            booked = self._books.knows(fill)
            if not booked:
                entry = unit.ledger.find(account, EXTERNAL, foreign_entry(fill))
                booked = entry is not None
            if booked:
                known.add((fill.symbol, fill.trade_id))
        return frozenset(known)
