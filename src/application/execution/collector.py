"""Booking what the venue reports: each fill once, with its order's state, in one transaction."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from ...domain.orders import (
    FINAL,
    Evidence,
    Filled,
    Leg,
    Purpose,
    Reduction,
    Side,
    client_order_id,
)
from ..journal import OrderRecord
from ..ports.unit_of_work import UnitOfWork
from ..ports.venue import VenueEvent, VenueFill, VenueFunding, VenueOrder
from .adopt import shown_state, with_fills
from .board import Board, lots_of
from .gear import DeskGear, DeskPlan


class Collector:
    """Takes pushes and answers, and writes down what is new in them."""

    def __init__(self, plan: DeskPlan, gear: DeskGear, board: Board) -> None:
        self._plan = plan
        self._gear = gear
        self._board = board

    def take(self, unit: UnitOfWork, events: Iterable[VenueEvent], now: int) -> None:
        """Book every event that is new."""
        for event in events:
            if isinstance(event, VenueFill):
                self.fill(unit, event, now)
            elif isinstance(event, VenueFunding):
                self._funding(unit, event, now)
            else:
                self.shown(unit, event, Evidence.STREAM, now)

    def fill(self, unit: UnitOfWork, fill: VenueFill, now: int) -> bool:
        """Book one trade and move its order; return whether it was ours and new."""
        if fill.symbol not in self._plan.instruments or self._gear.books.knows(fill):
            return False
        order = self._order(unit, fill, now)
        if order is None:
            return False
        purpose = order.intent.purpose
        record, entry = self._gear.books.book(fill, order.client_order_id, purpose, now)
        unit.fills.add(record)
        unit.ledger.add(entry)
        self._gear.ruling.booked(record, self._gear.books.ended_trip(fill.symbol), now)
        booked = self._booked(unit, order, fill.lots)
        state = with_fills(order.state, lots_of(order), booked)
        if state is not None:
            if isinstance(order.state, FINAL):
                text = f"a late fill amends {order.state} to {state}"
                unit.audit.add(
                    self._plan.account, order.client_order_id, text, fill.occurred_at, now
                )
            unit.orders.update(self._board.changed(order, state, now, Evidence.FILLS))
        self._wake(order, now)
        return True

    def knows(self, shown: VenueOrder) -> bool:
        """Return whether what the venue shows of one of our orders is what we have of it."""
        order = self._board.orders.get(shown.client_order_id)
        return order is not None and shown_state(order.state, lots_of(order), shown) is None

    def shown(self, unit: UnitOfWork, shown: VenueOrder, evidence: Evidence, now: int) -> bool:
        """Adopt what the venue shows of one of our orders; return whether it said anything new."""
        order = self._find(unit, shown.client_order_id)
        if order is None:
            return False
        state = shown_state(order.state, lots_of(order), shown)
        if state is None:
            return False
        changed = self._board.changed(order, state, now, evidence)
        unit.orders.update(changed)
        self._wake(order, now)
        return True

    def _funding(self, unit: UnitOfWork, funding: VenueFunding, now: int) -> None:
        if funding.symbol not in self._plan.instruments:
            return
        entry = self._gear.books.settled(funding, now)
        if entry is not None:
            unit.ledger.add(entry)

    def _find(self, unit: UnitOfWork, order_id: str) -> OrderRecord | None:
        if not order_id:
            return None
        return self._board.orders.get(order_id) or unit.orders.find(order_id)

    def _order(self, unit: UnitOfWork, fill: VenueFill, now: int) -> OrderRecord | None:
        if fill.protects is not None and not fill.client_order_id:
            return self._protective(unit, fill, fill.protects, now)
        return self._find(unit, fill.client_order_id)

    def _protective(
        self, unit: UnitOfWork, fill: VenueFill, purpose: Purpose, now: int
    ) -> OrderRecord:
        """Write down the order that a standing instruction at the venue made."""
        side = Side.BUY if fill.side > 0 else Side.SELL
        account = self._plan.account
        intent = Reduction(account, fill.symbol, side, fill.lots, fill.occurred_at, purpose)
        attempt, order_id = 1, self._protective_id(intent, 1)
        while unit.orders.find(order_id) is not None:
            # Several trades of one liquidation may fall into one millisecond.
            attempt += 1
            order_id = self._protective_id(intent, attempt)
        state = Filled(fill.lots)
        order = OrderRecord(
            self._plan.run_id,
            order_id,
            intent,
            state,
            now,
            now,
            attempt,
            evidence=Evidence.FILLS.value,
        )
        unit.orders.add(order)
        return order

    def _protective_id(self, intent: Reduction, attempt: int) -> str:
        return client_order_id(
            intent,
            venue=self._gear.venue.name,
            environment=self._plan.environment,
            leg=Leg.BAR,
            attempt=attempt,
        )

    def _booked(self, unit: UnitOfWork, order: OrderRecord, lots: int) -> int:
        order_id = order.client_order_id
        if order_id in self._board.booked:
            self._board.booked[order_id] += lots
            return self._board.booked[order_id]
        return unit.fills.lots_of(self._plan.account, order_id)

    def _wake(self, order: OrderRecord, now: int) -> None:
        working = self._board.of(order)
        if working is not None:
            working.due = now


def moved(gear: DeskGear, order: OrderRecord, lot: Decimal) -> bool:
    """Return whether the venue's balances differ from our books as fills of an order explain it.

    Args:
        lot: Size of one lot, base units.
    """
    symbol = order.intent.symbol
    traded = gear.books.excess(symbol, gear.venue.account()) * order.intent.side.sign
    return lot <= traded < lot * (lots_of(order) + 1)
