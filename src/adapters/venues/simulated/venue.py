"""SimulatedVenue: fills, stops, funding and liquidation exactly as in training and backtest."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from ....application.market.row import BarRow
from ....application.ports.venue import (
    Accepted,
    Acknowledgement,
    CancelAnswer,
    OrderRequest,
    Quote,
    RefusalKind,
    Refused,
    RepeatedId,
    VenueAccount,
    VenueCapabilities,
    VenueEvent,
    VenueFill,
    VenueFunding,
    VenueOrder,
    VenueOrderStatus,
)
from ....domain.errors import DataError, InvalidValue
from ....domain.market import CASH_SCALE, Instrument, Symbol
from ....domain.orders import OrderKind, Purpose
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
"""How many of the last orders, fills and settlements can be asked for."""


@dataclass(slots=True)
class _Working:
    """An order that waits for the next open."""

    request: OrderRequest
    column: int
    filled: int = 0

    @property
    def change(self) -> int:
        return self.request.terms.side.sign * self.request.terms.lots


class SimulatedVenue:
    """A venue that lives on the bars it is shown.

    Orders wait for the open of the next bar; a LAST_CLOSE order fills at once at the last close.
    Stops, trailing stops and liquidation are standing instructions taken from the settings. One
    order a symbol may wait at a time. Trade ids begin anew with each bar, so that a restart repeats
    them; only the last few thousand orders and fills can be asked for.

    Args:
        account: The account to begin with; the venue owns it from then on.
    """

    name = "simulated"
    capabilities = VenueCapabilities(
        RepeatedId.RETURNS_ORIGINAL,
        bar_orders=True,
        reduce_only=True,
        fence_ms=0,
        lends_coins=True,
    )

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
        self._answers: dict[str, tuple[OrderRequest, Acknowledgement]] = {}
        self._orders: dict[str, VenueOrder] = {}
        self._fills: deque[VenueFill] = deque(maxlen=_REMEMBERED)
        self._funding: deque[VenueFunding] = deque(maxlen=_REMEMBERED)
        self._pushed: list[VenueEvent] = []
        self._last: BarRow | None = None
        self._bar_time = 0
        self._trades = 0

    def restore(self, account: Account, last: BarRow, trades: int) -> None:
        """Go on with an account that was traded here before.

        Args:
            last: The last bar it lived through.
            trades: How many trades that bar has had already.
        """
        self._account = account
        self._last = last
        self._bar_time = last.open_time
        self._trades = trades

    def create(self, request: OrderRequest) -> Acknowledgement:
        """Take an order; the same request again gets the same answer and places nothing new."""
        known = self._answers.get(request.client_order_id)
        if known is not None:
            if known[0] != request:
                reason = f"order id {request.client_order_id} was used for another order"
                return Refused(reason, RefusalKind.REPEATED_ID)
            return known[1]
        answer = self._take(request)
        self._answers[request.client_order_id] = (request, answer)
        _bound(self._answers)
        return answer

    def _take(self, request: OrderRequest) -> Acknowledgement:
        terms = request.terms
        column = self._columns.get(terms.symbol)
        if column is None:
            return Refused(f"{terms.symbol} does not trade here")
        if terms.kind is OrderKind.LIMIT:
            return Refused("orders live on bars here: limits are part of the market step")
        if any(one.column == column for one in self._working.values()):
            return Refused(f"an order on {terms.symbol} is waiting already")
        held = self._account.assets[column].lots
        closing = terms.kind is OrderKind.LAST_CLOSE
        if (terms.reduce_only or closing) and (
            terms.side.sign != -sign(held)
            or terms.lots > abs(held)
            or (closing and terms.lots != abs(held))
        ):
            return Refused(f"{terms.lots} lots do not reduce the position of {held}")
        order = _Working(request, column)
        self._show(order, VenueOrderStatus.OPEN, self._now)
        if closing:
            self._close_now(order)
        else:
            self._working[request.client_order_id] = order
        return Accepted(_venue_id(request.client_order_id))

    def cancel(self, _symbol: Symbol, client_order_id: str) -> CancelAnswer:
        """End an order that waits."""
        order = self._working.pop(client_order_id, None)
        if order is None:
            known = client_order_id in self._orders
            return CancelAnswer.TOO_LATE if known else CancelAnswer.NOT_FOUND
        self._push(self._show(order, VenueOrderStatus.CANCELED, self._now, "cancelled"))
        return CancelAnswer.TAKEN

    def order(self, _symbol: Symbol, client_order_id: str) -> VenueOrder | None:
        """Return one order as it stands."""
        return self._orders.get(client_order_id)

    def open_orders(self) -> Sequence[VenueOrder]:
        """Return the orders that wait."""
        return [self._orders[client_order_id] for client_order_id in self._working]

    def orders_since(self, since_ms: int) -> Sequence[VenueOrder]:
        """Return the orders that changed at ``since_ms`` or later."""
        return [one for one in self._orders.values() if one.updated_at >= since_ms]

    def fills_since(self, since_ms: int) -> Sequence[VenueFill]:
        """Return the executions from ``since_ms`` on."""
        return [one for one in self._fills if one.occurred_at >= since_ms]

    def funding_since(self, since_ms: int) -> Sequence[VenueFunding]:
        """Return the settlements from ``since_ms`` on."""
        return [one for one in self._funding if one.occurred_at >= since_ms]

    def account(self) -> VenueAccount:
        """Return balances and positions; an asset in spot is a balance."""
        quote = self._instruments[0].symbol.quote
        balances = {quote: Decimal(self._account.cash) / CASH_SCALE}
        positions = {}
        for one, lots in zip(self._instruments, self._account.lots, strict=True):
            if one.symbol.is_perpetual:
                positions[one.symbol] = lots
            else:
                balances[one.symbol.base] = lots * one.lot_size
        return VenueAccount(balances, dict(balances), positions)

    def quote(self, symbol: Symbol) -> Quote:
        """Return the last close as both sides of the touch."""
        if self._last is None:
            raise DataError("there is no price before the first bar")
        bar = self._last.bars[self._columns[symbol]]
        return Quote(symbol, bar.close, bar.close, bar.volume, bar.volume, self._now)

    def server_time(self) -> int:
        """Return the close of the last bar."""
        return self._now

    def drain(self) -> Sequence[VenueEvent]:
        """Return what happened since the last call."""
        pushed, self._pushed = self._pushed, []
        return pushed

    def advance(self, row: BarRow) -> None:
        """Live through a bar in the order of the step; what nothing is there for is passed over.

        Raises:
            DataError: If the bar does not follow the last one.
        """
        last, self._last = self._last, row
        if last is None:
            return
        if row.open_time != last.close_time:
            raise DataError(f"the bar of {row.open_time} does not follow that of {last.open_time}")
        self._bar_time, self._trades = row.open_time, 0
        if self._working or any(bar.funding_open for bar in row.bars):
            self._open(last, row)
        if not self._account.is_flat:
            self._live(row)

    def _open(self, last: BarRow, row: BarRow) -> None:
        """Settle the funding due at the open, then fill the waiting orders."""
        working, self._working = self._working, {}
        changes = [0] * len(row.bars)
        by_column = {order.column: order for order in working.values()}
        for column, order in by_column.items():
            changes[column] = order.change
        plan = Plan(tuple(changes), (), FillReason.REBALANCE, 0)
        funding, fills = open_bar(self._account, plan, last.bars, row.bars, self._settings)
        for column, received in enumerate(funding):
            self._fund(column, received, "open", row.open_time)
        for fill in fills:
            self._fill(fill, by_column[fill.asset], row.open_time)
        for order in working.values():
            self._end(order, _shortfall(order, row), row.open_time)

    def _live(self, row: BarRow) -> None:
        """Take each position through the bar: funding, stops, liquidation, marks."""
        inside = row.close_time - 1
        for column, bar in enumerate(row.bars):
            received, found = inside_bar(self._account, column, bar, self._settings)
            self._fund(column, received, "inside", inside)
            if found is not None:
                self._fill(found, None, inside)

    @property
    def _now(self) -> int:
        return self._last.close_time if self._last is not None else 0

    def _close_now(self, order: _Working) -> None:
        """Close a whole position at the last close, less slippage: what a ruin costs."""
        last = self._last
        if last is None:
            raise InvalidValue("nothing can be closed before the first bar")
        mark = last.bars[order.column].close
        ticks = slip(mark, -sign(self._account.assets[order.column].lots), self._settings.slippage)
        fill = close_position(self._account, order.column, ticks, mark, FillReason.RUIN, 0)
        self._fill(fill, order, last.close_time)
        self._end(order, "", last.close_time)

    def _fill(self, fill: SimulatedFill, order: _Working | None, occurred_at: int) -> None:
        self._trades += 1
        if order is not None:
            order.filled += fill.lots
        instrument = self._instruments[fill.asset]
        found = VenueFill(
            f"{self._bar_time}-{self._trades}",
            order.request.client_order_id if order is not None else "",
            instrument.symbol,
            fill.side,
            fill.lots,
            fill.ticks,
            instrument.money(fill.fee),
            fill.maker,
            occurred_at,
            None if order is not None else _PURPOSES[fill.reason],
            fill.reference,
        )
        self._fills.append(found)
        self._push(found)

    def _fund(self, column: int, received: int, part: str, occurred_at: int) -> None:
        if received == 0:
            return
        symbol = self._instruments[column].symbol
        settlement = f"{self._bar_time}-{part}-{symbol}"
        found = VenueFunding(settlement, symbol, received, occurred_at)
        self._funding.append(found)
        self._push(found)

    def _end(self, order: _Working, reason: str, occurred_at: int) -> None:
        filled = order.filled == order.request.terms.lots
        status = VenueOrderStatus.FILLED if filled else VenueOrderStatus.EXPIRED
        self._push(self._show(order, status, occurred_at, reason))

    def _show(
        self, order: _Working, status: VenueOrderStatus, at: int, reason: str = ""
    ) -> VenueOrder:
        client_order_id, terms = order.request.client_order_id, order.request.terms
        shown = VenueOrder(
            client_order_id,
            _venue_id(client_order_id),
            terms.symbol,
            terms.side.sign,
            terms.lots,
            order.filled,
            status,
            at,
            None,
            reason,
        )
        self._orders[client_order_id] = shown
        _bound(self._orders)
        return shown

    def _push(self, event: VenueEvent) -> None:
        self._pushed.append(event)


def _venue_id(client_order_id: str) -> str:
    return f"S-{client_order_id[:18]}"


def _bound(kept: dict[str, Any]) -> None:
    if len(kept) > _REMEMBERED:
        del kept[next(iter(kept))]


def _shortfall(order: _Working, row: BarRow) -> str:
    """Return why an order filled less than it asked for."""
    if order.filled == order.request.terms.lots:
        return ""
    if row.bars[order.column].missing:
        return "no trading: the bar is missing"
    if order.change > 0:
        return "not enough volume or cash"
    return "not enough volume"
