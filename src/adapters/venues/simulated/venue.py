"""SimulatedVenue: fills, stops, funding and liquidation exactly as in training and backtest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ....application.market.row import BarRow
from ....application.ports.venue import (
    Accepted,
    Acknowledgement,
    OrderEnded,
    Refused,
    Ticket,
    VenueAccount,
    VenueEvent,
    VenueFill,
    VenueFunding,
)
from ....domain.errors import DataError
from ....domain.market import Instrument
from ....domain.orders import Exit, Purpose
from ....domain.simulation import (
    Account,
    AssetTerms,
    FillReason,
    Plan,
    SimulatedFill,
    SimulationSettings,
    inside_bar,
    open_bar,
)
from ....domain.simulation.numbers import sign, slip
from ....domain.simulation.step import close_position

_PURPOSES = {
    FillReason.STOP: Purpose.STOP,
    FillReason.TRAILING_STOP: Purpose.TRAILING_STOP,
    FillReason.LIQUIDATION: Purpose.LIQUIDATION,
}


_REMEMBERED = 4096
"""How many of the last order ids are known again."""


@dataclass(slots=True)
class _Working:
    """An order that waits for the next open."""

    ticket: Ticket
    column: int
    filled: int = 0

    @property
    def change(self) -> int:
        return self.ticket.intent.side.sign * self.ticket.intent.lots


@dataclass(slots=True)
class _Tape:
    """What happened, in order; trade ids begin anew with each bar, so a restart repeats them."""

    events: list[VenueEvent] = field(default_factory=list)
    first: int = 0
    bar_time: int = 0
    trades: int = 0

    @property
    def next_sequence(self) -> int:
        return self.first + len(self.events)

    def begin(self, bar_time: int) -> None:
        self.bar_time = bar_time
        self.trades = 0

    def trade_id(self) -> str:
        self.trades += 1
        return f"{self.bar_time}-{self.trades}"

    def after(self, sequence: int) -> Sequence[VenueEvent]:
        return self.events[max(0, sequence + 1 - self.first) :]

    def forget(self, sequence: int) -> None:
        """Drop what was read up to ``sequence``."""
        count = max(0, min(sequence + 1 - self.first, len(self.events)))
        del self.events[:count]
        self.first += count


class SimulatedVenue:
    """A venue that lives on the bars it is shown.

    Orders wait for the open of the next bar; an exit after a ruin fills at once at the last close.
    Stops, trailing stops and liquidation are standing instructions taken from the settings. One
    order a symbol may wait at a time. Events are kept until a later ``events`` call passes them.

    Args:
        account: The account to begin with; the venue owns it from then on.
    """

    name = "simulated"

    def __init__(
        self,
        instruments: Sequence[Instrument],
        settings: SimulationSettings,
        account: Account | None = None,
    ) -> None:
        self._instruments = tuple(instruments)
        self._columns = {one.symbol: index for index, one in enumerate(instruments)}
        self._settings = settings
        self._account = account or Account.opened(
            [AssetTerms.of(one) for one in instruments], settings.initial_cash
        )
        self._working: dict[str, _Working] = {}
        self._answers: dict[str, tuple[Ticket, Acknowledgement]] = {}
        self._tape = _Tape()
        self._last: BarRow | None = None

    def restore(self, account: Account, last: BarRow, trades: int) -> None:
        """Go on with an account that was traded here before.

        Args:
            last: The last bar it lived through.
            trades: How many trades that bar has had already.
        """
        self._account = account
        self._last = last
        self._tape.begin(last.open_time)
        self._tape.trades = trades

    def submit(self, ticket: Ticket) -> Acknowledgement:
        """Take an order."""
        known = self._answers.get(ticket.client_order_id)
        if known is not None:
            if known[0] != ticket:
                return Refused(f"order id {ticket.client_order_id} was used for another order")
            return known[1]
        answer = self._take(ticket)
        self._answers[ticket.client_order_id] = (ticket, answer)
        if len(self._answers) > _REMEMBERED:
            del self._answers[next(iter(self._answers))]
        return answer

    def _take(self, ticket: Ticket) -> Acknowledgement:
        intent = ticket.intent
        column = self._columns.get(intent.symbol)
        if column is None:
            return Refused(f"{intent.symbol} does not trade here")
        if any(one.column == column for one in self._working.values()):
            return Refused(f"an order on {intent.symbol} is waiting already")
        held = self._account.assets[column].lots
        if isinstance(intent, Exit) and (
            intent.side.sign != -sign(held)
            or intent.lots > abs(held)
            or (intent.purpose is Purpose.RUIN and intent.lots != abs(held))
        ):
            return Refused(f"an exit of {intent.lots} lots does not reduce the position of {held}")
        order = _Working(ticket, column)
        if intent.purpose is Purpose.RUIN:
            self._close_now(order)
        else:
            self._working[ticket.client_order_id] = order
        return Accepted(f"S-{ticket.client_order_id[:18]}")

    def cancel(self, client_order_id: str) -> None:
        """End an order that waits."""
        order = self._working.pop(client_order_id, None)
        if order is not None:
            at = self._last.close_time if self._last is not None else 0
            self._end(order, "cancelled", at, by_request=True)

    def open_orders(self) -> Sequence[Ticket]:
        """Return the orders that wait."""
        return [order.ticket for order in self._working.values()]

    def events(self, after: int) -> Sequence[VenueEvent]:
        """Return what happened after the event ``after``, and forget what came before."""
        self._tape.forget(after)
        return tuple(self._tape.after(after))

    def account(self) -> VenueAccount:
        """Return balances and positions."""
        lots = zip(self._instruments, self._account.lots, strict=True)
        return VenueAccount(self._account.cash, {one.symbol: held for one, held in lots})

    def advance(self, row: BarRow) -> None:
        """Live through a bar: funding, the waiting orders, stops, in the order of the step.

        Raises:
            DataError: If the bar does not follow the last one.
        """
        last, self._last = self._last, row
        if last is None:
            return
        if row.open_time != last.close_time:
            raise DataError(f"the bar of {row.open_time} does not follow that of {last.open_time}")
        self._tape.begin(row.open_time)
        working, self._working = self._working, {}
        changes = [0] * len(row.bars)
        for order in working.values():
            changes[order.column] = order.change
        plan = Plan(tuple(changes), (), FillReason.REBALANCE, 0)
        funding, fills = open_bar(self._account, plan, last.bars, row.bars, self._settings)
        for column, received in enumerate(funding):
            self._fund(column, received, "open", row.open_time)
        by_column = {order.column: order for order in working.values()}
        for fill in fills:
            self._fill(fill, by_column[fill.asset], row.open_time)
        for order in working.values():
            self._end(order, _shortfall(order, row), row.open_time)
        inside = row.close_time - 1
        for column, bar in enumerate(row.bars):
            received, found = inside_bar(self._account, column, bar, self._settings)
            self._fund(column, received, "inside", inside)
            if found is not None:
                self._fill(found, None, inside)

    def _close_now(self, order: _Working) -> None:
        """Close a whole position at the last close, less slippage: what a ruin costs."""
        last = self._last
        if last is None:
            raise DataError("nothing can be closed before the first bar")
        mark = last.bars[order.column].close
        ticks = slip(mark, -sign(self._account.assets[order.column].lots), self._settings.slippage)
        fill = close_position(self._account, order.column, ticks, mark, FillReason.RUIN, 0)
        self._fill(fill, order, last.close_time)
        self._end(order, "", last.close_time)

    def _fill(self, fill: SimulatedFill, order: _Working | None, occurred_at: int) -> None:
        trade = self._tape.trade_id()
        if order is not None:
            order.filled += fill.lots
        self._tape.events.append(
            VenueFill(
                self._tape.next_sequence,
                trade,
                order.ticket.client_order_id if order is not None else "",
                None if order is not None else _PURPOSES[fill.reason],
                self._instruments[fill.asset].symbol,
                fill.side,
                fill.lots,
                fill.ticks,
                fill.reference,
                fill.fee,
                fill.maker,
                self._tape.bar_time,
                occurred_at,
            )
        )

    def _fund(self, column: int, received: int, part: str, occurred_at: int) -> None:
        if received == 0:
            return
        symbol = self._instruments[column].symbol
        self._tape.events.append(
            VenueFunding(
                self._tape.next_sequence,
                f"{self._tape.bar_time}-{part}-{symbol}",
                symbol,
                received,
                self._tape.bar_time,
                occurred_at,
            )
        )

    def _end(
        self, order: _Working, reason: str, occurred_at: int, *, by_request: bool = False
    ) -> None:
        self._tape.events.append(
            OrderEnded(
                self._tape.next_sequence,
                order.ticket.client_order_id,
                order.filled,
                reason,
                by_request,
                occurred_at,
            )
        )


def _shortfall(order: _Working, row: BarRow) -> str:
    """Return why an order filled less than it asked for."""
    if order.filled == order.ticket.intent.lots:
        return ""
    if row.bars[order.column].missing:
        return "no trading: the bar is missing"
    if order.change > 0:
        return "not enough volume or cash"
    return "not enough volume"
