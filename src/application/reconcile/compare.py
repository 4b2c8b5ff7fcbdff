"""Two snapshots → what differs; pure.

An order that the two readings of open orders do not show alike has moved, and so has everything of
which the venue reports something newer than the settling time: it is left out. Balances are judged
only where nothing moves and every trade is booked; else a late trade would look like money from
nowhere.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from decimal import Decimal

from ...domain.ledger import CONTRACTS, SUSPENSE, WALLET
from ...domain.market import Symbol
from ...domain.money import multiply, plain, subtract
from ...domain.orders import (
    FINAL,
    POSSIBLY_LIVE,
    Cancelling,
    Open,
    OrderState,
    Partial,
    Submitting,
    Unknown,
    filled_lots,
)
from ..journal import DiscrepancyRecord, OrderRecord
from ..ports.venue import VenueFill, VenueOrder
from .views import Difference, Findings, Kind, LocalView, Scope, VenueView, about, kind_of

_IN_MOTION = (Submitting, Unknown, Cancelling)
"""States in which the venue may do something that we have not heard of."""


def compare(scope: Scope, local: LocalView, theirs: VenueView) -> Findings:
    """Return what differs, and whether anything was left out."""
    orders = _Orders(scope, theirs)
    fills = [one for one in theirs.fills if one.symbol in scope.instruments]
    fresh = [one for one in fills if _is_new(local, one)]
    settled = [one for one in fresh if _is_old(scope, theirs, one.occurred_at)]
    found = [
        *_of_orders(scope, local, orders, settled),
        *_of_fills(scope, local, settled),
        *_of_funding(scope, local, theirs),
        *_over(local, orders),
    ]
    recent = [one for one in fills if not _is_old(scope, theirs, one.occurred_at)]
    moving = {one.symbol for one in (*fresh, *recent)} | {one.symbol for one in orders.shaky}
    moving |= _unsettled(local, orders)
    hidden = {one.fee.currency for one in (*fresh, *recent)}
    for symbol in moving:
        hidden |= {symbol.base, symbol.quote, symbol.settle, str(symbol)}
    if any(one.settlement_id not in local.settlements for one in theirs.funding):
        hidden |= {symbol.settle or symbol.quote for symbol in scope.instruments}
    off, unjudged = _of_balances(scope, local, theirs, hidden)
    found.extend(off)
    skipped = bool(unjudged or orders.shaky or len(settled) < len(fresh))
    return Findings(tuple(found), skipped, _foreign(local, orders))


class _Orders:
    """The venue's open orders: those that both readings show alike and old, and the others."""

    def __init__(self, scope: Scope, theirs: VenueView) -> None:
        before = {(one.symbol, one.venue_order_id): one for one in theirs.before}
        after = {(one.symbol, one.venue_order_id): one for one in theirs.after}
        self.steady: list[VenueOrder] = []
        self.shaky: list[VenueOrder] = []
        for key, one in {**before, **after}.items():
            same = before.get(key) == after.get(key)
            steady = same and _is_old(scope, theirs, one.updated_at)
            (self.steady if steady else self.shaky).append(one)
        self.every = [*self.steady, *self.shaky]
        self.mine = {one.client_order_id: one for one in self.every if one.client_order_id}


def _is_old(scope: Scope, theirs: VenueView, at: int) -> bool:
    return at <= theirs.server_time - scope.settle


def _is_new(local: LocalView, fill: VenueFill) -> bool:
    return (fill.symbol, fill.trade_id) not in local.trades


def order_key(order: VenueOrder) -> str:
    """Return what names an order in a discrepancy: our id, or else theirs and the symbol."""
    return order.client_order_id or f"{order.symbol} {order.venue_order_id}"


def _is_foreign(scope: Scope, local: LocalView, client_order_id: str) -> bool:
    return client_order_id not in local.orders and not scope.owns(client_order_id)


def _of_orders(
    scope: Scope, local: LocalView, orders: _Orders, fills: list[VenueFill]
) -> Iterator[Difference]:
    strange: dict[str, list[VenueFill]] = defaultdict(list)
    for fill in fills:
        if fill.client_order_id not in local.orders and scope.owns(fill.client_order_id):
            strange[fill.client_order_id].append(fill)
    shaky = {one.client_order_id for one in orders.shaky}
    for order in orders.steady:
        order_id, known = order.client_order_id, local.orders.get(order.client_order_id)
        shown = _words(order)
        if known is not None:
            if isinstance(known.state, FINAL) and _is_calm(scope, local, known):
                ours = str(known.state)
                yield Difference(Kind.ENDED, order_id, order.symbol, ours, shown, order)
        elif scope.owns(order_id):
            mine = tuple(strange.pop(order_id, ()))
            yield Difference(Kind.OURS, order_id, order.symbol, "none", shown, order, mine)
        else:
            yield Difference(Kind.FOREIGN, order_key(order), order.symbol, "none", shown, order)
    for order_id, trades in strange.items():
        if order_id in shaky:
            continue
        shown = ", ".join(_trade(one) for one in trades)
        yield Difference(Kind.OURS, order_id, trades[0].symbol, "none", shown, None, tuple(trades))
    yield from _lost(scope, local, orders)


def _is_calm(scope: Scope, local: LocalView, order: OrderRecord) -> bool:
    return order.updated_at <= local.at - scope.settle


def _lost(scope: Scope, local: LocalView, orders: _Orders) -> Iterator[Difference]:
    for order_id, order in local.orders.items():
        live = isinstance(order.state, (Open, Partial)) and _is_calm(scope, local, order)
        if live and order_id not in orders.mine:
            symbol = order.intent.symbol
            yield Difference(Kind.LOST, order_id, symbol, str(order.state), "not open")


def _of_fills(scope: Scope, local: LocalView, fills: list[VenueFill]) -> Iterator[Difference]:
    for fill in sorted(fills, key=lambda one: (one.occurred_at, one.trade_id)):
        key = f"{fill.symbol} {fill.trade_id}"
        acted = fill.protects is not None and not fill.client_order_id
        if acted or fill.client_order_id in local.orders:
            kind = Kind.FILL
        elif _is_foreign(scope, local, fill.client_order_id):
            kind = Kind.FOREIGN_FILL
        else:
            continue
        yield Difference(kind, key, fill.symbol, "not booked", _trade(fill), fills=(fill,))


def _of_funding(scope: Scope, local: LocalView, theirs: VenueView) -> Iterator[Difference]:
    for one in sorted(theirs.funding, key=lambda each: (each.occurred_at, each.settlement_id)):
        if one.symbol not in scope.instruments or one.settlement_id in local.settlements:
            continue
        if _is_old(scope, theirs, one.occurred_at):
            shown = f"{one.received} × 1e-8"
            yield Difference(
                Kind.FUNDING, one.settlement_id, one.symbol, "not booked", shown, funding=one
            )


def _over(local: LocalView, orders: _Orders) -> Iterator[Difference]:
    shown = {order_key(one) for one in orders.every}
    for record in local.open:
        if _has_ended(local, record, shown):
            yield Difference(Kind.OVER, record.discrepancy_id, record=record)


def _has_ended(local: LocalView, record: DiscrepancyRecord, shown: set[str]) -> bool:
    kind, key = kind_of(record), about(record)
    if kind is Kind.BALANCE:
        return not local.holds(SUSPENSE, key)
    if any(one.startswith(key) for one in shown):
        return False
    order = local.orders.get(key)
    return kind is not Kind.OURS or order is None or _is_settled(local, order)


def _is_settled(local: LocalView, order: OrderRecord) -> bool:
    ended = not isinstance(order.state, POSSIBLY_LIVE)
    return ended and local.booked.get(order.client_order_id, 0) == filled_lots(order.state)


def _unsettled(local: LocalView, orders: _Orders) -> set[Symbol]:
    """Return the symbols of which the venue may know more than the journal."""
    found = set()
    for order_id, order in local.orders.items():
        shown = orders.mine.get(order_id)
        if order_id in local.contested and shown is None:
            continue
        if _may_have_moved(order.state, shown, local.booked.get(order_id, 0)):
            found.add(order.intent.symbol)
    return found


def _may_have_moved(state: OrderState, shown: VenueOrder | None, booked: int) -> bool:
    if isinstance(state, _IN_MOTION) or filled_lots(state) != booked:
        return True
    if isinstance(state, (Open, Partial)):
        return shown is None or shown.filled != booked
    return shown is not None and shown.filled != booked


def _of_balances(
    scope: Scope, local: LocalView, theirs: VenueView, hidden: set[str]
) -> tuple[list[Difference], bool]:
    """Return what is off, and whether some asset could not be judged."""
    found: list[Difference] = []
    skipped = False
    for asset, symbol, held, shown, least in _assets(scope, local, theirs):
        if asset in hidden:
            skipped = True
            continue
        change = subtract(shown, held)
        if change.copy_abs() < least:
            continue
        ours, told = plain(held), plain(shown)
        key = f"{asset} {ours} {told}"
        found.append(Difference(Kind.BALANCE, key, symbol, ours, told, asset=asset, change=change))
    return found, skipped


def _assets(
    scope: Scope, local: LocalView, theirs: VenueView
) -> Iterator[tuple[str, Symbol | None, Decimal, Decimal, Decimal]]:
    """Yield asset, symbol, our amount, theirs, and the least difference that counts."""
    account = theirs.account
    cash = sorted({one.settle or one.quote for one in scope.instruments})
    for asset in cash:
        held, shown = local.holds(WALLET, asset), account.balances.get(asset, Decimal(0))
        yield asset, None, held, shown, scope.cash_tolerance
    bases: set[str] = set()
    for symbol, instrument in sorted(scope.instruments.items()):
        lot = instrument.lot_size
        if symbol.is_perpetual:
            name = str(symbol)
            shown = multiply(lot, Decimal(account.positions.get(symbol, 0)))
            yield name, symbol, local.holds(CONTRACTS, name), shown, lot
        elif symbol.base not in bases:
            bases.add(symbol.base)
            shown = account.balances.get(symbol.base, Decimal(0))
            yield symbol.base, symbol, local.holds(WALLET, symbol.base), shown, lot


def _foreign(local: LocalView, orders: _Orders) -> dict[Symbol, int]:
    """Return the lots that orders which are none of the desk's may fill; counting is no act."""
    found: dict[Symbol, int] = defaultdict(int)
    for order in orders.every:
        known = local.orders.get(order.client_order_id)
        if known is None or isinstance(known.state, FINAL):
            found[order.symbol] += max(0, order.lots - order.filled)
    return dict(found)


def _words(order: VenueOrder) -> str:
    side = "buys" if order.side > 0 else "sells"
    return f"{side} {order.lots} lots, {order.filled} filled"


def _trade(fill: VenueFill) -> str:
    side = "bought" if fill.side > 0 else "sold"
    return f"{side} {fill.lots} lots at {fill.ticks} ticks, trade {fill.trade_id}"
