"""Between the records of an account and the tables' rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from decimal import Decimal
from operator import attrgetter
from typing import Any

from ....application.journal import (
    FillRecord,
    IntentRecord,
    IntentStatus,
    LedgerRecord,
    OrderRecord,
    PostingRecord,
)
from ....domain.market import Symbol
from ....domain.orders import (
    Canceled,
    Cancelling,
    Denied,
    Expired,
    Filled,
    Intended,
    Leg,
    NotPlaced,
    Open,
    Opening,
    OrderIntent,
    OrderKind,
    OrderState,
    OrderTerms,
    Partial,
    Purpose,
    Reduction,
    Rejected,
    Side,
    Submitting,
    TimeInForce,
    Unknown,
    filled_lots,
    intent_id,
)
from .statements import Row, Values

_FILL_FIELDS = attrgetter(*(one.name for one in fields(FillRecord)))
_STATES: dict[str, type[OrderState]] = {
    "intended": Intended,
    "submitting": Submitting,
    "unknown": Unknown,
    "open": Open,
    "partial": Partial,
    "cancelling": Cancelling,
    "filled": Filled,
    "expired": Expired,
    "canceled": Canceled,
    "rejected": Rejected,
    "not_placed": NotPlaced,
    "denied": Denied,
}
_STATE_NAMES = {kind: name for name, kind in _STATES.items()}
_STATE_FIELDS = {kind: tuple(one.name for one in fields(kind)) for kind in _STATES.values()}
_KINDS = {one.value: one for one in OrderKind}
_TIMES = {one.value: one for one in TimeInForce}
_PURPOSES = {one.value: one for one in Purpose}
_LEGS = {one.value: one for one in Leg}


def _wanted(intent: OrderIntent) -> Values:
    """Return what an intent and each of its attempts say alike, from ``type`` to ``decided_at``."""
    opening = isinstance(intent, Opening)
    return (
        "opening" if opening else "reduction",
        intent.purpose._value_,
        str(intent.symbol),
        intent.side.sign,
        intent.lots,
        intent.closes if isinstance(intent, Opening) else intent.lots,
        intent.decided_at,
    )


def _intent(row: Mapping[str, Any]) -> OrderIntent:
    symbol = Symbol.parse(row["symbol"])
    side = Side.BUY if row["side"] > 0 else Side.SELL
    if row["type"] == "opening":
        return Opening(row["account"], symbol, side, row["lots"], row["decided_at"], row["closes"])
    purpose = _PURPOSES[row["purpose"]]
    return Reduction(row["account"], symbol, side, row["lots"], row["decided_at"], purpose)


def intent_values(record: IntentRecord) -> Values:
    """Return the columns of an intent."""
    return (
        record.account,
        record.intent_id,
        record.run_id,
        *_wanted(record.intent),
        record.plan,
        record.arrival,
        record.deadline,
        record.status._value_,
        record.stage,
        record.outcome,
        record.recorded_at,
        record.updated_at,
        record.verdict,
    )


def intent_change(record: IntentRecord) -> Row:
    """Return the columns of an intent that change after it was added."""
    return {
        "status": record.status._value_,
        "stage": record.stage,
        "outcome": record.outcome,
        "updated_at": record.updated_at,
    }


def intent_record(row: Mapping[str, Any]) -> IntentRecord:
    """Return the intent of a row."""
    return IntentRecord(
        row["account"],
        row["run_id"],
        row["intent_id"],
        _intent(row),
        row["plan"],
        row["arrival"],
        row["deadline"],
        IntentStatus(row["status"]),
        row["stage"],
        row["outcome"],
        row["recorded_at"],
        row["updated_at"],
        row["verdict"],
    )


def order_values(order: OrderRecord) -> Values:
    """Return the columns of an attempt."""
    intent, terms, state = order.intent, order.terms, order.state
    *sent, trigger = _NO_TERMS if terms is None else _terms_values(terms)
    return (
        order.client_order_id,
        order.run_id,
        intent.account,
        intent_id(intent),
        *_wanted(intent),
        order.leg._value_,
        order.attempt,
        *sent,
        order.payload_hash,
        order.epoch,
        order.fence_at,
        order.reserved,
        order.sent_at,
        order.cancel_asked_at,
        *_state_values(state),
        order.evidence,
        order.venue_order_id,
        order.recorded_at,
        order.updated_at,
        trigger,
    )


def _state_values(state: OrderState) -> Values:
    """Return name, filled lots, reason, and since when it is unknown."""
    since = state.since if isinstance(state, Unknown) else None
    return _STATE_NAMES[type(state)], filled_lots(state), getattr(state, "reason", ""), since


def order_change(order: OrderRecord) -> Row:
    """Return the columns of an attempt that change after it was added."""
    name, filled, reason, since = _state_values(order.state)
    return {
        "state": name,
        "filled": filled,
        "reason": reason,
        "unknown_since": since,
        "evidence": order.evidence,
        "venue_order_id": order.venue_order_id,
        "fence_at": order.fence_at,
        "reserved": order.reserved,
        "sent_at": order.sent_at,
        "cancel_asked_at": order.cancel_asked_at,
        "updated_at": order.updated_at,
    }


def order_record(row: Mapping[str, Any]) -> OrderRecord:
    """Return the attempt of a row."""
    intent = _intent(row)
    return OrderRecord(
        row["run_id"],
        row["client_order_id"],
        intent,
        _state(row),
        row["recorded_at"],
        row["updated_at"],
        row["attempt"],
        row["venue_order_id"],
        _LEGS[row["leg"]],
        _terms(row, intent),
        row["payload_hash"],
        row["epoch"],
        row["fence_at"],
        row["reserved"],
        row["sent_at"],
        row["evidence"],
        row["cancel_asked_at"],
    )


def _terms_values(terms: OrderTerms) -> Values:
    """Return the columns from ``kind`` to ``reduce_only``, and ``trigger_ticks``."""
    return (
        terms.kind._value_,
        terms.lots,
        terms.limit,
        terms.time_in_force._value_,
        terms.expires_at,
        terms.post_only,
        terms.reduce_only,
        terms.trigger,
    )


_NO_TERMS: Values = (None,) * 8


def _terms(row: Mapping[str, Any], intent: OrderIntent) -> OrderTerms | None:
    if row["kind"] is None:
        return None
    return OrderTerms(
        intent.symbol,
        intent.side,
        row["order_lots"],
        _KINDS[row["kind"]],
        row["limit_ticks"],
        _TIMES[row["time_in_force"]],
        row["expires_at"],
        bool(row["post_only"]),
        bool(row["reduce_only"]),
        row["trigger_ticks"],
    )


def _state(row: Mapping[str, Any]) -> OrderState:
    kind = _STATES[row["state"]]
    known = {"filled": row["filled"], "reason": row["reason"], "since": row["unknown_since"]}
    return kind(**{name: known[name] for name in _STATE_FIELDS[kind]})


def exact_text(amount: Decimal) -> str:
    """Return all digits of an amount, without an exponent."""
    return f"{amount:f}"


def fill_values(fill: FillRecord) -> Values:
    """Return the columns of a fill: its fields, some of them in other words."""
    head, number, trade, order_id, *rest, amount, price = _FILL_FIELDS(fill)
    exact = None if price is None else exact_text(price)
    return head, number, trade, order_id or None, *rest, exact_text(amount), exact


def fill_record(row: Mapping[str, Any]) -> FillRecord:
    """Return the fill of a row."""
    price = row["fee_price"]
    changed = {
        "client_order_id": row["client_order_id"] or "",
        "maker": bool(row["maker"]),
        "fee_amount": Decimal(row["fee_amount"]),
        "fee_price": None if price is None else Decimal(price),
    }
    return FillRecord(**{**row, **changed})


def entry_values(entry: LedgerRecord) -> tuple[Values, list[Values]]:
    """Return the columns of a ledger entry, and those of each posting."""
    account, sequence = entry.account, entry.sequence
    times = entry.occurred_at, entry.recorded_at
    legs: list[Values] = [
        (account, sequence, place, leg.account, leg.asset, exact_text(leg.amount))
        for place, leg in enumerate(entry.postings)
    ]
    return (account, sequence, entry.kind, entry.reference, *times), legs


def entry_record(row: Mapping[str, Any], legs: Sequence[Values]) -> LedgerRecord:
    """Return the entry of a row and its postings, each a sequence, book, asset and amount."""
    postings = tuple(PostingRecord(book, asset, Decimal(amount)) for _, book, asset, amount in legs)
    return LedgerRecord(**row, postings=postings)
