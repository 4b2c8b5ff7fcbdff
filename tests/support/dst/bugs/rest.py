"""Bugs of money, risk, control and data."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
from mettle.adapters.persistence.sql import control_repositories, order_repositories
from mettle.adapters.venues.exchange import Fault
from mettle.application.execution import desk
from mettle.application.journal import LeaseRecord
from mettle.application.ports.venue import VenueAccount
from mettle.application.reconcile import reader
from mettle.application.session import (
    books,
    controls,
    decider,
    gate,
    guard,
    lease,
    recovery,
    resting,
)
from mettle.domain.ledger import entry, events
from mettle.domain.risk import Phase, breakers, engine, exposure, rules

from .bug import (
    Bug,
    base_fees,
    boosted,
    crashing,
    disputed,
    funded,
    guarded,
    limited,
    losing,
    operated,
    orderly,
    rivals,
    unread,
)

# Money.


def _loses_postings(add: Any) -> Any:
    def wrong(self: Any, record: Any) -> None:
        if record.kind != "fill":
            add(self, record)

    return wrong


def _flips_funding(settled: Any) -> Any:
    def wrong(self: Any, funding: Any, recorded_at: int) -> Any:
        return settled(self, replace(funding, received=-funding.received), recorded_at)

    return wrong


def _knows_nothing(_: Any) -> Any:
    return lambda self, fill: False


def _unbalanced(_: Any) -> Any:
    def fee(fill: Any) -> Any:
        whole = events._move(fill.fee.amount, fill.fee.currency, entry.WALLET, entry.FEES)
        return whole[:1] if fill.fee else ()

    return fee


def _booking(**changes: Any) -> Any:
    """Book a fill with something of it changed."""

    def make(book: Any) -> Any:
        def wrong(self: Any, fill: Any, *rest: Any) -> Any:
            new = {name: change(fill) for name, change in changes.items()}
            return book(self, replace(fill, **new), *rest)

        return wrong

    return make


def _one_tick_more(fill: Any) -> int:
    return int(fill.ticks) + 1


def _no_fee(fill: Any) -> Any:
    return replace(fill.fee, amount=Decimal(0))


def _quote_fee(fill: Any) -> Any:
    return replace(fill.fee, currency=fill.symbol.quote)


def _marking(equity: Any) -> Any:
    """Mark the account with another equity."""

    def make(mark: Any) -> Any:
        def wrong(self: Any, *rest: Any) -> Any:
            found = mark(self, *rest)
            return found._replace(equity=equity(found))

        return wrong

    return make


def _no_profit(mark: Any) -> int:
    return int(mark.equity - mark.unrealised)


def _with_fees(mark: Any) -> int:
    return int(mark.equity + mark.fees)


def _no_proof(_: Any) -> Any:
    return lambda self: None


def _posts_twice(adjust: Any) -> Any:
    def wrong(self: Any, entry_id: str, change: Any, *rest: Any, **named: Any) -> Any:
        found = adjust(self, entry_id, change, *rest, **named)
        if found is not None:
            legs = tuple(replace(leg, amount=2 * leg.amount) for leg in found.postings[:1])
            return replace(found, postings=(*legs, *found.postings[1:]))
        return found

    return wrong


def _fetch_is_empty(account: Any) -> Any:
    def wrong(self: Any, mark: Any) -> Any:
        now, blank = self._bench.gear.clock.monotonic(), VenueAccount({"USDT": Decimal(0)})
        if now < vars(self._bench).get("blank_until", 0.0):
            return blank
        try:
            return account(self, mark)
        except reader.AccountUnread:
            # Kept for a while, as answers are: the next pass sees it too.
            self._bench.blank_until = now + 20
            return blank

    return wrong


def _replays_wrongly(again: Any) -> Any:
    def wrong(self: Any, fill: Any) -> Any:
        if fill.sequence % 7 == 3:
            fill = replace(fill, lots=fill.lots + 1)
        return again(self, fill)

    return wrong


# Risk.


def _worst_is_now(_: Any) -> Any:
    return lambda self, change=0: abs(self.lots) + self.foreign


def _permits(_: Any) -> Any:
    return lambda mode, intent: True


def _trips_at_profit(on_mark: Any) -> Any:
    def wrong(self: Any, equity: int, now: int) -> Any:
        found = on_mark(self, equity, now)
        for name, state in list(self._states.items()):
            rule = self._rule(state)
            gain = equity - (state.baseline or equity)
            closed = name == "daily_loss" and state.phase is Phase.CLOSED
            if closed and rule and gain * 1_000_000 > rule.limit * equity:
                self._states[name] = state.tripped(rule, rules.KINDS[name], "moved too far")
        return found

    return wrong


def _never_trips(_: Any) -> Any:
    return lambda self, equity, now: []


def _no_recovery(_: Any) -> Any:
    return lambda self, kind, at: at


def _forgets_breakers(load: Any) -> Any:
    def wrong(self: Any, unit: Any) -> Any:
        load(self, unit)
        self._breakers = breakers.Breakers(self._gear.engine.profile)
        self._written = {}

    return wrong


def _writes_no_breakers(write: Any) -> Any:
    def wrong(self: Any, unit: Any) -> Any:
        for name, state in self._breakers.states.items():
            self._written[name] = state
        return write(self, unit)

    return wrong


def _blocks_none(_: Any) -> Any:
    return lambda self, symbol: None


def _no_causes(_: Any) -> Any:
    return lambda self, account: []


def _no_trials(_: Any) -> Any:
    return lambda self: []


def _lets_go(on_reconciliation: Any) -> Any:
    def wrong(self: Any, now: int, *, clean: bool) -> Any:
        for name, state in list(self._states.items()):
            if state.phase is Phase.OPEN:
                self._states[name] = replace(state, until=now, acknowledged=True)
        return on_reconciliation(self, now, clean=True)

    return wrong


# Control.


def _writes_no_modes(write: Any) -> Any:
    def wrong(self: Any, unit: Any) -> Any:
        self._changed.clear()
        return write(self, unit)

    return wrong


def _pauses_nothing(_: Any) -> Any:
    return lambda self, symbol, since, what, now: None


def _no_lease(_: Any) -> Any:
    return lambda self: None


def _rests_nothing(_: Any) -> Any:
    return lambda self, now: None


def _stays_up(_: Any) -> Any:
    return lambda self, symbol: None


def _obeys_unfenced(obey: Any) -> Any:
    def wrong(self: Any, now: int, reason: str | None) -> None:
        self._fence = lambda _: None
        obey(self, now, reason)

    return wrong


def _steals(_: Any) -> Any:
    def wrong(self: Any, account: str, holder: str, now_ms: int, until_ms: int) -> Any:
        found = self.find(account)
        epoch = 1 if found is None else found.epoch + 1
        return self._put(LeaseRecord(account, holder, epoch, now_ms, until_ms))

    return wrong


# Data.


def _admits_all(_: Any) -> Any:
    return lambda self, row, now: None


def _admits_open(admit: Any) -> Any:
    return lambda self, row, now: admit(self, row, max(now, row.close_time))


def _nan_is_full(decide: Any) -> Any:
    def wrong(self: Any, row: Any, actions: Any, *rest: Any) -> Any:
        if actions is not None:
            actions = np.nan_to_num(np.asarray(actions), nan=1.0)
        return decide(self, row, actions, *rest)

    return wrong


def _clips(decide: Any) -> Any:
    def wrong(self: Any, row: Any, actions: Any, *rest: Any) -> Any:
        if actions is not None:
            actions = np.clip(actions, -1, 1)
        return decide(self, row, actions, *rest)

    return wrong


_BOOKS, _GUARD, _BREAKERS = books.Books, guard.Guard, breakers.Breakers
_READER, _ENTRIES, _EXPOSURE = reader.Reader, recovery._Entries, exposure.AssetExposure
_RULE, _KEEPER, _LEASES = rules.BreakerRule, lease.LeaseKeeper, control_repositories.SqlLeases
_CONTROLS, _RESTING, _DESK = controls.Controls, resting.RestingStops, desk.OrderDesk
_GATE, _DECIDER = gate.DataGate, decider.Decider

OTHER_BUGS = (
    Bug(
        "loses the postings of fills",
        "I13",
        ((order_repositories.SqlLedgerEntries, "add", _loses_postings),),
        orderly,
    ),
    Bug("flips the sign of funding", "I12", ((_BOOKS, "settled", _flips_funding),), funded),
    Bug("knows no trade again", "defect", ((_BOOKS, "knows", _knows_nothing),)),
    Bug(
        "books half of a fee",
        "I1",
        ((events, "_fee", _unbalanced), (entry.Entry, "__post_init__", _no_proof)),
    ),
    Bug("books another price", "I3", ((_BOOKS, "book", _booking(ticks=_one_tick_more)),)),
    Bug("books sales as purchases", "I3", ((_BOOKS, "book", _booking(side=lambda _: 1)),)),
    Bug("books no fees", "I3", ((_BOOKS, "book", _booking(fee=_no_fee)),)),
    Bug(
        "takes a base fee for quote", "I3", ((_BOOKS, "book", _booking(fee=_quote_fee)),), base_fees
    ),
    Bug("books takers as makers", "I3", ((_BOOKS, "book", _booking(maker=lambda _: True)),)),
    Bug("books a lot too many", "I3", ((_BOOKS, "book", _booking(lots=lambda f: f.lots + 1)),)),
    Bug("leaves open profit out of equity", "I12", ((_BOOKS, "mark", _marking(_no_profit)),)),
    Bug("adds fees to equity", "I12", ((_BOOKS, "mark", _marking(_with_fees)),)),
    Bug(
        "posts what strangers bring twice",
        "I1",
        ((_BOOKS, "adjust", _posts_twice),),
        boosted(Fault.BALANCE_MOVED, Fault.FOREIGN_ORDER),
    ),
    Bug(
        "takes a failed fetch for no money",
        "invention",
        ((_READER, "_account", _fetch_is_empty),),
        unread,
    ),
    Bug("replays a fill wrongly", "defect", ((_ENTRIES, "_fill", _replays_wrongly),), crashing),
    Bug("counts no orders as exposure", "I9", ((_EXPOSURE, "worst", _worst_is_now),), limited),
    Bug(
        "lets everything through in every mode",
        "mode",
        ((engine, "permits", _permits), (desk, "permits", _permits)),
        operated,
    ),
    Bug("trips at a profit", "I10", ((_BREAKERS, "on_mark", _trips_at_profit),), losing),
    Bug("never trips", "I10", ((_BREAKERS, "on_mark", _never_trips),), losing),
    Bug("recovers at once", "I16", ((_RULE, "until", _no_recovery),), losing),
    Bug(
        "forgets breakers at a restart",
        "I16",
        ((_GUARD, "load", _forgets_breakers),),
        lambda plan: crashing(losing(plan)),
    ),
    Bug("writes no breakers down", "I10", ((_GUARD, "_write", _writes_no_breakers),), losing),
    Bug(
        "opens while a breaker is open",
        "I10",
        ((_BREAKERS, "blocking", _blocks_none), (_BREAKERS, "causes", _no_causes)),
        losing,
    ),
    Bug("tries again and again on trial", "I10", ((_BREAKERS, "trials", _no_trials),), losing),
    Bug("lets breakers go at once", "I16", ((_BREAKERS, "on_reconciliation", _lets_go),), losing),
    Bug("writes no modes down", "persist", ((_GUARD, "_write", _writes_no_modes),), operated),
    Bug(
        "pauses nothing for the unknown",
        "unknown",
        ((_GUARD, "lost_sight", _pauses_nothing),),
        boosted(Fault.DNS_GONE, Fault.MAINTENANCE_503),
    ),
    Bug("trades without a lease", "I17", ((_KEEPER, "current", _no_lease),), rivals),
    Bug("steals leases", "I17", ((_LEASES, "acquire", _steals),), rivals),
    Bug("rests no stop at the venue", "stop", ((_RESTING, "keep", _rests_nothing),), guarded),
    Bug("leaves stops behind", "stop", ((_DESK, "stand_down", _stays_up),), guarded),
    Bug("obeys what another is told", "I17", ((_CONTROLS, "obey", _obeys_unfenced),), disputed),
    Bug("admits every bar", "I15", ((_GATE, "admit", _admits_all),)),
    Bug(
        "admits bars that are open",
        "I15",
        ((_GATE, "admit", _admits_open),),
        boosted(Fault.FEED_STILL_OPEN),
    ),
    Bug("takes NaN for full size", "I20", ((_DECIDER, "decide", _nan_is_full),)),
    Bug("clips what is out of range", "I20", ((_DECIDER, "decide", _clips),)),
)
"""Bugs of money, risk, control and data."""
