"""Taking in an order of ours that the journal has lost: written down, booked, and ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ...domain.ledger import CONTRACTS, WALLET
from ...domain.market import Symbol
from ...domain.orders import (
    Evidence,
    Leg,
    OrderIntent,
    OrderTerms,
    PlanKind,
    Purpose,
    Unknown,
    intent_for,
    intent_id,
)
from ..execution.bench import Bench
from ..execution.board import Working
from ..journal import IntentRecord, IntentStatus, OrderRecord
from ..ports.unit_of_work import UnitOfWork
from ..ports.venue import VenueFill, VenueOrder
from .gear import AccountBooks
from .views import Difference


def find_order(bench: Bench, difference: Difference, since: int) -> VenueOrder | None:
    """Ask what the venue knows of an order of which it shows only trades.

    Raises:
        VenueError: If the question failed.
        TimedOut: The same.
    """
    if difference.order is not None or difference.symbol is None:
        return difference.order
    venue = bench.gear.venue
    if venue.capabilities.lookup_by_id:
        found = venue.order(difference.symbol, difference.key)
        if found is not None:
            return found
    orders = venue.orders_since(since)
    return next((one for one in orders if one.client_order_id == difference.key), None)


def adopt(
    unit: UnitOfWork,
    bench: Bench,
    books: AccountBooks,
    shown: VenueOrder | None,
    difference: Difference,
) -> None:
    """Write the order down under an intent of its own, book its trades, and let the desk end it.

    The intent is one order and no more: its plan places nothing after it, even after a restart.
    """
    now, fills = bench.now, difference.fills
    intent = _intent(unit, bench, books, shown, fills)
    limit = shown.limit if shown is not None else None
    terms = None
    if limit is not None:
        terms = OrderTerms(intent.symbol, intent.side, intent.lots, limit=limit)
    sent_at = min([one.occurred_at for one in fills] or [now])
    order = OrderRecord(
        bench.plan.run_id,
        difference.key,
        intent,
        Unknown(0, now),
        now,
        now,
        venue_order_id=shown.venue_order_id if shown is not None else "",
        leg=Leg.BAR,
        terms=terms,
        payload_hash=terms.payload_hash if terms is not None else "",
        sent_at=sent_at if shown is None else min(sent_at, shown.updated_at),
    )
    record = IntentRecord(
        bench.plan.account,
        bench.plan.run_id,
        intent_id(intent),
        intent,
        PlanKind.BAR.value,
        limit or (fills[0].ticks if fills else 0),
        now,
        IntentStatus.WORKING,
        "",
        "",
        now,
        now,
    )
    working = Working(record, [difference.key], stopping=True)
    working.record = replace(record, stage=working.stage())
    unit.intents.add(working.record)
    unit.orders.add(order)
    bench.board.take(working, (order,))
    for fill in fills:
        bench.collector.fill(unit, fill, now)
    if shown is not None:
        bench.collector.shown(unit, shown, Evidence.QUERY, now)


def _intent(
    unit: UnitOfWork,
    bench: Bench,
    books: AccountBooks,
    shown: VenueOrder | None,
    fills: Sequence[VenueFill],
) -> OrderIntent:
    """Return what the order must have been meant for; its time makes it an intent of its own."""
    if shown is not None:
        symbol, side, lots, at = shown.symbol, shown.side, shown.lots, shown.updated_at
    else:
        symbol, side = fills[0].symbol, fills[0].side
        lots, at = sum(one.lots for one in fills), fills[0].occurred_at
    account, held = bench.plan.account, held_lots(bench, books, symbol)
    while True:
        intent = intent_for(account, symbol, held, side * lots, at, Purpose.REBALANCE)
        if unit.intents.find(account, intent_id(intent)) is None:
            return intent
        at += 1


def held_lots(bench: Bench, books: AccountBooks, symbol: Symbol) -> int:
    """Return the whole lots that the books have of a symbol, rounded towards zero."""
    key = (CONTRACTS, str(symbol)) if symbol.is_perpetual else (WALLET, symbol.base)
    held = books.balances().get(key)
    return int(held / bench.plan.instruments[symbol].lot_size) if held else 0
