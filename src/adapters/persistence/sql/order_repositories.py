"""The repositories of an account over SQL: intents, attempts, fills, ledger."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import Select, func, select

from ....application.journal import FillRecord, IntentRecord, LedgerRecord, OrderRecord
from ....domain.money import add
from ....domain.orders import POSSIBLY_LIVE
from . import order_codec as codec
from .order_tables import (
    NOT_FINAL,
    WORKING,
    FillRow,
    IntentRow,
    LedgerEntryRow,
    OrderRow,
    PostingRow,
)
from .session import SqlSession


class SqlIntents:
    """Approved intents by account and id."""

    def __init__(self, session: SqlSession) -> None:
        self._session = session

    def add(self, intent: IntentRecord) -> None:
        """Write one down."""
        self._session.insert(IntentRow, [codec.intent_row(intent)])

    def update(self, intent: IntentRecord) -> None:
        """Replace status, stage, outcome and time."""
        key = {"account": intent.account, "intent_id": intent.intent_id}
        self._session.update(IntentRow, key, codec.intent_change(intent))

    def find(self, account: str, intent_id: str) -> IntentRecord | None:
        """Return one, or None."""
        query = _of(IntentRow, account).where(IntentRow.intent_id == intent_id)
        return next(map(codec.intent_record, self._session.rows(query)), None)

    def working(self, account: str) -> Sequence[IntentRecord]:
        """Return those that are not done."""
        query = _of(IntentRow, account).where(WORKING).order_by(IntentRow.place)
        return [codec.intent_record(row) for row in self._session.rows(query)]

    def latest(self, account: str, limit: int) -> Sequence[IntentRecord]:
        """Return the newest."""
        query = _of(IntentRow, account).order_by(IntentRow.place.desc()).limit(limit)
        return [codec.intent_record(row) for row in self._session.rows(query)]


class SqlOrders:
    """Attempts by client order id."""

    def __init__(self, session: SqlSession) -> None:
        self._session = session

    def add(self, order: OrderRecord) -> None:
        """Write an attempt down."""
        self._session.insert(OrderRow, [codec.order_row(order)])

    def update(self, order: OrderRecord) -> None:
        """Replace what changes after the writing down."""
        key = {"client_order_id": order.client_order_id}
        self._session.update(OrderRow, key, codec.order_change(order))

    def find(self, client_order_id: str) -> OrderRecord | None:
        """Return one, or None."""
        query = select(OrderRow.__table__).where(OrderRow.client_order_id == client_order_id)
        return next(iter(self._records(query)), None)

    def of_intent(self, account: str, intent_id: str) -> Sequence[OrderRecord]:
        """Return the attempts of an intent."""
        query = _of(OrderRow, account).where(OrderRow.intent_id == intent_id)
        return self._records(query.order_by(OrderRow.place))

    def live(self, account: str) -> Sequence[OrderRecord]:
        """Return those in no final state."""
        return self._records(_of(OrderRow, account).where(NOT_FINAL).order_by(OrderRow.place))

    def possibly_live(self, account: str) -> Sequence[OrderRecord]:
        """Return those that the venue may hold."""
        return [one for one in self.live(account) if isinstance(one.state, POSSIBLY_LIVE)]

    def since(self, account: str, recorded_at: int) -> Sequence[OrderRecord]:
        """Return those written down at ``recorded_at`` or later."""
        query = _of(OrderRow, account).where(OrderRow.recorded_at >= recorded_at)
        return self._records(query.order_by(OrderRow.place))

    def latest(self, account: str, limit: int) -> Sequence[OrderRecord]:
        """Return the newest."""
        return self._records(_of(OrderRow, account).order_by(OrderRow.place.desc()).limit(limit))

    def _records(self, query: Select[Any]) -> list[OrderRecord]:
        return [codec.order_record(row) for row in self._session.rows(query)]


class SqlFills:
    """Fills in order of execution."""

    def __init__(self, session: SqlSession) -> None:
        self._session = session

    def add(self, fill: FillRecord) -> None:
        """Append."""
        self._session.insert(FillRow, [codec.fill_row(fill)])

    def find(self, account: str, symbol: str, trade_id: str) -> FillRecord | None:
        """Return one, or None."""
        there = (FillRow.symbol == symbol) & (FillRow.trade_id == trade_id)
        rows = self._session.rows(_of(FillRow, account).where(there))
        return next(map(codec.fill_record, rows), None)

    def of_order(self, account: str, client_order_id: str) -> Sequence[FillRecord]:
        """Return the fills of an order of ours."""
        query = _of(FillRow, account).where(FillRow.client_order_id == client_order_id)
        rows = self._session.rows(query.order_by(FillRow.sequence))
        return [codec.fill_record(row) for row in rows]

    def lots_of(self, account: str, client_order_id: str) -> int:
        """Return how many lots of an order of ours were filled."""
        query = select(func.sum(FillRow.lots)).where(FillRow.account == account)
        query = query.where(FillRow.client_order_id == client_order_id)
        return int(self._session.scalar(query) or 0)

    def all(self, account: str) -> Iterator[FillRecord]:
        """Yield every fill."""
        query = _of(FillRow, account).order_by(FillRow.sequence)
        return map(codec.fill_record, self._session.rows(query))

    def latest(self, account: str, limit: int) -> Sequence[FillRecord]:
        """Return the newest fills."""
        query = _of(FillRow, account).order_by(FillRow.sequence.desc()).limit(limit)
        return [codec.fill_record(row) for row in self._session.rows(query)]

    def count(self, account: str) -> int:
        """Return how many there are."""
        query = select(func.count()).select_from(FillRow).where(FillRow.account == account)
        return int(self._session.scalar(query))

    def next_sequence(self, account: str) -> int:
        """Return the place of the next fill."""
        query = select(func.max(FillRow.sequence)).where(FillRow.account == account)
        last = self._session.scalar(query)
        return 0 if last is None else int(last) + 1


class SqlLedgerEntries:
    """The append-only ledger."""

    def __init__(self, session: SqlSession) -> None:
        self._session = session

    def add(self, entry: LedgerRecord) -> None:
        """Append."""
        head, legs = codec.entry_rows(entry)
        self._session.insert(LedgerEntryRow, [head])
        self._session.insert(PostingRow, legs)

    def find(self, account: str, kind: str, reference: str) -> LedgerRecord | None:
        """Return the entry that an event caused, or None."""
        caused = (LedgerEntryRow.kind == kind) & (LedgerEntryRow.reference == reference)
        head = next(self._session.rows(_of(LedgerEntryRow, account).where(caused)), None)
        if head is None:
            return None
        legs = _of(PostingRow, account).where(PostingRow.sequence == head["sequence"])
        return codec.entry_record(head, list(self._session.rows(legs.order_by(PostingRow.place))))

    def all(self, account: str) -> Iterator[LedgerRecord]:
        """Yield every entry with its postings."""
        query = _of(PostingRow, account).order_by(PostingRow.sequence, PostingRow.place)
        legs = itertools.groupby(self._session.rows(query), key=lambda row: row["sequence"])
        sequence, group = next(legs, (None, iter(())))
        heads = _of(LedgerEntryRow, account).order_by(LedgerEntryRow.sequence)
        for head in self._session.rows(heads):
            if head["sequence"] == sequence:
                yield codec.entry_record(head, list(group))
                sequence, group = next(legs, (None, iter(())))
            else:
                yield codec.entry_record(head, [])

    def balances(self, account: str) -> Mapping[tuple[str, str], Decimal]:
        """Return the exact sum of each account and asset; text cannot be summed by the database."""
        query = select(PostingRow.book, PostingRow.asset, PostingRow.amount)
        sums: dict[tuple[str, str], Decimal] = {}
        for row in self._session.rows(query.where(PostingRow.account == account)):
            key = (row["book"], row["asset"])
            sums[key] = add(sums.get(key, Decimal(0)), row["amount"])
        return sums

    def next_sequence(self, account: str) -> int:
        """Return the place of the next entry."""
        query = select(func.max(LedgerEntryRow.sequence)).where(LedgerEntryRow.account == account)
        last = self._session.scalar(query)
        return 0 if last is None else int(last) + 1


def _of(table: type[Any], account: str) -> Select[Any]:
    return select(table.__table__).where(table.account == account)
