"""What must be so after an incident, told from the exchange's truth and the journal."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from decimal import Decimal

from mettle.application.journal import ControlRecord, ControlVerb, IntentStatus, OrderRecord
from mettle.application.ports.unit_of_work import UnitOfWork
from mettle.application.ports.venue import RefusalKind, Refused, VenueOrderStatus
from mettle.domain.errors import MettleError
from mettle.domain.orders import (
    FINAL,
    Canceled,
    Denied,
    Expired,
    Filled,
    NotPlaced,
    Rejected,
    filled_lots,
    intent_id,
)
from tests.support.dst.exchange_truth import FOREIGN
from tests.support.incidents import ACCOUNT, CALM, END, MINUTE, SETTLED, Incident

_CENT = Decimal("0.01")
_ENDED = {VenueOrderStatus.FILLED, VenueOrderStatus.CANCELED, VenueOrderStatus.EXPIRED}


def unsettled(world: Incident, since: int) -> list[str]:
    """Return the intents and orders of before ``since`` that have not ended (I18)."""
    with world.store.reading() as unit:
        intents = [
            f"I18: {one.intent.symbol} {one.intent_id} works since {one.recorded_at}: {one.stage}"
            for one in unit.intents.working(ACCOUNT)
            if one.recorded_at < since
        ]
        orders = [
            f"I18: {one.client_order_id} is {one.state}"
            for one in unit.orders.live(ACCOUNT)
            if one.recorded_at < since
        ]
    return intents + orders


def violations(world: Incident) -> list[str]:
    """Return everything that is wrong at the end; empty if nothing was lost, doubled or guessed."""
    with world.store.reading() as unit:
        orders = {one.client_order_id: one for one in unit.orders.since(ACCOUNT, 0)}
        found = [
            *world.broken,
            *_orders(world, unit, orders),
            *_intents(world, unit, orders),
            *_fills(world, unit),
            *_funding(world, unit),
            *_ends(world, orders),
        ]
        found += _balances(world, unit.ledger.balances(ACCOUNT))
    try:
        world.exchange.audit()
    except MettleError as error:
        found.append(f"exchange: {error}")
    return found


def acknowledge(world: Incident) -> list[str]:
    """Take note of every open discrepancy, as a person would; return their ids."""
    with world.store.writing() as unit:
        found = [one.discrepancy_id for one in unit.discrepancies.open(ACCOUNT)]
        for name in found:
            verb = ControlVerb.ACKNOWLEDGE
            key = f"{name}@{world.now}"
            unit.controls.add(ControlRecord(key, ACCOUNT, verb, name, "operator", world.now))
        unit.commit()
    return found


def live_on(world: Incident) -> None:
    """Live through calm, trading and rest: every intent ends in time, and it trades again."""
    for minute in range(1, 5):
        world.live(CALM + minute * MINUTE)
        acknowledge(world)
    world.live(SETTLED)
    assert unsettled(world, CALM) == []
    before = len(world.truth.placed())
    world.live(END)
    assert len(world.truth.placed()) > before, "it does not trade again"
    assert acknowledge(world) == [], "open discrepancies"


def finish(world: Incident) -> None:
    """Live through calm, trading and rest, and judge everything."""
    live_on(world)
    judge(world)


def open_orders(world: Incident) -> list[str]:
    """Return the ids of our orders that are open at the exchange."""
    world.exchange.sync()
    working = world.exchange.floor.account(ACCOUNT).working.values()
    names = [one.new.client_id for one in working]
    return [one for one in names if not one.startswith(FOREIGN)]


def _orders(world: Incident, unit: UnitOfWork, orders: Mapping[str, OrderRecord]) -> Iterator[str]:
    """No order lost, none twice under one id, the same lots on both sides."""
    for order_id in {one.client_order_id for one in world.truth.placed()}:
        shown = world.truth.orders(order_id)
        if len(shown) > 1:
            yield f"doubled: {len(shown)} orders under {order_id}"
        if order_id not in orders:
            yield f"lost: {order_id} is not in the journal"
            continue
        booked = unit.fills.lots_of(ACCOUNT, order_id)
        filled = sum(one.filled for one in shown)
        if booked != filled:
            yield f"{order_id}: {booked} lots booked, {filled} filled"
        alive = any(one.status is VenueOrderStatus.OPEN for one in shown)
        if alive and isinstance(orders[order_id].state, FINAL):
            yield f"{order_id} is open there and {orders[order_id].state} here"


def _intents(world: Incident, unit: UnitOfWork, orders: Mapping[str, OrderRecord]) -> Iterator[str]:
    """At most one possibly-live order an intent, never more filled than it wanted, all ended."""
    names = {key: intent_id(one.intent) for key, one in orders.items()}
    for alive in world.together:
        owners = [names[one] for one in alive if one in names]
        if len(owners) != len(set(owners)):
            yield f"I5: two orders of one intent were open together: {alive}"
    filled: dict[str, int] = defaultdict(int)
    for order_id, owner in names.items():
        filled[owner] += unit.fills.lots_of(ACCOUNT, order_id)
    for order in orders.values():
        owner = intent_id(order.intent)
        if filled[owner] > order.intent.lots:
            yield f"I3: intent {owner} of {order.intent.lots} lots had {filled[owner]} filled"
    for one in unit.intents.latest(ACCOUNT, 10_000):
        if one.status is not IntentStatus.DONE:
            yield f"I18: intent {one.intent_id} is not done: {one.stage}"


def _fills(world: Incident, unit: UnitOfWork) -> Iterator[str]:
    """The journal has each trade of ours once and as it was, and none that never was."""
    booked = {(one.symbol, one.trade_id): one for one in unit.fills.all(ACCOUNT)}
    true = {(str(one.symbol), one.trade_id): one for one in world.truth.fills()}
    for key, trade in true.items():
        found = booked.get(key)
        ours = not trade.client_order_id.startswith(FOREIGN)
        if found is None:
            if ours:
                yield f"trade {key} was never booked"
            continue
        same = (found.side, found.lots, found.ticks, found.fee_asset, found.fee_amount) == (
            trade.side, trade.lots, trade.ticks, trade.fee.currency, trade.fee.amount
        )  # fmt: skip
        named = ours and bool(trade.client_order_id)
        if not same or (named and found.client_order_id != trade.client_order_id):
            yield f"trade {key} was booked as {found}, it was {trade}"
    for key in booked.keys() - true.keys():
        yield f"trade {key} was invented"


def _funding(world: Incident, unit: UnitOfWork) -> Iterator[str]:
    """Every settlement is booked, once and by its sign."""
    for one in world.truth.funding():
        entry = unit.ledger.find(ACCOUNT, "funding", one.settlement_id)
        legs = [] if entry is None else entry.postings
        booked = sum((leg.amount for leg in legs if leg.account == "wallet"), Decimal(0))
        if int(booked * 10**8) != one.received:
            yield f"funding {one.settlement_id}: {booked} booked, {one.received} received"


def _ends(world: Incident, orders: Mapping[str, OrderRecord]) -> Iterator[str]:
    """No final state without the venue's evidence."""
    for order_id, order in orders.items():
        shown = world.truth.orders(order_id)
        state, text = order.state, f"{order_id} is {order.state} here, there {shown}"
        statuses = {one.status for one in shown}
        if not isinstance(state, FINAL):
            yield text
        elif isinstance(state, Rejected):
            answers = world.answers.get(order_id, [])
            refused = any(
                isinstance(one, Refused) and one.kind is not RefusalKind.REPEATED_ID
                for one in answers
            )
            if VenueOrderStatus.REJECTED not in statuses and not (refused and not shown):
                yield f"never refused: {text}"
        elif isinstance(state, NotPlaced):
            if shown:
                yield f"was placed: {text}"
        elif isinstance(state, (Filled, Canceled, Expired)):
            known = bool(shown) or order.leg.value == "bar"
            if not known or (filled_lots(state) != sum(one.filled for one in shown) and shown):
                yield f"other fills: {text}"
            if shown and not statuses <= _ENDED | {VenueOrderStatus.REJECTED}:
                yield f"not ended: {text}"
        else:
            assert isinstance(state, Denied), text


def _balances(world: Incident, ours: Mapping[tuple[str, str], Decimal]) -> Iterator[str]:
    """The books hold what the exchange holds; every asset's postings add up to nothing."""
    sums: dict[str, Decimal] = defaultdict(Decimal)
    for (_, asset), amount in ours.items():
        sums[asset] += amount
    yield from (f"I1: {asset} adds up to {total}" for asset, total in sums.items() if total)
    theirs, positions = world.truth.balances(), world.truth.positions()
    for one in world.truth.instruments:
        if one.symbol.is_perpetual:
            there = positions.get(one.symbol, 0) * one.lot_size
            here = ours.get(("contracts", str(one.symbol)), Decimal(0))
        else:
            there = theirs.get(one.symbol.base, Decimal(0))
            here = ours.get(("wallet", one.symbol.base), Decimal(0))
        if abs(there - here) >= one.lot_size:
            yield f"{one.symbol}: {here} in the books, {there} there"
    cash = ours.get(("wallet", "USDT"), Decimal(0))
    if abs(cash - theirs.get("USDT", Decimal(0))) > _CENT:
        yield f"USDT: {cash} in the books, {theirs.get('USDT')} there"


def judge(world: Incident) -> None:
    """Assert that an incident that lived to its end lost nothing, and that its journal is enough.

    Raises:
        AssertionError: If not.
    """
    assert violations(world) == []
    world.die()
    world.live(world.now + 30_000)
    assert violations(world) == [], "after a last restart"
    assert world.session is not None
