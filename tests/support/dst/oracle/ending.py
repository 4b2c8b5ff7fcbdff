"""I13, I14, I18 and the whole journal: what must be so once the faults have ended."""

from __future__ import annotations

from decimal import Decimal

from mettle.application.journal import IntentStatus
from mettle.application.ports.unit_of_work import Store
from mettle.application.ports.venue import VenueOrderStatus
from mettle.domain.market import Instrument
from mettle.domain.orders import Leg, OrderIntent, PlanKind

from .truth import Truth
from .view import JournalView, order_lots
from .violations import Findings

_SETTLES = 60_000
"""How long a stop may take to be what it should be, milliseconds."""
_SMALL = 100
"""Times the least notional: fees in coins and what people bring by hand leave less than that."""


class EndRules:
    """Judges the calm after the faults."""

    def __init__(self, view: JournalView, truth: Truth, found: Findings, account: str) -> None:
        self._view = view
        self._truth = truth
        self._found = found
        self._account = account

    def database(self, store: Store) -> None:
        """Read everything again: the tables hold what was committed, no more and no less."""
        need, view, account = self._found.need, self._view, self._account
        with store.reading() as unit:
            fills = {(one.symbol, one.trade_id): one for one in unit.fills.all(account)}
            need(fills == view.fills, "I13", "the fills of the database are others than committed")
            for order_id, known in view.orders.items():
                kept = unit.orders.find(order_id)
                need(
                    kept is not None and kept.state == known.state,
                    "I13",
                    f"{order_id}: the database has {kept and kept.state}, committed {known.state}",
                )
            balances = {key: value for key, value in unit.ledger.balances(account).items() if value}
            own = {key: value for key, value in view.balances.items() if value}
            need(balances == own, "I13", f"balances {balances}, committed {own}")
            live = {one.client_order_id for one in unit.orders.possibly_live(account)}
            need(live == set(view.possibly_live), "I13", "possibly live orders differ")

    def settled(self, since: int) -> None:
        """I18: every intent of before ``since`` has ended, and every order of it.

        But for the stop of what is held: it rests as long as the position does.
        """
        for intent_key, record in self._view.intents.items():
            resting = record.plan == PlanKind.RESTING.value
            if record.recorded_at < since and not (resting and self._holds(record.intent)):
                self._found.need(
                    record.status is IntentStatus.DONE,
                    "I18",
                    f"intent {intent_key} ({record.intent.symbol}) still works: {record.stage}",
                )
        for order_id in self._view.possibly_live:
            order = self._view.orders[order_id]
            resting = order.leg is Leg.STOP
            if order.recorded_at < since and not (resting and self._holds(order.intent)):
                self._found.broken("I18", f"{order_id} is still {order.state}")

    def _holds(self, intent: OrderIntent) -> bool:
        return bool(self._view.lots[str(intent.symbol)])

    def converged(self) -> None:
        """I14: local = venue, or PAUSED with an open discrepancy; no fill lost, none doubled."""
        paused = self._view.mode("") >= 2
        open_rows = any(one.closed_at is None for one in self._view.discrepancies.values())
        excused = paused and open_rows
        for text in self.differences():
            self._found.need(excused, "I14", text)

    def protected(self, now: int) -> None:
        """Where a profile has stops, each position has one at the venue, of its size, to close it.

        Unless something else is under way on the symbol, or an order of it has just changed.
        """
        for instrument in self._truth.instruments:
            symbol, lots = instrument.symbol, self._held(instrument)
            mine = [one for one in self._view.orders.values() if one.intent.symbol == symbol]
            live = [one for one in mine if one.client_order_id in self._view.possibly_live]
            changed = max((one.updated_at for one in mine), default=0)
            if any(one.leg is not Leg.STOP for one in live) or now - changed < _SETTLES:
                continue
            resting = [one for one in live if one.leg is Leg.STOP]
            covered = sum(
                one.intent.side.sign * (order_lots(one) - self._view.booked[one.client_order_id])
                for one in resting
            )
            self._found.need(
                self._is_small(instrument, lots + covered),
                "stop",
                f"{lots} lots of {symbol} are held, stops for {-covered} rest at the venue",
            )

    def _held(self, instrument: Instrument) -> int:
        """Return the lots that were traded and kept: what somebody brings by hand is not ours."""
        symbol = instrument.symbol
        where, asset = (
            ("contracts", str(symbol)) if symbol.is_perpetual else ("wallet", symbol.base)
        )
        kept = self._view.balances.get((where, asset), Decimal(0))
        return int((kept - self._view.flows.get(asset, Decimal(0))) / instrument.lot_size)

    def _is_small(self, instrument: Instrument, lots: int) -> bool:
        """Return whether lots may be left of something else than a trade."""
        price = self._view.last_close.get(str(instrument.symbol), 0) * instrument.tick_size
        return abs(lots) * instrument.lot_size * price < instrument.min_notional * _SMALL

    def differences(self) -> list[str]:
        """Return where our books and the venue's differ."""
        return [*self._orders(), *self._fills(), *self._positions()]

    def _orders(self) -> list[str]:
        wrong = []
        for order_id, order in self._view.orders.items():
            shown = self._truth.orders(order_id)
            lots = sum(one.filled for one in shown)
            booked = self._view.booked[order_id]
            if lots != booked and order.terms is not None:
                wrong.append(
                    f"{order_id}: {booked} of {order_lots(order)} lots booked, the venue has {lots}"
                )
            live = any(one.status is VenueOrderStatus.OPEN for one in shown)
            if live and order_id not in self._view.possibly_live:
                wrong.append(f"{order_id} is open at the venue and {order.state} here")
        return wrong

    def _fills(self) -> list[str]:
        ours = {one.client_order_id for one in self._view.orders.values()}
        return [
            f"trade {one.trade_id} of {one.symbol} was never booked"
            for one in self._truth.fills()
            if (one.client_order_id in ours or one.protects is not None)
            and (str(one.symbol), one.trade_id) not in self._view.fills
        ]

    def _positions(self) -> list[str]:
        wrong = []
        balances, positions = self._truth.balances(), self._truth.positions()
        for instrument in self._truth.instruments:
            symbol = instrument.symbol
            if symbol.is_perpetual:
                ours = self._view.balances.get(("contracts", str(symbol)), Decimal(0))
                theirs = positions.get(symbol, 0) * instrument.lot_size
            else:
                ours = self._view.balances.get(("wallet", symbol.base), Decimal(0))
                theirs = balances.get(symbol.base, Decimal(0))
            if abs(ours - theirs) >= instrument.lot_size:
                wrong.append(f"{symbol}: {ours} in our books, {theirs} at the venue")
        return wrong
