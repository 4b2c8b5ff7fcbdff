"""Reading what is under way from the journal, after a start or a write that failed."""

from __future__ import annotations

from dataclasses import replace

from ...domain.orders import Denied, Evidence, Intended, NotPlaced, Submitting, Unknown
from ..journal import OrderRecord
from ..ports.unit_of_work import UnitOfWork
from .bench import Bench
from .board import Working


def reload_board(unit: UnitOfWork, bench: Bench) -> list[OrderRecord]:
    """Fill the board from the journal; what was being sent is unknown now.

    Returns:
        At a venue that lives on bars, the orders to be sent to it again.
    """
    account = bench.plan.account
    prepared: list[OrderRecord] = []
    bench.gear.books.reload(unit)
    for record in unit.intents.working(account):
        orders = unit.orders.of_intent(account, record.intent_id)
        bench.board.take(Working.restored(record, orders), orders)
        for order in orders:
            order_id = order.client_order_id
            booked = (one.lots for one in unit.fills.of_order(account, order_id))
            bench.board.booked[order_id] = sum(booked)
            prepared += _revive(unit, bench, order)
    return prepared


def _revive(unit: UnitOfWork, bench: Bench, order: OrderRecord) -> list[OrderRecord]:
    """Settle what a restart means for an attempt; return it if it is to be sent again."""
    now = bench.now
    if isinstance(order.state, Intended):
        # Of a dry run: what was taken down and never on its way.
        denied = Denied("a restart found it before its sending")
        unit.orders.update(bench.board.changed(order, denied, now))
    on_bars = bench.gear.venue.capabilities.bar_orders
    if on_bars and isinstance(order.state, Unknown):
        # Taken, it would have been filled or ended in the transaction of its bar.
        never = NotPlaced("a restart found no trace of it")
        unit.orders.update(bench.board.changed(order, never, now, Evidence.ABSENCE))
    if not isinstance(order.state, Submitting):
        return []
    if not on_bars:
        bench.lose_sight(unit, order, "a restart found it in sending", now)
        return []
    # Such a venue is rebuilt with us, and takes the same order once.
    lease = bench.gear.lease()
    epoch = order.epoch if lease is None else lease.epoch
    return [replace(order, epoch=epoch, sent_at=now)]
