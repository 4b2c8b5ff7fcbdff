"""Between the journal's records and the tables' rows."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields
from operator import attrgetter
from typing import Any

from ....application.journal import (
    AssetDecision,
    DecisionRecord,
    EquityMark,
    FillRecord,
    LedgerRecord,
    OrderRecord,
    PostingRecord,
    RunRecord,
    RunStatus,
    SeenBar,
    SnapshotRecord,
)
from ....domain.errors import StorageError
from ....domain.market import Symbol
from ....domain.orders import (
    FINAL,
    Canceled,
    Cancelling,
    Denied,
    Expired,
    Filled,
    Intended,
    NotPlaced,
    Open,
    Opening,
    OrderIntent,
    OrderState,
    Partial,
    Purpose,
    Reduction,
    Rejected,
    Side,
    Submitting,
    Unknown,
    filled_lots,
)

Row = dict[str, Any]


class _Columns:
    """The fields of a record that are columns of the same name."""

    def __init__(self, kind: type[Any]) -> None:
        self.names = tuple(one.name for one in fields(kind))
        self._read = attrgetter(*self.names)

    def row(self, record: object) -> Row:
        return dict(zip(self.names, self._read(record), strict=True))


_RUN = _Columns(RunRecord)
_BAR = _Columns(SeenBar)
_FILL = _Columns(FillRecord)
_MARK = _Columns(EquityMark)
_ASSET = _Columns(AssetDecision)
_SNAPSHOT = _Columns(SnapshotRecord)

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
FINAL_STATES = tuple(name for name, kind in _STATES.items() if kind in FINAL)


def run_row(run: RunRecord) -> Row:
    """Return the row of a run."""
    return _RUN.row(run) | {"symbols": json.dumps(run.symbols), "status": run.status.value}


def run_record(row: Mapping[str, Any]) -> RunRecord:
    """Return the run of a row."""
    values = dict(row)
    values["symbols"] = tuple(json.loads(values["symbols"]))
    values["status"] = RunStatus(values["status"])
    return RunRecord(**values)


def bar_row(bar: SeenBar, place: int) -> Row:
    """Return the row of a bar; ``place`` is its asset's place in the instant."""
    row = _BAR.row(bar)
    row["place"] = place
    return row


def bar_record(row: Mapping[str, Any]) -> SeenBar:
    """Return the bar of a row."""
    return SeenBar(**{name: row[name] for name in _BAR.names})


def decision_rows(decision: DecisionRecord) -> tuple[Row, list[Row]]:
    """Return the row of a decision and one row an asset."""
    key = {"run_id": decision.run_id, "bar_time": decision.bar_time}
    head = key | {
        "decided_at": decision.decided_at,
        "recorded_at": decision.recorded_at,
        "equity": decision.equity,
    }
    assets = [
        key | _ASSET.row(asset) | {"place": place} for place, asset in enumerate(decision.assets)
    ]
    return head, assets


def decision_record(row: Mapping[str, Any], assets: Sequence[Mapping[str, Any]]) -> DecisionRecord:
    """Return the decision of a row and its assets' rows."""
    parts = tuple(AssetDecision(**{name: one[name] for name in _ASSET.names}) for one in assets)
    return DecisionRecord(**row, assets=parts)


def state_row(state: OrderState) -> Row:
    """Return the columns that hold a state."""
    return {
        "state": _STATE_NAMES[type(state)],
        "filled": filled_lots(state),
        "reason": getattr(state, "reason", ""),
        "unknown_since": state.since if isinstance(state, Unknown) else None,
    }


def order_row(order: OrderRecord, place: int) -> Row:
    """Return the row of an order; ``place`` keeps the order of addition."""
    intent = order.intent
    return {
        "client_order_id": order.client_order_id,
        "run_id": order.run_id,
        "place": place,
        "kind": "opening" if isinstance(intent, Opening) else "reduction",
        "closes": intent.closes if isinstance(intent, Opening) else intent.lots,
        "purpose": intent.purpose.value,
        "account": intent.account,
        "symbol": str(intent.symbol),
        "side": intent.side.sign,
        "lots": intent.lots,
        "decided_at": intent.decided_at,
        "attempt": order.attempt,
        "venue_order_id": order.venue_order_id,
        "recorded_at": order.recorded_at,
        "updated_at": order.updated_at,
        **state_row(order.state),
    }


def order_record(row: Mapping[str, Any]) -> OrderRecord:
    """Return the order of a row."""
    common: dict[str, Any] = {
        "account": row["account"],
        "symbol": Symbol.parse(row["symbol"]),
        "side": Side.BUY if row["side"] > 0 else Side.SELL,
        "lots": row["lots"],
        "decided_at": row["decided_at"],
    }
    intent: OrderIntent
    if row["kind"] == "opening":
        intent = Opening(**common, closes=row["closes"])
    else:
        intent = Reduction(**common, purpose=Purpose(row["purpose"]))
    return OrderRecord(
        row["run_id"],
        row["client_order_id"],
        intent,
        _state(row),
        row["recorded_at"],
        row["updated_at"],
        row["attempt"],
        row["venue_order_id"],
    )


def _state(row: Mapping[str, Any]) -> OrderState:
    kind = _STATES.get(row["state"])
    if kind is None:
        raise StorageError(
            f"order {row['client_order_id']}: unknown state {row['state']!r}",
            mend="restore a backup; the database was changed by something else",
        )
    known = {
        "filled": row["filled"],
        "reason": row["reason"],
        "since": row["unknown_since"],
    }
    return kind(**{one.name: known[one.name] for one in fields(kind)})


def fill_row(fill: FillRecord) -> Row:
    """Return the row of a fill."""
    return _FILL.row(fill)


def fill_record(row: Mapping[str, Any]) -> FillRecord:
    """Return the fill of a row."""
    return FillRecord(**row)


def entry_rows(entry: LedgerRecord) -> tuple[Row, list[Row]]:
    """Return the row of a ledger entry and one row a posting."""
    key = {"run_id": entry.run_id, "sequence": entry.sequence}
    head = key | {
        "kind": entry.kind,
        "reference": entry.reference,
        "occurred_at": entry.occurred_at,
        "recorded_at": entry.recorded_at,
    }
    legs = [
        key | {"place": place, "account": leg.account, "asset": leg.asset, "amount": leg.amount}
        for place, leg in enumerate(entry.postings)
    ]
    return head, legs


def entry_record(row: Mapping[str, Any], legs: Sequence[Mapping[str, Any]]) -> LedgerRecord:
    """Return the entry of a row and its postings' rows."""
    postings = tuple(PostingRecord(leg["account"], leg["asset"], leg["amount"]) for leg in legs)
    return LedgerRecord(**row, postings=postings)


def mark_row(mark: EquityMark) -> Row:
    """Return the row of a mark."""
    return _MARK.row(mark)


def mark_record(row: Mapping[str, Any]) -> EquityMark:
    """Return the mark of a row."""
    return EquityMark(**row)


def snapshot_row(snapshot: SnapshotRecord) -> Row:
    """Return the row of a snapshot."""
    return _SNAPSHOT.row(snapshot)


def snapshot_record(row: Mapping[str, Any]) -> SnapshotRecord:
    """Return the snapshot of a row."""
    return SnapshotRecord(**{**row, "content": bytes(row["content"])})
