"""Orders and decisions of an account, for people and for programs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from ...domain.errors import InvalidValue, NotFound
from ...domain.market import Symbol
from ...domain.orders import (
    POSSIBLY_LIVE,
    Denied,
    Expired,
    NotPlaced,
    OrderState,
    Purpose,
    Reduction,
    Rejected,
    Side,
    Unknown,
    intent_id,
)
from ..journal import (
    AssetDecision,
    AuditRecord,
    DecisionRecord,
    FillRecord,
    IntentRecord,
    OrderRecord,
)
from ..ports.unit_of_work import Store, UnitOfWork
from ..session.queries import Decision, told

_FAR = 100_000
"""How many of the newest rows are searched."""
_SHORTEST = 4


@dataclass(frozen=True, slots=True)
class OrderView:
    """One attempt and what belongs to it.

    Attributes:
        filled: Lots in the books.
        ticks: Their average price in ticks, weighted by lots; None without fills.
        intent: What it is an attempt of, None if that was not written down.
        attempts: All attempts of that intent, oldest first; empty in lists.
        fills, audit: Empty in lists.
    """

    order: OrderRecord
    filled: int
    ticks: float | None
    intent: IntentRecord | None = None
    attempts: tuple[OrderRecord, ...] = ()
    fills: tuple[FillRecord, ...] = ()
    audit: tuple[AuditRecord, ...] = ()


@dataclass(frozen=True, slots=True)
class DecisionView:
    """One decision and what came of it.

    Attributes:
        intents: What was written down to be traded, with their plans' outcomes.
        orders: Their attempts.
    """

    account: str
    decision: Decision
    intents: tuple[IntentRecord, ...]
    orders: tuple[OrderRecord, ...]


@dataclass(frozen=True, slots=True)
class NotTraded:
    """One asset that was decided on and not traded.

    Attributes:
        time: Close of the bar, Unix milliseconds UTC.
        why: In words.
    """

    time: int
    symbol: str
    why: str
    asset: AssetDecision


def state_words(state: OrderState) -> str:
    """Return an order's state as it is called: ``partial``, ``not placed: no trace of it``."""
    name = "".join(f" {char.lower()}" if char.isupper() else char for char in type(state).__name__)
    if isinstance(state, (Expired, Rejected, NotPlaced, Denied)) and state.reason:
        return f"{name.strip()}: {state.reason}"
    return name.strip()


def list_orders(
    store: Store, account: str, limit: int = 20, *, live: bool = False, symbol: str | None = None
) -> list[OrderView]:
    """Return the newest orders of an account, newest first.

    Args:
        live: Only those that the venue may hold.
        symbol: Only those that trade it.
    """
    wanted = None if symbol is None else Symbol.parse(symbol)
    with store.reading() as unit:
        found: Iterable[OrderRecord]
        if live:
            found = reversed(
                [one for one in unit.orders.live(account) if isinstance(one.state, POSSIBLY_LIVE)]
            )
        else:
            found = unit.orders.latest(account, limit if wanted is None else _FAR)
        chosen = [one for one in found if wanted in {None, one.intent.symbol}][:limit]
        return [_view(unit, one) for one in chosen]


def show_order(store: Store, account: str | None, order_id: str) -> OrderView:
    """Return one order with its intent, the other attempts, fills and audit.

    Args:
        account: Where to search if the id is only the beginning of one.

    Raises:
        NotFound: If there is none.
        InvalidValue: If the beginning fits several.
    """
    with store.reading() as unit:
        order = unit.orders.find(order_id) or _search(unit, account, order_id)
        owner, intent = order.account, intent_id(order.intent)
        fills = tuple(unit.fills.of_order(owner, order.client_order_id))
        audit = [
            one
            for one in unit.audit.latest(owner, _FAR)
            if order.client_order_id in one.subject or order.client_order_id in one.text
        ]
        return OrderView(
            order,
            sum(one.lots for one in fills),
            _average(fills),
            unit.intents.find(owner, intent),
            tuple(unit.orders.of_intent(owner, intent)),
            fills,
            tuple(reversed(audit)),
        )


def list_decisions(store: Store, account: str, limit: int = 10) -> list[Decision]:
    """Return the newest decisions of a run, newest first."""
    with store.reading() as unit:
        return [told(one) for one in unit.decisions.latest(account, limit)]


def why_not(store: Store, account: str, limit: int = 20) -> list[NotTraded]:
    """Return the newest assets that were decided on and not traded, with the reason.

    An intent that was written down and traded nothing counts as well, with its plan's outcome.
    """
    found: list[NotTraded] = []
    with store.reading() as unit:
        for record in _newest(unit, account, limit):
            for asset in record.assets:
                why = _hindrance(unit, account, record, asset)
                if why:
                    found.append(NotTraded(record.decided_at, asset.symbol, why, asset))
            if len(found) >= limit:
                break
    return found[:limit]


def show_decision(store: Store, account: str, time_ms: int | None = None) -> DecisionView:
    """Return the decision at the close of a bar, and what came of it.

    Args:
        time_ms: Close of the bar; the newest decision if None.

    Raises:
        NotFound: If there was none.
    """
    with store.reading() as unit:
        record = _decision_at(unit, account, time_ms)
        if record is None:
            when = "" if time_ms is None else " at that time"
            raise NotFound(
                f"no decision of {account!r}{when}",
                mend="`mettle decisions list` shows when it decided",
            )
        intents = tuple(_intents(unit, account, record))
        orders = [one for own in intents for one in unit.orders.of_intent(account, own.intent_id)]
        return DecisionView(account, told(record), intents, tuple(orders))


def _decision_at(unit: UnitOfWork, account: str, time_ms: int | None) -> DecisionRecord | None:
    for record in _newest(unit, account, 1):
        if time_ms is None or record.decided_at == time_ms:
            return record
        if record.decided_at < time_ms:
            break
    return None


def _newest(unit: UnitOfWork, account: str, first: int) -> Iterator[DecisionRecord]:
    """Yield decisions, newest first, without reading more of a long run than is asked for."""
    seen, size = 0, max(first, 1)
    while True:
        page = unit.decisions.latest(account, size)
        yield from page[seen:]
        if len(page) < size:
            return
        seen, size = len(page), 4 * size


def _view(unit: UnitOfWork, order: OrderRecord) -> OrderView:
    fills = unit.fills.of_order(order.account, order.client_order_id)
    return OrderView(order, sum(one.lots for one in fills), _average(fills))


def _average(fills: Sequence[FillRecord]) -> float | None:
    lots = sum(one.lots for one in fills)
    return sum(one.lots * one.ticks for one in fills) / lots if lots else None


def _search(unit: UnitOfWork, account: str | None, order_id: str) -> OrderRecord:
    found: list[OrderRecord] = []
    if account is not None and len(order_id) >= _SHORTEST:
        found = [
            one
            for one in unit.orders.latest(account, _FAR)
            if one.client_order_id.startswith(order_id) or one.venue_order_id == order_id
        ]
    if not found:
        raise NotFound(f"no order {order_id!r}", mend="`mettle orders list` shows their ids")
    if len(found) > 1:
        raise InvalidValue(
            f"{len(found)} orders begin with {order_id!r}", mend="give more of the id"
        )
    return found[0]


def _intents(unit: UnitOfWork, account: str, record: DecisionRecord) -> Iterator[IntentRecord]:
    """Yield the intents of one bar: their ids follow from symbol, bar and purpose."""
    for asset in record.assets:
        symbol = Symbol.parse(asset.symbol)
        for purpose in Purpose:
            key = intent_id(Reduction(account, symbol, Side.BUY, 1, record.decided_at, purpose))
            found = unit.intents.find(account, key)
            if found is not None:
                yield found


def _hindrance(unit: UnitOfWork, account: str, record: DecisionRecord, asset: AssetDecision) -> str:
    if asset.change == 0:
        return asset.verdict
    side = Side.BUY if asset.change > 0 else Side.SELL
    symbol = Symbol.parse(asset.symbol)
    key = intent_id(Reduction(account, symbol, side, 1, record.decided_at, Purpose.REBALANCE))
    intent = unit.intents.find(account, key)
    if intent is None or not intent.outcome:
        return ""
    attempts = unit.orders.of_intent(account, key)
    if any(isinstance(one.state, Unknown) for one in attempts):
        return ""
    traded = any(unit.fills.lots_of(account, one.client_order_id) for one in attempts)
    return "" if traded else intent.outcome
