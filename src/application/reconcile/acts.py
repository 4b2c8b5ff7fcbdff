"""What is done about a difference on which two passes agree; each act is one transaction."""

from __future__ import annotations

from typing import assert_never

from ...domain.errors import MettleError, TimedOut, VenueError
from ...domain.orders import Evidence, Open, Partial
from ..execution.bench import Bench
from ..ports.unit_of_work import UnitOfWork
from .adoption import adopt, find_order
from .gear import AccountBooks
from .keeper import Keeper
from .money import MoneyActs
from .views import Difference, Kind, about, kind_of


class Acts:
    """Carries out what the rules say; books only what the venue shows, and never invents a trade.

    An act that cannot be done now (a question failed, there is no price) is left for the next pass,
    which finds the same difference again.
    """

    def __init__(self, bench: Bench, books: AccountBooks, keeper: Keeper) -> None:
        self._bench = bench
        self._books = books
        self._keeper = keeper
        self._money = MoneyActs(bench, books, keeper)

    def act(self, difference: Difference, since: int, server_time: int) -> None:
        """Do what a difference asks for.

        Args:
            since: From where histories are read.

        Raises:
            StorageError: If it could not be written down; then nothing was done.
        """
        try:
            self._dispatch(difference, since, server_time)
        except (VenueError, TimedOut) as error:
            text = f"{difference.kind.value} {difference.key}: put off: {error.message}"
            self._bench.write(lambda unit: self._keeper.audit(unit, "put off", text))

    def _dispatch(self, difference: Difference, since: int, server_time: int) -> None:
        kind = difference.kind
        if kind is Kind.OURS:
            self._ours(difference, since)
        elif kind is Kind.ENDED:
            self._end(difference)
        elif kind is Kind.LOST:
            self._lost(difference)
        elif kind is Kind.FOREIGN:
            self._foreign(difference)
        elif kind is Kind.FILL:
            self._money.fill(difference)
        elif kind is Kind.FOREIGN_FILL:
            self._money.foreign_fill(difference)
        elif kind is Kind.FUNDING:
            self._money.funding(difference)
        elif kind is Kind.BALANCE:
            self._money.balance(difference, server_time)
        elif kind is Kind.OVER:
            self._over(difference)
        else:
            assert_never(kind)

    def _ours(self, difference: Difference, since: int) -> None:
        """Adopt an order of ours that the journal lost; its trades come with it."""
        if difference.symbol not in self._bench.plan.instruments:
            # Nothing of it can be booked here; all that can be done is to end it.
            self._end(difference)
            return
        shown = find_order(self._bench, difference, since)

        def write(unit: UnitOfWork) -> None:
            adopt(unit, self._bench, self._books, shown, difference)
            self._keeper.opened(
                unit, difference, f"adopted, {len(difference.fills)} trades booked, to be cancelled"
            )

        self._bench.write(write)

    def _end(self, difference: Difference) -> None:
        """Cancel an order of ours that should not be open, again in every pass while it is."""
        if not self._keeper.has(difference):
            self._bench.write(
                lambda unit: self._keeper.opened(unit, difference, "open and ours: to be cancelled")
            )
        if difference.order is None:
            return
        text = "cancellation sent"
        try:
            answer = self._bench.gear.venue.cancel(difference.order.symbol, difference.key)
        except MettleError as error:
            text = f"cancellation failed: {error.message}"
        else:
            text = f"{text}: {answer.value}"
        self._bench.write(lambda unit: self._keeper.audit(unit, difference.key, text))

    def _lost(self, difference: Difference) -> None:
        """Ask about an order that is not where it should be; without an answer it is unknown."""
        order = self._bench.board.orders.get(difference.key)
        if order is None or not isinstance(order.state, (Open, Partial)):
            return
        venue, shown = self._bench.gear.venue, None
        if venue.capabilities.lookup_by_id:
            shown = venue.order(order.intent.symbol, difference.key)

        def write(unit: UnitOfWork) -> None:
            now = self._bench.now
            if shown is not None:
                self._bench.collector.shown(unit, shown, Evidence.QUERY, now)
                self._keeper.settled(unit, difference, f"the venue says {shown.status.value}")
            else:
                self._bench.lose_sight(unit, order, "reconciliation does not find it", now)
                self._keeper.settled(unit, difference, "unknown now: it is asked about until found")

        self._bench.write(write)

    def _foreign(self, difference: Difference) -> None:
        """Take note of somebody else's order; it is neither cancelled nor taken over."""
        if not self._keeper.has(difference):
            self._bench.write(
                lambda unit: self._keeper.opened(unit, difference, "counted, and left alone")
            )

    def _over(self, difference: Difference) -> None:
        """Close a discrepancy that no longer holds."""
        record = difference.record
        if record is None:
            return
        gone = kind_of(record) is Kind.BALANCE
        note = f"{about(record)} came back" if gone else "no longer there, and all of it is booked"
        self._bench.write(lambda unit: self._keeper.closed(unit, record, note))
