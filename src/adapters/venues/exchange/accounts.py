"""One client's account at the exchange: its orders, its histories and its settings."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from ....application.ports.venue import VenueFunding
from ....domain.market import Symbol
from .ledger import Holdings, Position
from .records import Order, Trade
from .rules import FeeMode

_Row = TypeVar("_Row")


@dataclass(slots=True)
class History:
    """Rows by the true time at which they were written, for paging."""

    times: list[int] = field(default_factory=list)

    def add(self, rows: list[_Row], row: _Row, at: int) -> None:
        """Append ``row``, written at ``at``."""
        self.times.append(at)
        rows.append(row)

    def since(self, rows: Sequence[_Row], at: int) -> Iterator[_Row]:
        """Yield the rows written at ``at`` or later."""
        for index in range(bisect_left(self.times, at), len(rows)):
            yield rows[index]

    def forget(self, rows: list[_Row], before: int) -> list[_Row]:
        """Drop and return the rows written before an instant."""
        count = bisect_left(self.times, before)
        gone = rows[:count]
        del rows[:count], self.times[:count]
        return gone


@dataclass(slots=True)
class Account:
    """A client.

    Attributes:
        maker_ppm, taker_ppm: Rates of its own; None follows the instrument's first tier.
        by_client: Orders by client id, oldest first.
        working: Open orders by number.
        quiet_until: Before this it should send nothing; ``strikes`` counts how often it did.
        banned_until: Before this every request is answered 418.
        cancel_at: When the dead man's switch goes off.
    """

    name: str
    holdings: Holdings
    fee_mode: FeeMode = FeeMode.QUOTE
    maker_ppm: int | None = None
    taker_ppm: int | None = None
    orders: list[Order] = field(default_factory=list)
    order_times: History = field(default_factory=History)
    by_client: dict[str, list[Order]] = field(default_factory=dict)
    working: dict[int, Order] = field(default_factory=dict)
    trades: list[Trade] = field(default_factory=list)
    trade_times: History = field(default_factory=History)
    funding: list[VenueFunding] = field(default_factory=list)
    funding_times: History = field(default_factory=History)
    quiet_until: int = 0
    strikes: int = 0
    banned_until: int = 0
    cancel_at: int | None = None
    forgotten: bool = False

    def position(self, symbol: Symbol) -> Position:
        """Return the position in a perpetual, made if need be."""
        return self.holdings.positions.setdefault(symbol, Position())

    def latest(self, client_id: str) -> Order | None:
        """Return the newest order under a client id."""
        found = self.by_client.get(client_id)
        return found[-1] if found and client_id else None

    def forget(self, before: int) -> None:
        """Drop what ended, traded or settled before an instant of true time."""
        gone = self.order_times.forget(self.orders, before)
        for order in gone:
            named = self.by_client.get(order.new.client_id)
            if named and not order.is_open:
                named.remove(order)
                if not named:
                    del self.by_client[order.new.client_id]
        trades = self.trade_times.forget(self.trades, before)
        settled = self.funding_times.forget(self.funding, before)
        self.forgotten = self.forgotten or bool(gone or trades or settled)
