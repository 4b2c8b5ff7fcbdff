"""Between the records of an account and the tables' rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from decimal import Decimal
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
from .codec import Columns
from .statements import Row

_FILL = Columns(FillRecord)
_NO_TERMS: Row = dict.fromkeys(
    (
        "kind",
        "order_lots",
        "limit_ticks",
        "time_in_force",
        "expires_at",
        "post_only",
        "reduce_only",
        "trigger_ticks",
    )
)

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


def _intent_row(intent: OrderIntent) -> Row:
    opening = isinstance(intent, Opening)
    return {
        "type": "opening" if opening else "reduction",
        "purpose": intent.purpose.value,
        "account": intent.account,
        "symbol": str(intent.symbol),
        "side": intent.side.sign,
        "lots": intent.lots,
        "closes": intent.closes if isinstance(intent, Opening) else intent.lots,
        "decided_at": intent.decided_at,
    }


def _intent(row: Mapping[str, Any]) -> OrderIntent:
    symbol = Symbol.parse(row["symbol"])
    side = Side.BUY if row["side"] > 0 else Side.SELL
    if row["type"] == "opening":
        return Opening(row["account"], symbol, side, row["lots"], row["decided_at"], row["closes"])
    purpose = _PURPOSES[row["purpose"]]
    return Reduction(row["account"], symbol, side, row["lots"], row["decided_at"], purpose)


def intent_row(record: IntentRecord) -> Row:
    """Return the row of an intent."""
    return {
        **_intent_row(record.intent),
        "account": record.account,
        "intent_id": record.intent_id,
        "run_id": record.run_id,
        "plan": record.plan,
        "arrival": record.arrival,
        "deadline": record.deadline,
        "recorded_at": record.recorded_at,
        "verdict": record.verdict,
        **intent_change(record),
    }


def intent_change(record: IntentRecord) -> Row:
    """Return the columns of an intent that change after it was added."""
    return {
        "status": record.status.value,
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


def order_row(order: OrderRecord) -> Row:
    """Return the row of an attempt."""
    return {
        "client_order_id": order.client_order_id,
        "run_id": order.run_id,
        "intent_id": intent_id(order.intent),
        **_intent_row(order.intent),
        "leg": order.leg.value,
        "attempt": order.attempt,
        **(_NO_TERMS if order.terms is None else _terms_row(order.terms)),
        "payload_hash": order.payload_hash,
        "epoch": order.epoch,
        "recorded_at": order.recorded_at,
        **order_change(order),
    }


def order_change(order: OrderRecord) -> Row:
    """Return the columns of an attempt that change after it was added."""
    state = order.state
    return {
        "state": _STATE_NAMES[type(state)],
        "filled": filled_lots(state),
        "reason": getattr(state, "reason", ""),
        "unknown_since": state.since if isinstance(state, Unknown) else None,
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


def _terms_row(terms: OrderTerms) -> Row:
    return {
        "kind": terms.kind.value,
        "order_lots": terms.lots,
        "limit_ticks": terms.limit,
        "time_in_force": terms.time_in_force.value,
        "expires_at": terms.expires_at,
        "post_only": terms.post_only,
        "reduce_only": terms.reduce_only,
        "trigger_ticks": terms.trigger,
    }


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


def fill_row(fill: FillRecord) -> Row:
    """Return the row of a fill."""
    return _FILL.row(fill) | {
        "client_order_id": fill.client_order_id or None,
        "fee_amount": exact_text(fill.fee_amount),
        "fee_price": None if fill.fee_price is None else exact_text(fill.fee_price),
    }


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


def entry_rows(entry: LedgerRecord) -> tuple[Row, list[Row]]:
    """Return the row of a ledger entry and one row a posting."""
    key = {"account": entry.account, "sequence": entry.sequence}
    head = key | {
        "kind": entry.kind,
        "reference": entry.reference,
        "occurred_at": entry.occurred_at,
        "recorded_at": entry.recorded_at,
    }
    legs = [
        key
        | {
            "place": place,
            "book": leg.account,
            "asset": leg.asset,
            "amount": exact_text(leg.amount),
        }
        for place, leg in enumerate(entry.postings)
    ]
    return head, legs


def entry_record(row: Mapping[str, Any], legs: Sequence[Mapping[str, Any]]) -> LedgerRecord:
    """Return the entry of a row and its postings' rows."""
    postings = tuple(
        PostingRecord(leg["book"], leg["asset"], Decimal(leg["amount"])) for leg in legs
    )
    return LedgerRecord(**row, postings=postings)
