"""What the desk holds in its hands: intents under way and their attempts, as journalled."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from ...domain.market import RATE_SCALE, Instrument, Symbol
from ...domain.orders import (
    FINAL,
    POSSIBLY_LIVE,
    AttemptView,
    Evidence,
    OrderState,
    PlanKind,
    filled_lots,
    move,
)
from ..journal import IntentRecord, OrderRecord
from .ambiguity import Inquiry


def _stage(crossed: list[str], retry_at: int) -> str:
    body = {"crossed": crossed, "retry_at": retry_at}
    return json.dumps(body, sort_keys=True, separators=(",", ":"))


_UNTOUCHED = _stage([], 0)


@dataclass(slots=True)
class Working:
    """One intent under way.

    Attributes:
        attempts: Client order ids, oldest first.
        crossed: Those of them that were refused because they would have taken.
        retry_at: Before this the venue wants to be left alone.
        inquiry: The questions about the last attempt while its outcome or its fills are unknown.
        due: When there is something to do next; None waits for the venue.
        stopping: Whether it is to end as soon as it can.
        trigger: Ticks of a stop that is to rest; written down in its order's terms.
    """

    record: IntentRecord
    attempts: list[str] = field(default_factory=list)
    crossed: set[str] = field(default_factory=set)
    retry_at: int = 0
    inquiry: Inquiry | None = None
    due: int | None = 0
    stopping: bool = False
    trigger: int | None = None

    @property
    def rests(self) -> bool:
        """Whether it is a protective stop, which waits beside whatever else is done."""
        return self.record.plan == PlanKind.RESTING.value

    @property
    def symbol(self) -> Symbol:
        """What it trades."""
        return self.record.intent.symbol

    @property
    def plan(self) -> PlanKind:
        """How it is worked."""
        return PlanKind(self.record.plan)

    def stage(self) -> str:
        """Return what the plan needs after a restart, as canonical JSON."""
        if not self.crossed and not self.retry_at:
            return _UNTOUCHED
        return _stage(sorted(self.crossed), self.retry_at)

    @classmethod
    def restored(cls, record: IntentRecord, attempts: Iterable[OrderRecord]) -> Working:
        """Return the intent as its record and its attempts have it."""
        stage = json.loads(record.stage)
        ids = [one.client_order_id for one in attempts]
        return cls(record, ids, set(stage["crossed"]), stage["retry_at"])


class Board:
    """Intents under way by id, their attempts by client order id, and lots booked per attempt."""

    def __init__(self) -> None:
        self.working: dict[str, Working] = {}
        self.orders: dict[str, OrderRecord] = {}
        self.booked: dict[str, int] = {}

    def take(self, working: Working, orders: Iterable[OrderRecord]) -> None:
        """Hold an intent and its attempts."""
        self.working[working.record.intent_id] = working
        for order in orders:
            self.orders[order.client_order_id] = order
            self.booked.setdefault(order.client_order_id, 0)

    def set_back(self, by: int) -> None:
        """Follow a clock that was set back, so that nothing waits longer for it."""
        for working in self.working.values():
            if working.retry_at:
                working.retry_at = max(1, working.retry_at - by)
            if working.inquiry is not None:
                working.inquiry.set_back(by)
            if working.due is not None:
                working.due -= by

    def drop(self, working: Working) -> None:
        """Let go of an intent that is done."""
        del self.working[working.record.intent_id]
        for order_id in working.attempts:
            del self.orders[order_id]
            self.booked.pop(order_id, None)

    def on(self, symbol: Symbol) -> Iterator[Working]:
        """Yield the intents under way on a symbol, but for a stop that rests."""
        return (one for one in self.working.values() if one.symbol == symbol and not one.rests)

    def resting(self, symbol: Symbol) -> Working | None:
        """Return the protective stop of a symbol."""
        found = (one for one in self.working.values() if one.symbol == symbol and one.rests)
        return next(found, None)

    @property
    def is_busy(self) -> bool:
        """Whether anything but stops that rest is under way."""
        return any(not one.rests for one in self.working.values())

    def of(self, order: OrderRecord) -> Working | None:
        """Return the intent that an attempt belongs to, if it is under way."""
        found = (one for one in self.working.values() if order.client_order_id in one.attempts)
        return next(found, None)

    def last(self, working: Working) -> OrderRecord | None:
        """Return the newest attempt of an intent."""
        return self.orders[working.attempts[-1]] if working.attempts else None

    def live(self) -> Iterator[OrderRecord]:
        """Yield the attempts that the venue may hold."""
        return (one for one in self.orders.values() if isinstance(one.state, POSSIBLY_LIVE))

    def contested(self) -> frozenset[str]:
        """Return the attempts of unknown outcome for which nothing but a balance speaks."""
        asked = (one for one in self.working.values() if one.inquiry is not None and one.attempts)
        return frozenset(
            one.attempts[-1] for one in asked if one.inquiry is not None and one.inquiry.contested
        )

    def views(self, working: Working) -> list[AttemptView]:
        """Return an intent's attempts as its plan sees them."""
        return [self._view(working, self.orders[order_id]) for order_id in working.attempts]

    def _view(self, working: Working, order: OrderRecord) -> AttemptView:
        order_id = order.client_order_id
        return AttemptView(
            order.leg,
            order.attempt,
            order.state,
            order.sent_at or order.recorded_at,
            self.booked[order_id],
            order_id in working.crossed,
            working.retry_at if order_id == working.attempts[-1] else 0,
        )

    def open_lots(self, symbol: Symbol) -> tuple[int, int]:
        """Return the lots that live attempts on a symbol may still buy and sell.

        A stop that can only reduce opens nothing, whatever else is under way.
        """
        buying = selling = 0
        for order in self.live():
            if order.intent.symbol != symbol or _only_protects(order):
                continue
            rest = lots_of(order) - self.booked[order.client_order_id]
            if order.intent.side.sign > 0:
                buying += rest
            else:
                selling += rest
        return buying, selling

    def locked(self, instruments: Mapping[Symbol, Instrument]) -> int:
        """Return what live purchases may still cost, fees included, 1e-8 of the quote currency."""
        total = 0
        for order in self.live():
            terms = order.terms
            if terms is None or terms.limit is None or terms.side.sign < 0:
                continue
            if _only_protects(order):
                continue
            rest = terms.lots - self.booked[order.client_order_id]
            instrument = instruments[terms.symbol]
            price = terms.limit * instrument.unit_value
            total += rest * price * (RATE_SCALE + instrument.fees.tiers[0].taker_ppm)
        return -(-total // RATE_SCALE)

    def changed(
        self, order: OrderRecord, state: OrderState, now: int, evidence: Evidence | None = None
    ) -> OrderRecord:
        """Move an attempt along one arrow and return it as it is now.

        Raises:
            InvalidValue: If there is no such arrow.
        """
        new = replace(
            order,
            state=move(order.state, state, evidence),
            updated_at=now,
            evidence=evidence.value if evidence is not None else order.evidence,
        )
        if order.client_order_id in self.orders:
            self.orders[order.client_order_id] = new
        return new


def _only_protects(order: OrderRecord) -> bool:
    terms = order.terms
    return terms is not None and terms.trigger is not None and terms.reduce_only


def is_protective(order: OrderRecord) -> bool:
    """Return whether an attempt is a stop that rests at the venue."""
    return order.terms is not None and order.terms.trigger is not None


def lots_of(order: OrderRecord) -> int:
    """Return the size of an attempt, which may be less than its intent's."""
    return order.terms.lots if order.terms is not None else order.intent.lots


def is_settled(order: OrderRecord, booked: int) -> bool:
    """Return whether an attempt has ended and all its fills are in the books."""
    return isinstance(order.state, FINAL) and booked == filled_lots(order.state)
