"""The repositories of an account over SQL: intents, attempts, fills, ledger."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from operator import itemgetter

from sqlalchemy import func, select

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
from .session import SqlSession, converted
from .statements import Query, Row, Values, given

_ACCOUNT = given("account")
_LIMIT = given("limit")
_INTENT_ID = given("intent_id")
_ORDER_ID = given("client_order_id")

_INTENTS = select(IntentRow.__table__).where(IntentRow.account == _ACCOUNT)
_ORDERS = select(OrderRow.__table__).where(OrderRow.account == _ACCOUNT)
_FILLS = select(FillRow.__table__).where(FillRow.account == _ACCOUNT)
_ENTRIES = select(LedgerEntryRow.__table__).where(LedgerEntryRow.account == _ACCOUNT)
_POSTINGS = select(PostingRow.sequence, PostingRow.book, PostingRow.asset, PostingRow.amount).where(
    PostingRow.account == _ACCOUNT
)


class SqlIntents:
    """Approved intents by account and id."""

    _FIND = Query(_INTENTS.where(IntentRow.intent_id == _INTENT_ID))
    _WORKING = Query(_INTENTS.where(WORKING).order_by(IntentRow.place))
    _LATEST = Query(_INTENTS.order_by(IntentRow.place.desc()).limit(_LIMIT))

    def __init__(self, session: SqlSession) -> None:
        self._session = session

    def add(self, intent: IntentRecord) -> None:
        """Write one down."""
        self._session.append(IntentRow, [codec.intent_values(intent)])

    def update(self, intent: IntentRecord) -> None:
        """Replace status, stage, outcome and time."""
        key = {"account": intent.account, "intent_id": intent.intent_id}
        self._session.change(IntentRow, key, codec.intent_change(intent))

    def find(self, account: str, intent_id: str) -> IntentRecord | None:
        """Return one, or None."""
        found = self._records(self._FIND, {"account": account, "intent_id": intent_id})
        return found[0] if found else None

    def working(self, account: str) -> Sequence[IntentRecord]:
        """Return those that are not done."""
        return self._records(self._WORKING, {"account": account})

    def latest(self, account: str, limit: int) -> Sequence[IntentRecord]:
        """Return the newest."""
        return self._records(self._LATEST, {"account": account, "limit": limit})

    def _records(self, query: Query, values: Row) -> list[IntentRecord]:
        return list(self._session.records(query, values, codec.intent_record))


class SqlOrders:
    """Attempts by client order id."""

    _FIND = Query(select(OrderRow.__table__).where(OrderRow.client_order_id == _ORDER_ID))
    _OF_INTENT = Query(_ORDERS.where(OrderRow.intent_id == _INTENT_ID).order_by(OrderRow.place))
    _LIVE = Query(_ORDERS.where(NOT_FINAL).order_by(OrderRow.place))
    _SINCE = Query(
        _ORDERS.where(OrderRow.recorded_at >= given("recorded_at")).order_by(OrderRow.place)
    )
    _LATEST = Query(_ORDERS.order_by(OrderRow.place.desc()).limit(_LIMIT))

    def __init__(self, session: SqlSession) -> None:
        self._session = session

    def add(self, order: OrderRecord) -> None:
        """Write an attempt down."""
        self._session.append(OrderRow, [codec.order_values(order)])

    def update(self, order: OrderRecord) -> None:
        """Replace what changes after the writing down."""
        key = {"client_order_id": order.client_order_id}
        self._session.change(OrderRow, key, codec.order_change(order))

    def find(self, client_order_id: str) -> OrderRecord | None:
        """Return one, or None."""
        found = self._records(self._FIND, {"client_order_id": client_order_id})
        return found[0] if found else None

    def of_intent(self, account: str, intent_id: str) -> Sequence[OrderRecord]:
        """Return the attempts of an intent."""
        return self._records(self._OF_INTENT, {"account": account, "intent_id": intent_id})

    def live(self, account: str) -> Sequence[OrderRecord]:
        """Return those in no final state."""
        return self._records(self._LIVE, {"account": account})

    def possibly_live(self, account: str) -> Sequence[OrderRecord]:
        """Return those that the venue may hold."""
        return [one for one in self.live(account) if isinstance(one.state, POSSIBLY_LIVE)]

    def since(self, account: str, recorded_at: int) -> Sequence[OrderRecord]:
        """Return those written down at ``recorded_at`` or later."""
        return self._records(self._SINCE, {"account": account, "recorded_at": recorded_at})

    def latest(self, account: str, limit: int) -> Sequence[OrderRecord]:
        """Return the newest."""
        return self._records(self._LATEST, {"account": account, "limit": limit})

    def _records(self, query: Query, values: Row) -> list[OrderRecord]:
        return list(self._session.records(query, values, codec.order_record))


class SqlFills:
    """Fills in order of execution."""

    _OF_ORDER = FillRow.client_order_id == _ORDER_ID
    _FIND = Query(
        _FILLS.where(FillRow.symbol == given("symbol"), FillRow.trade_id == given("trade_id"))
    )
    _BY_ORDER = Query(_FILLS.where(_OF_ORDER).order_by(FillRow.sequence))
    _LOTS = Query(select(func.sum(FillRow.lots)).where(FillRow.account == _ACCOUNT, _OF_ORDER))
    _ALL = Query(_FILLS.order_by(FillRow.sequence))
    _LATEST = Query(_FILLS.order_by(FillRow.sequence.desc()).limit(_LIMIT))
    _COUNT = Query(select(func.count()).select_from(FillRow).where(FillRow.account == _ACCOUNT))
    _LAST = Query(select(func.max(FillRow.sequence)).where(FillRow.account == _ACCOUNT))

    def __init__(self, session: SqlSession) -> None:
        self._session = session

    def add(self, fill: FillRecord) -> None:
        """Append."""
        self._session.append(FillRow, [codec.fill_values(fill)])

    def find(self, account: str, symbol: str, trade_id: str) -> FillRecord | None:
        """Return one, or None."""
        values = {"account": account, "symbol": symbol, "trade_id": trade_id}
        return next(self._records(self._FIND, values), None)

    def of_order(self, account: str, client_order_id: str) -> Sequence[FillRecord]:
        """Return the fills of an order of ours."""
        values = {"account": account, "client_order_id": client_order_id}
        return list(self._records(self._BY_ORDER, values))

    def lots_of(self, account: str, client_order_id: str) -> int:
        """Return how many lots of an order of ours were filled."""
        values = {"account": account, "client_order_id": client_order_id}
        return int(self._session.scalar(self._LOTS, values) or 0)

    def all(self, account: str) -> Iterator[FillRecord]:
        """Yield every fill."""
        return self._records(self._ALL, {"account": account})

    def latest(self, account: str, limit: int) -> Sequence[FillRecord]:
        """Return the newest fills."""
        return list(self._records(self._LATEST, {"account": account, "limit": limit}))

    def count(self, account: str) -> int:
        """Return how many there are."""
        return int(self._session.scalar(self._COUNT, {"account": account}))

    def next_sequence(self, account: str) -> int:
        """Return the place of the next fill."""
        last = self._session.scalar(self._LAST, {"account": account})
        return 0 if last is None else int(last) + 1

    def _records(self, query: Query, values: Row) -> Iterator[FillRecord]:
        return self._session.records(query, values, codec.fill_record)


class SqlLedgerEntries:
    """The append-only ledger."""

    _FIND = Query(
        _ENTRIES.where(
            LedgerEntryRow.kind == given("kind"),
            LedgerEntryRow.reference == given("reference"),
        )
    )
    _LEGS = Query(
        _POSTINGS.where(PostingRow.sequence == given("sequence")).order_by(PostingRow.place)
    )
    _ALL = Query(_ENTRIES.order_by(LedgerEntryRow.sequence))
    _ALL_LEGS = Query(_POSTINGS.order_by(PostingRow.sequence, PostingRow.place))
    _LAST = Query(
        select(func.max(LedgerEntryRow.sequence)).where(LedgerEntryRow.account == _ACCOUNT)
    )

    def __init__(self, session: SqlSession) -> None:
        self._session = session

    def add(self, entry: LedgerRecord) -> None:
        """Append."""
        head, legs = codec.entry_values(entry)
        self._session.append(LedgerEntryRow, [head])
        self._session.append(PostingRow, legs)

    def find(self, account: str, kind: str, reference: str) -> LedgerRecord | None:
        """Return the entry that an event caused, or None."""
        values = {"account": account, "kind": kind, "reference": reference}
        head = next(self._session.rows(self._FIND, values), None)
        if head is None:
            return None
        key = {"account": account, "sequence": head["sequence"]}
        legs = list(self._session.tuples(self._LEGS, key))
        return converted(head, lambda row: codec.entry_record(row, legs))

    def all(self, account: str) -> Iterator[LedgerRecord]:
        """Yield every entry with its postings."""
        rows = self._session.tuples(self._ALL_LEGS, {"account": account})
        groups = itertools.groupby(rows, key=itemgetter(0))
        sequence, group = next(groups, (None, iter(())))
        for head in self._session.rows(self._ALL, {"account": account}):
            legs: list[Values] = []
            if head["sequence"] == sequence:
                legs = list(group)
                sequence, group = next(groups, (None, iter(())))
            yield codec.entry_record(head, legs)

    def balances(self, account: str) -> Mapping[tuple[str, str], Decimal]:
        """Return the exact sum of each account and asset; text cannot be summed by the database."""
        sums: dict[tuple[str, str], Decimal] = {}
        for _, book, asset, amount in self._session.tuples(self._ALL_LEGS, {"account": account}):
            sums[book, asset] = add(sums.get((book, asset), Decimal(0)), Decimal(amount))
        return sums

    def next_sequence(self, account: str) -> int:
        """Return the place of the next entry."""
        last = self._session.scalar(self._LAST, {"account": account})
        return 0 if last is None else int(last) + 1
