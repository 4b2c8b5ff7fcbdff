"""Books what the venue reports and writes it down in the same breath."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from ...domain.errors import MettleError
from ...domain.market import CASH_SCALE
from ...domain.orders import (
    FINAL,
    Canceled,
    Evidence,
    Expired,
    Filled,
    Leg,
    Open,
    OrderState,
    Purpose,
    Reduction,
    Rejected,
    Side,
    client_order_id,
    move,
)
from ...domain.simulation import FillReason
from ..journal import FillRecord, OrderRecord, SeenBar, chain_link
from ..market.row import BarRow
from ..ports.unit_of_work import UnitOfWork
from ..ports.venue import (
    Accepted,
    Acknowledgement,
    VenueEvent,
    VenueFill,
    VenueFunding,
    VenueOrder,
    VenueOrderStatus,
)
from .books import Books

REASONS = {
    Purpose.REBALANCE: FillReason.REBALANCE,
    Purpose.STOP: FillReason.STOP,
    Purpose.TRAILING_STOP: FillReason.TRAILING_STOP,
    Purpose.LIQUIDATION: FillReason.LIQUIDATION,
    Purpose.RUIN: FillReason.RUIN,
    Purpose.MARGIN: FillReason.MARGIN,
}


class Recorder:
    """Knows the live orders and the counters of one run.

    Args:
        venue: The venue's name, part of every client order id.
    """

    def __init__(self, run_id: str, books: Books, venue: str, symbols: Sequence[str]) -> None:
        self._run_id = run_id
        self._books = books
        self._venue = venue
        self._symbols = tuple(symbols)
        self._chains = dict.fromkeys(symbols, "")
        self._live: dict[str, OrderRecord] = {}
        self._dirty: dict[str, OrderRecord] = {}
        self._fills = 0
        self._bar_time = 0

    def resume(
        self, live: Iterable[OrderRecord], fills: int, chains: dict[str, str], bar_time: int
    ) -> None:
        """Go on where the journal ends; ``bar_time`` is the open of its last bar."""
        self._bar_time = bar_time
        self._live = {order.client_order_id: order for order in live}
        self._fills = fills
        self._chains = dict(chains)

    @property
    def live(self) -> tuple[OrderRecord, ...]:
        """The orders in no final state, in order of addition."""
        return tuple(self._live.values())

    def seen(self, unit: UnitOfWork, row: BarRow, seen_at: int) -> None:
        """Write down the bars of an instant as they were seen; what is booked now is of them."""
        self._bar_time = row.open_time
        bars = []
        for symbol, bar, state in zip(self._symbols, row.bars, row.state.tolist(), strict=True):
            numbers = (
                row.open_time,
                bar.open,
                bar.high,
                bar.low,
                bar.close,
                bar.volume,
                state,
                bar.funding_open,
                bar.funding_inside,
            )
            chain = chain_link(self._chains[symbol], symbol, numbers)
            self._chains[symbol] = chain
            bars.append(SeenBar(self._run_id, symbol, *numbers, seen_at, chain))
        unit.bars.add(bars)

    def add(self, unit: UnitOfWork, order: OrderRecord) -> None:
        """Write an order down and follow it."""
        unit.orders.add(order)
        self._live[order.client_order_id] = order

    def answered(self, order_id: str, answer: Acknowledgement, now_ms: int) -> None:
        """Take the venue's answer to an order; it is written with the next commit."""
        order = self._live[order_id]
        if isinstance(answer, Accepted):
            if isinstance(order.state, Open):
                return
            self._change(order, Open(), now_ms, answer.venue_order_id)
        else:
            self._change(order, Rejected(answer.reason), now_ms)

    def apply(self, unit: UnitOfWork, events: Sequence[VenueEvent], now_ms: int) -> None:
        """Book what happened at the venue."""
        for event in events:
            if isinstance(event, VenueFill):
                self._fill(unit, event, now_ms)
            elif isinstance(event, VenueFunding):
                entry = self._books.funding(
                    event.settlement_id, event.received, event.occurred_at, now_ms
                )
                unit.ledger.add(entry)
            elif event.status is not VenueOrderStatus.OPEN:
                self._ended(event, now_ms)

    def flush(self, unit: UnitOfWork) -> None:
        """Write the states that changed since the last time."""
        for order in self._dirty.values():
            unit.orders.update(order)
        self._dirty.clear()

    def _fill(self, unit: UnitOfWork, event: VenueFill, now_ms: int) -> None:
        order_id, purpose = event.client_order_id, event.protects
        if purpose is not None:
            order_id = self._protective(unit, event, purpose, now_ms)
        else:
            order = self._live.get(order_id)
            if order is None:
                raise MettleError(f"trade {event.trade_id} belongs to no live order of ours")
            purpose = order.intent.purpose
        fill = FillRecord(
            self._run_id,
            self._fills,
            event.trade_id,
            order_id,
            str(event.symbol),
            self._bar_time,
            event.occurred_at,
            now_ms,
            event.side,
            event.lots,
            event.ticks,
            event.ticks if event.reference is None else event.reference,
            int(event.fee.amount * CASH_SCALE),
            0,
            event.maker,
            int(REASONS[purpose]),
            event.fee.currency,
            event.fee.amount,
            None if event.fee_price is None else event.fee_price.amount,
        )
        realised, entry = self._books.fill(fill)
        self._fills += 1
        unit.fills.add(replace(fill, realised=realised))
        unit.ledger.add(entry)

    def _protective(self, unit: UnitOfWork, event: VenueFill, purpose: Purpose, now_ms: int) -> str:
        """Write down the order that a standing instruction at the venue made."""
        side = Side.BUY if event.side > 0 else Side.SELL
        intent = Reduction(self._run_id, event.symbol, side, event.lots, event.occurred_at, purpose)
        order_id = client_order_id(intent, venue=self._venue, leg=Leg.BAR, attempt=1)
        state = Filled(event.lots)
        unit.orders.add(OrderRecord(self._run_id, order_id, intent, state, now_ms, now_ms))
        return order_id

    def _ended(self, event: VenueOrder, now_ms: int) -> None:
        order = self._live[event.client_order_id]
        state: OrderState
        if event.status is VenueOrderStatus.FILLED:
            state = Filled(event.filled)
        elif event.status is VenueOrderStatus.CANCELED:
            state = Canceled(event.filled)
        else:
            state = Expired(event.filled, event.reason)
        self._change(order, state, now_ms)

    def _change(
        self, order: OrderRecord, state: OrderState, now_ms: int, venue_order_id: str = ""
    ) -> None:
        changed = replace(
            order,
            state=move(order.state, state, Evidence.STREAM),
            updated_at=now_ms,
            venue_order_id=venue_order_id or order.venue_order_id,
        )
        self._dirty[order.client_order_id] = changed
        if isinstance(state, FINAL):
            self._live.pop(order.client_order_id, None)
        else:
            self._live[order.client_order_id] = changed
