"""Bugs of the order path: sending, questions, cancellations, fills.

Long because it is a list: each bug is a few lines of its own and a row of the table at the end.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mettle.adapters.venues.exchange import Fault
from mettle.application.execution import ambiguity, desk, follower, offers, pricing, sender
from mettle.application.execution import bench as benches
from mettle.application.execution import board as boards
from mettle.application.execution import collector as collectors
from mettle.application.execution import listener as listeners
from mettle.application.journal import OrderRecord
from mettle.application.ports.venue import (
    CancelAnswer,
    OrderRequest,
    OutcomeUnknown,
    VenueOrderStatus,
)
from mettle.domain.errors import MettleError, StorageError, VenueError
from mettle.domain.orders import (
    Canceled,
    Evidence,
    Filled,
    Finish,
    Leg,
    Open,
    Place,
    Rejected,
    Submitting,
    Unknown,
    filled_lots,
)

from .. import kinds
from .bug import Bug, boosted, broken_disk, crashing, killed, rivals, running_away, shut


def _sends_inside(write_ahead: Any) -> Any:
    def wrong(self: Any, unit: Any, working: Any, *rest: Any) -> Any:
        order = write_ahead(self, unit, working, *rest)
        self._bench.gear.venue.create(OrderRequest(order.client_order_id, order.terms))
        return order

    return wrong


def _repeats_request(create: Any) -> Any:
    def wrong(self: Any, request: Any) -> Any:
        try:
            return create(self, request)
        except OutcomeUnknown:
            return create(self, request)

    return wrong


def _timeout_is_rejection(outcome: Any) -> Any:
    def wrong(self: Any, order: Any, state: Any, venue_id: Any, why: str) -> Any:
        if isinstance(state, Unknown):
            state = Rejected(why)
        return outcome(self, order, state, venue_id, why)

    return wrong


def _timeout_is_fill(outcome: Any) -> Any:
    def wrong(self: Any, order: Any, state: Any, venue_id: Any, why: str) -> Any:
        if isinstance(state, Unknown):
            state = Filled(order.terms.lots)
        return outcome(self, order, state, venue_id, why)

    return wrong


def _no_hindrance(_: Any) -> Any:
    return lambda self, order, now: ""


def _no_deadline(hindrance: Any) -> Any:
    def wrong(self: Any, order: OrderRecord, now: int) -> str:
        self._written = "", 0.0
        found: str = hindrance(self, replace(order, sent_at=now), now)
        return "" if "lease" in found else found

    return wrong


def _one_question(ask: Any) -> Any:
    def wrong(self: Any, venue: Any, order: Any, now: int, moved: Any) -> Any:
        found = ask(self, venue, order, now, moved)
        return found if isinstance(found, ambiguity.Shown) else ambiguity.Absent()

    return wrong


def _no_fence(search: Any) -> Any:
    def wrong(self: Any, venue: Any, order: OrderRecord, now: int, moved: Any) -> Any:
        early = replace(order, fence_at=0, sent_at=(order.sent_at or 0) - 3_600_000)
        return search(self, venue, early, now, moved)

    return wrong


def _failure_proves(ask: Any) -> Any:
    def wrong(self: Any, venue: Any, order: Any, now: int, moved: Any) -> Any:
        self._schedule(now)
        try:
            return self._ask(venue, order, now, moved)
        except VenueError:
            return ambiguity.Absent()

    return wrong


def _unknown_ages(clarify: Any) -> Any:
    def wrong(self: Any, working: Any, now: int) -> Any:
        bench = self._bench
        order = bench.board.last(working)
        if order is not None and isinstance(order.state, Unknown):
            state = Rejected("no news for three seconds")
            if now - order.state.since > 3_000 and not filled_lots(order.state):
                changed = bench.board.changed(order, state, now, Evidence.QUERY)
                bench.write(lambda unit: unit.orders.update(changed))
                return True
        return clarify(self, working, now)

    return wrong


def _skips_questions(_: Any) -> Any:
    return lambda self, working, now: False


def _cancel_ends(cancel: Any) -> Any:
    def wrong(self: Any, working: Any, now: int) -> Any:
        cancel(self, working, now)
        bench = self._bench
        order = bench.board.last(working)
        if order is not None and type(order.state).__name__ == "Cancelling":
            ended = Canceled(filled_lots(order.state))
            changed = bench.board.changed(order, ended, now, Evidence.ACKNOWLEDGEMENT)
            bench.write(lambda unit: unit.orders.update(changed))

    return wrong


def _unknown_ends(ask_to_end: Any) -> Any:
    def wrong(self: Any, order: Any) -> Any:
        bench = self._bench
        try:
            answer = bench.gear.venue.cancel(order.intent.symbol, order.client_order_id)
        except MettleError:
            return
        if answer is CancelAnswer.NOT_FOUND:
            current = bench.board.orders.get(order.client_order_id, order)
            ended = Canceled(filled_lots(current.state))
            changed = bench.board.changed(current, ended, bench.now, Evidence.ACKNOWLEDGEMENT)
            bench.write(lambda unit: unit.orders.update(changed))

    return wrong


def _never_cancels(_: Any) -> Any:
    return lambda self: True


def _cancels_strangers(end_strays: Any) -> Any:
    def wrong(self: Any, known: Any) -> Any:
        for one in self._bench.gear.venue.open_orders():
            if one.client_order_id not in known:
                self._bench.gear.venue.cancel(one.symbol, one.client_order_id)
        return end_strays(self, known)

    return wrong


def _forgets_remainder(next_step: Any) -> Any:
    def wrong(*given: Any, **named: Any) -> Any:
        step = next_step(*given, **named)
        later = isinstance(step, Place) and step.leg is Leg.TAKER and len(given[2]) > 0
        return Finish("filled") if later else step

    return wrong


def _whole_again(next_step: Any) -> Any:
    def wrong(kind: Any, intent: Any, attempts: Any, *rest: Any, **named: Any) -> Any:
        step = next_step(kind, intent, attempts, *rest, **named)
        return replace(step, lots=intent.lots) if isinstance(step, Place) else step

    return wrong


def _same_attempt(next_step: Any) -> Any:
    def wrong(*given: Any, **named: Any) -> Any:
        step = next_step(*given, **named)
        return replace(step, number=1) if isinstance(step, Place) else step

    return wrong


def _taker_beside(next_step: Any) -> Any:
    def wrong(kind: Any, intent: Any, attempts: Any, now: int, *rest: Any, **named: Any) -> Any:
        if attempts and attempts[-1].leg is Leg.MAKER and isinstance(attempts[-1].state, Unknown):
            return Place(Leg.TAKER, 1, intent.lots)
        return next_step(kind, intent, attempts, now, *rest, **named)

    return wrong


def _crosses(_: Any) -> Any:
    return lambda buying, bid, ask, offset=0: ask if buying else bid


def _no_cap(taker_price: Any) -> Any:
    return lambda buying, bid, ask, cap: taker_price(buying, bid, ask, 10 * cap)


def _no_drift(_: Any) -> Any:
    return lambda intent, arrival, quote, limit: False


def _no_age(place: Any) -> Any:
    def wrong(self: Any, working: Any, step: Any) -> Any:
        if working.attempts:
            working.record = replace(working.record, deadline=2**60)
        return place(self, working, step)

    return wrong


def _without(table: str) -> Any:
    def make(fill: Any) -> Any:
        def wrong(self: Any, unit: Any, event: Any, now: int) -> Any:
            return fill(self, _Without(unit, table), event, now)

        return wrong

    return make


class _Without:
    """A unit of work whose one table forgets what is added."""

    def __init__(self, unit: Any, table: str) -> None:
        self._unit, self._table = unit, table

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._unit, name)
        return _Forgetful(found) if name == self._table else found


class _Forgetful:
    def __init__(self, inner: Any) -> None:
        self._inner = inner

    def add(self, _: Any) -> None:
        """Forget it."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


def _drops_late(fill: Any) -> Any:
    def wrong(self: Any, unit: Any, event: Any, now: int) -> Any:
        order = self._find(unit, event.client_order_id)
        if order is not None and type(order.state).__name__ in {"Canceled", "Expired", "Rejected"}:
            self._gear.books.knows(event)
            return False
        return fill(self, unit, event, now)

    return wrong


def _invents(shown_state: Any) -> Any:
    def wrong(current: Any, lots: int, shown: Any) -> Any:
        if shown.status is VenueOrderStatus.CANCELED:
            shown = replace(shown, filled=lots)
        return shown_state(current, lots, shown)

    return wrong


def _reopens(shown_state: Any) -> Any:
    def wrong(current: Any, lots: int, shown: Any) -> Any:
        found = shown_state(current, lots, shown)
        return Open() if shown.status is VenueOrderStatus.CANCELED else found

    return wrong


def _moves_anywhere(_: Any) -> Any:
    return lambda current, new, evidence=None: new


def _ignores_failure(write: Any) -> Any:
    def wrong(self: Any, action: Any) -> Any:
        try:
            with self.gear.store.writing() as unit:
                result = action(unit)
                unit.commit()
        except StorageError:
            return locals().get("result")
        return result

    return wrong


def _call_inside(write: Any) -> Any:
    def wrong(self: Any, action: Any) -> Any:
        def asks(unit: Any) -> Any:
            result = action(unit)
            self.gear.venue.server_time()
            return result

        return write(self, asks)

    return wrong


def _tells_secret(note: Any) -> Any:
    def wrong(self: Any, unit: Any, order: Any, why: str, now: int) -> Any:
        return note(self, unit, order, f"{why} {vars(self.listener._venue)['secret']}", now)

    return wrong


def _resends(reload: Any) -> Any:
    def wrong(unit: Any, bench: Any) -> Any:
        prepared = reload(unit, bench)
        for order in list(bench.board.orders.values()):
            if isinstance(order.state, Unknown) and order.venue_order_id == "":
                back = replace(order, state=Submitting(), sent_at=bench.now)
                lease = bench.gear.lease()
                epoch = back.epoch if lease is None else lease.epoch
                prepared.append(replace(back, epoch=epoch))
        return prepared

    return wrong


def _forgets(lose_sight: Any) -> Any:
    def wrong(self: Any, unit: Any, order: Any, why: str, now: int) -> Any:
        if "restart" not in why:
            lose_sight(self, unit, order, why, now)

    return wrong


def _acceptance_is_fill(outcome: Any) -> Any:
    def wrong(self: Any, order: Any, state: Any, venue_id: Any, why: str) -> Any:
        if isinstance(state, Open):
            state = Filled(order.terms.lots)
        return outcome(self, order, state, venue_id, why)

    return wrong


def _asks_on(_: Any) -> Any:
    return lambda self: False


_DESK, _SENDER, _FOLLOWER = desk.OrderDesk, sender.Sender, follower.Follower
_LISTENER = listeners.Listener
_BENCH, _COLLECTOR, _INQUIRY = benches.Bench, collectors.Collector, ambiguity.Inquiry

ORDER_BUGS = (
    Bug("sends inside the transaction", "I4", ((_SENDER, "write_ahead", _sends_inside),)),
    Bug("repeats a request that timed out", "I6", ((_LISTENER, "create", _repeats_request),)),
    Bug("calls a time-out a rejection", "I8", ((_SENDER, "_outcome", _timeout_is_rejection),)),
    Bug("calls a time-out a fill", "I8", ((_SENDER, "_outcome", _timeout_is_fill),)),
    Bug("calls an acceptance a fill", "I8", ((_SENDER, "_outcome", _acceptance_is_fill),)),
    Bug(
        "looks at nothing before sending", "I11", ((_SENDER, "_hindrance", _no_hindrance),), killed
    ),
    Bug("sends however late", "deadline", ((_SENDER, "_hindrance", _no_deadline),), rivals),
    Bug("believes one answer", "I8", ((_INQUIRY, "_ask", _one_question),)),
    Bug("ignores the fence", "I8", ((_INQUIRY, "_search", _no_fence),)),
    Bug("takes a failed question for absence", "I8", ((_INQUIRY, "ask", _failure_proves),)),
    Bug("lets unknown age into rejected", "I8", ((_FOLLOWER, "clarify", _unknown_ages),)),
    Bug("skips the questions", "I18", ((_FOLLOWER, "clarify", _skips_questions),)),
    Bug("takes a cancel's answer for the end", "I8", ((_FOLLOWER, "cancel", _cancel_ends),)),
    Bug("takes unknown order for the end", "I8", ((_FOLLOWER, "ask_to_end", _unknown_ends),)),
    Bug("kill cancels nothing", "I11", ((_DESK, "cancel_everything", _never_cancels),), killed),
    Bug(
        "kill waits for every question",
        "I11",
        ((_BENCH, "is_called_off", _asks_on),),
        kinds.killed,
    ),
    Bug(
        "kill cancels strangers' orders",
        "foreign",
        ((_FOLLOWER, "end_strays", _cancels_strangers),),
        lambda plan: killed(boosted(Fault.FOREIGN_ORDER)(plan)),
    ),
    Bug("forgets the remainder", "remainder", ((desk, "next_step", _forgets_remainder),)),
    Bug("orders the whole again", "I5", ((desk, "next_step", _whole_again),)),
    Bug("never counts attempts up", "defect", ((desk, "next_step", _same_attempt),)),
    Bug("sends a taker beside an unknown maker", "I5", ((desk, "next_step", _taker_beside),)),
    Bug("posts across the touch", "maker", ((pricing, "maker_price", _crosses),)),
    Bug("pays ten times the cap", "cap", ((pricing, "taker_price", _no_cap),)),
    Bug("follows a price that ran away", "drift", ((offers, "drifted", _no_drift),), running_away),
    Bug("tries again on an old signal", "age", ((_DESK, "_place", _no_age),), shut),
    Bug("books a fill without postings", "T2", ((_COLLECTOR, "fill", _without("ledger")),)),
    Bug("books postings without the fill", "T2", ((_COLLECTOR, "fill", _without("fills")),)),
    Bug("drops fills of ended orders", "I14", ((_COLLECTOR, "fill", _drops_late),)),
    Bug("takes a cancelled order for filled", "I8", ((collectors, "shown_state", _invents),)),
    Bug("opens a cancelled order again", "I7", ((collectors, "shown_state", _reopens),)),
    Bug(
        "opens a cancelled order again, and lets it",
        "I7",
        ((collectors, "shown_state", _reopens), (boards, "move", _moves_anywhere)),
    ),
    Bug("ignores a failed write", "I4", ((_BENCH, "write", _ignores_failure),), broken_disk),
    Bug("asks inside the transaction", "T1", ((_BENCH, "write", _call_inside),)),
    Bug("writes a secret down", "I19", ((_BENCH, "note_unknown", _tells_secret),)),
    Bug("sends again what a crash left", "I6", ((desk, "reload_board", _resends),), crashing),
    Bug("forgets what was being sent", "I18", ((_BENCH, "lose_sight", _forgets),), crashing),
)
"""Bugs of the order path."""
