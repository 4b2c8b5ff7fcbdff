"""Following orders until nothing about them is unknown: questions, cancellations, fills."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from dataclasses import replace

from ...domain.errors import MettleError, VenueError
from ...domain.orders import (
    FINAL,
    Cancelling,
    Evidence,
    NotPlaced,
    Open,
    OrderState,
    Partial,
    Unknown,
    filled_lots,
    is_ours,
)
from ...domain.waits import is_over
from ..journal import OrderRecord
from ..ports.unit_of_work import UnitOfWork
from .ambiguity import Absent, Inquiry, Shown, sent_after
from .bench import SECOND, Bench
from .board import Working, is_protective
from .collector import moved

_REST = 15_000
"""How often stops that rest are asked about: they are to wait long, and pushes tell."""
_OVERLAP = 600_000
"""How far behind the oldest live attempt a history of fills is read, milliseconds."""


class Follower:
    """Asks the venue what became of orders; a question that fails proves nothing."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench
        self._polled = 0
        self._rested = 0

    def dues(self) -> list[int]:
        """Return when live orders are to be asked about."""
        asked = self._polled + self._bench.plan.poll
        stops = {is_protective(one) for one in self._followed()}
        rested = [max(asked, self._rested + _REST)] if True in stops else []
        return [*([asked] if False in stops else []), *rested]

    def _followed(self) -> list[OrderRecord]:
        live = self._bench.board.live()
        return [one for one in live if isinstance(one.state, (Open, Partial))]

    def clarify(self, working: Working, now: int) -> bool:
        """Ask about the last attempt; return whether its plan can go on at once."""
        order = self._bench.board.last(working)
        if order is None:
            return False
        if isinstance(order.state, FINAL):
            return self._missing_fills(working, order, now)
        if not isinstance(order.state, Unknown):
            return False
        since = order.state.since
        inquiry = self._inquiry(working, since)
        self._bench.gear.ruling.lost_sight(working.symbol, since, order.client_order_id, now)
        if now < inquiry.due:
            working.due = inquiry.due
            return False
        return self._ask(working, order, inquiry, now)

    def _inquiry(self, working: Working, since: int) -> Inquiry:
        if working.inquiry is None:
            clock = self._bench.gear.clock
            working.inquiry = Inquiry(min(since, clock.now_ms()), clock.monotonic())
        return working.inquiry

    def _ask(self, working: Working, order: OrderRecord, inquiry: Inquiry, now: int) -> bool:
        bench = self._bench
        lot = bench.plan.instruments[order.intent.symbol].lot_size
        contested = inquiry.contested
        passed = int((bench.gear.clock.monotonic() - inquiry.made_at) * SECOND)
        finding = inquiry.ask(
            bench.gear.venue, order, now, lambda: moved(bench.gear, order, lot), passed
        )
        working.due = inquiry.due
        if inquiry.contested and not contested:
            bench.alarms.append("nothing but a balance speaks for an order")
        if isinstance(finding, Shown):
            return self._found(working, finding, now)
        if isinstance(finding, Absent):
            state = NotPlaced("two full histories after the fence do not have it")
            changed = bench.board.changed(order, state, now, Evidence.ABSENCE)
            bench.write(lambda unit: unit.orders.update(changed))
            bench.clear(working, now)
            return True
        return False

    def _found(self, working: Working, finding: Shown, now: int) -> bool:
        shown = finding.order

        def write(unit: UnitOfWork) -> bool:
            return self._bench.collector.shown(unit, shown, Evidence.QUERY, now)

        adopted = self._bench.write(write)
        if adopted:
            self._fetch_fills(self._bench.now)
            self._bench.clear(working, now)
        return adopted

    def _missing_fills(self, working: Working, order: OrderRecord, now: int) -> bool:
        """Fetch the trades that an ended order says it had; the plan waits until they add up."""
        inquiry = self._inquiry(working, order.updated_at)
        ruling = self._bench.gear.ruling
        ruling.lost_sight(working.symbol, order.updated_at, "missing fills", now)
        if now >= inquiry.due:
            inquiry.postpone(now)
            self._fetch_fills(now)
        working.due = inquiry.due
        views = self._bench.board.views(working)
        if any(one.booked != filled_lots(one.state) for one in views):
            return False
        self._bench.clear(working, now)
        return True

    def poll(self, now: int) -> None:
        """Ask about live orders where a push may be missing."""
        bench = self._bench
        on_bars = bench.gear.venue.capabilities.bar_orders
        if on_bars or not is_over(self._polled, bench.plan.poll, now):
            return
        asked = self._followed()
        if not is_over(self._rested, _REST, now):
            asked = [one for one in asked if not is_protective(one)]
        if not asked:
            return
        self._polled = now
        if any(map(is_protective, asked)):
            self._rested = now
        for order in asked:
            if bench.is_called_off():
                return
            self._query(order, now)
        self._fetch_fills(now)

    def _fetch_fills(self, now: int) -> None:
        """Read the recent trades and book those that are new."""
        fence = self._bench.gear.venue.capabilities.fence_ms
        began = [sent_after(one, fence) for one in self._bench.board.orders.values()]
        since = min(began, default=now) - _OVERLAP
        try:
            fills = self._bench.gear.venue.fills_since(since)
        except VenueError:
            return
        fresh = [one for one in fills if not self._bench.gear.books.knows(one)]
        if fresh:
            self._bench.write(lambda unit: self._bench.collector.take(unit, fresh, now))

    def cancel(self, working: Working, now: int) -> None:
        """Ask once to end the live attempt, and watch until it has ended."""
        order = self._bench.board.last(working)
        if order is None:
            return
        state = Cancelling(filled_lots(order.state))
        changed = replace(self._bench.board.changed(order, state, now), cancel_asked_at=now)
        self._bench.board.orders[order.client_order_id] = changed
        self._bench.write(lambda unit: unit.orders.update(changed))
        self.ask_to_end(changed)
        working.due = now + SECOND

    def ask_to_end(self, order: OrderRecord) -> None:
        """Send one cancellation; its answer is not the end of the order."""
        # What it says, or that it failed, is no news: the order itself is asked about.
        with suppress(MettleError):
            self._bench.gear.venue.cancel(order.intent.symbol, order.client_order_id)

    def end_strays(self, known: Collection[str]) -> bool:
        """Ask to end the orders of ours that only the venue knows; return whether there are any.

        Stops are left: they protect what may be held.

        A list that cannot be read is no empty one: then there may be.
        """
        venue, plan = self._bench.gear.venue, self._bench.plan
        try:
            shown = venue.open_orders()
        except VenueError:
            return True
        strays = [
            one
            for one in shown
            if one.client_order_id not in known
            and one.trigger is None
            and is_ours(
                one.client_order_id, plan.account, venue=venue.name, environment=plan.environment
            )
        ]
        for one in strays:
            with suppress(MettleError):
                venue.cancel(one.symbol, one.client_order_id)
        return bool(strays)

    def watch(self, working: Working, order: OrderRecord, now: int) -> None:
        """Ask until a cancelled order has ended; one that does not end is UNKNOWN."""
        asked = order.cancel_asked_at or order.updated_at
        working.due = now + SECOND
        if is_over(asked, self._bench.plan.policy.cancel_wait, now):
            self._bench.write(
                lambda unit: self._bench.lose_sight(unit, order, "its cancellation has no end", now)
            )
            return
        if now - asked < SECOND:
            return
        self._query(order, now)
        if working.rests and isinstance(self._state(order), Cancelling):
            # Something may wait for it: a cancellation that was lost is not waited out.
            self.ask_to_end(order)

    def _state(self, order: OrderRecord) -> OrderState | None:
        found = self._bench.board.orders.get(order.client_order_id)
        return None if found is None else found.state

    def _query(self, order: OrderRecord, now: int) -> None:
        bench = self._bench
        try:
            shown = bench.gear.venue.order(order.intent.symbol, order.client_order_id)
        except VenueError:
            return
        if shown is None:
            return
        found = shown
        if bench.collector.knows(found) and bench.gear.ruling.is_written:
            return
        if bench.write(lambda unit: bench.collector.shown(unit, found, Evidence.QUERY, now)):
            self._fetch_fills(now)
