"""One contract for intents, attempts, fills and ledger: memory, SQLite, PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest
from mettle.application.journal import IntentStatus, OrderRecord
from mettle.application.ports.unit_of_work import Store, UnitOfWork
from mettle.domain.errors import NotFound, StorageError
from mettle.domain.market import Symbol
from mettle.domain.orders import (
    Canceled,
    Cancelling,
    Denied,
    Expired,
    Filled,
    Intended,
    NotPlaced,
    Open,
    OrderState,
    OrderTerms,
    Partial,
    Rejected,
    Side,
    Submitting,
    Unknown,
    intent_id,
)
from tests.support.journal import BIG, MakeStore, attempt, entry, fill, intent, opening, stop, write

STATES: tuple[OrderState, ...] = (
    Intended(),
    Submitting(),
    Unknown(3, BIG),
    Open(),
    Partial(2),
    Cancelling(1),
    Filled(5),
    Expired(4, "end of life"),
    Canceled(0),
    Rejected("no"),
    NotPlaced("two histories without it"),
    Denied("kill flag"),
)


def names(orders: object) -> list[str]:
    """Return the ids of orders."""
    assert isinstance(orders, list)
    return [one.client_order_id for one in orders]


def test_attempts_and_intents_come_back_whole(make: MakeStore) -> None:
    """Terms, lease epoch, fence, reservation and evidence survive a second opening."""
    terms = OrderTerms(Symbol.parse("BTC/USDT"), Side.SELL, 5, limit=9, trigger=10)
    resting = replace(attempt("a2"), terms=terms)
    with make().writing() as unit:
        unit.intents.add(intent())
        unit.orders.add(attempt("a1"))
        unit.orders.add(stop("s1"))
        unit.orders.add(resting)
        unit.commit()
    with make().reading() as unit:
        assert unit.orders.find("a2") == resting
        assert unit.intents.find("r", intent().intent_id) == intent()
        assert unit.orders.find("a1") == attempt("a1")
        assert unit.orders.find("s1") == stop("s1")
        assert unit.orders.find("none") is None
        assert unit.intents.find("other", intent().intent_id) is None


def test_every_state_comes_back(store: Store) -> None:
    """Each state is kept with its figures; the queries see live and possibly live ones."""
    with store.writing() as unit:
        for place, state in enumerate(STATES):
            unit.orders.add(attempt(f"a{place:02}"))
            unit.orders.update(replace(attempt(f"a{place:02}"), state=state))
        unit.commit()
    with store.reading() as unit:
        found = [unit.orders.find(f"a{place:02}") for place in range(len(STATES))]
        assert [one.state for one in found if one] == list(STATES)
        assert names(unit.orders.live("r")) == [f"a{place:02}" for place in range(6)]
        assert names(unit.orders.possibly_live("r")) == [f"a{place:02}" for place in range(1, 6)]
        assert not list(unit.orders.live("other"))


def test_an_update_changes_what_changes_and_nothing_else(store: Store) -> None:
    """Identity, terms, epoch and attempt stay as they were written."""
    write(store, lambda unit: unit.orders.add(attempt("a1")))
    changed = replace(
        attempt("a1"), state=Open(), updated_at=9, venue_order_id="v", fence_at=1, reserved=2,
        sent_at=None, evidence="stream", cancel_asked_at=None,
    )  # fmt: skip
    forged = replace(changed, epoch=0, attempt=9, payload_hash="x", run_id="z", recorded_at=0)
    write(store, lambda unit: unit.orders.update(forged))
    with store.reading() as unit:
        assert unit.orders.find("a1") == changed


def test_orders_are_found_by_intent_time_and_age(store: Store) -> None:
    """Each question is answered for one account, in order of addition."""

    def add(unit: UnitOfWork) -> None:
        for order_id, decided_at, account, at in (
            ("a1", 7, "r", 10), ("b1", 7, "other", 11), ("a2", 8, "r", 12), ("a3", 7, "r", 13),
        ):  # fmt: skip
            unit.orders.add(attempt(order_id, decided_at, account, at))

    write(store, add)
    with store.reading() as unit:
        assert names(unit.orders.of_intent("r", intent_id(opening(7)))) == ["a1", "a3"]
        assert names(unit.orders.since("r", 12)) == ["a2", "a3"]
        assert names(unit.orders.latest("r", 2)) == ["a3", "a2"]
        assert names(unit.orders.live("other")) == ["b1"]


def test_intents_work_until_they_are_done(store: Store) -> None:
    """The working ones come in order of addition, the latest newest first."""

    def add(unit: UnitOfWork) -> None:
        for decided_at in (7, 8, 9):
            unit.intents.add(intent(decided_at))
        unit.intents.add(intent(7, "other"))

    write(store, add)
    done = replace(
        intent(8), status=IntentStatus.DONE, stage="{}", outcome="filled", updated_at=300
    )
    write(store, lambda unit: unit.intents.update(replace(done, arrival=0, plan="other")))
    with store.reading() as unit:
        assert list(unit.intents.working("r")) == [intent(7), intent(9)]
        assert list(unit.intents.latest("r", 2)) == [intent(9), done]


@pytest.mark.parametrize(
    "act",
    [
        lambda unit: unit.intents.add(intent()),
        lambda unit: unit.orders.add(attempt("a1", 9)),
        lambda unit: unit.fills.add(replace(fill(5, "t1", "a1"), lots=1)),
        lambda unit: unit.fills.add(fill(0, "t5", "a1")),
        lambda unit: unit.fills.add(fill(5, "t5", "nobody's")),
        lambda unit: unit.ledger.add(entry(5, "t1")),
    ],
)
def test_a_unit_with_a_failed_write_commits_nothing(
    store: Store, act: Callable[[UnitOfWork], None]
) -> None:
    """A second intent, id or trade is refused, even if the caller goes on as if it were not."""

    def first(unit: UnitOfWork) -> None:
        unit.intents.add(intent())
        unit.orders.add(attempt("a1"))
        unit.fills.add(fill(0, "t1", "a1"))
        unit.ledger.add(entry(0, "t1"))

    write(store, first)
    with store.writing() as unit:
        unit.cursors.put("r", "fills", 1)
        with pytest.raises(StorageError):  # noqa: PT012 - SQL may tell by the next read only
            act(unit)
            unit.fills.count("r")
        with pytest.raises(StorageError, match="has failed"):
            unit.commit()
    with store.reading() as unit:
        assert not unit.cursors.all("r")
        assert unit.fills.count("r") == 1
    write(store, lambda unit: unit.cursors.put("r", "fills", 1))


def test_what_was_never_added_cannot_change(store: Store) -> None:
    """A change of an intent or an attempt that is not there is refused by the commit."""
    acts: tuple[Callable[[UnitOfWork], None], ...] = (
        lambda unit: unit.intents.update(intent()),
        lambda unit: unit.orders.update(attempt("never")),
    )
    for act in acts:
        with pytest.raises(NotFound):
            write(store, act)


def test_a_trade_id_counts_within_its_symbol(store: Store) -> None:
    """Venues number trades symbol by symbol, accounts are apart, and a fill may have no order."""
    eth = replace(fill(1, "t1", "a1"), symbol="ETH/USDT")
    other = replace(fill(0, "t1", ""), account="other")
    third = replace(
        fill(2, "t2", ""), fee_asset="BNB", fee_amount=Decimal("0.000000000000012345"),
        fee_price=Decimal("612.30"),
    )  # fmt: skip

    def add(unit: UnitOfWork) -> None:
        unit.orders.add(attempt("a1"))
        for one in (fill(0, "t1", "a1"), eth, other, third):
            unit.fills.add(one)

    write(store, add)
    with store.reading() as unit:
        assert unit.fills.find("r", "BTC/USDT", "t1") == fill(0, "t1", "a1")
        assert unit.fills.find("r", "ETH/USDT", "t1") == eth
        assert unit.fills.find("other", "BTC/USDT", "t1") == other
        assert unit.fills.find("r", "BTC/USDT", "t9") is None
        assert list(unit.fills.of_order("r", "a1")) == [fill(0, "t1", "a1"), eth]
        assert list(unit.fills.all("r"))[2] == third
        assert unit.fills.lots_of("other", "a1") == 0
        assert unit.fills.next_sequence("r") == 3
        assert unit.fills.next_sequence("nobody") == 0


def test_filled_lots_add_up(store: Store) -> None:
    """The lots of an order are the sum over its fills."""

    def add(unit: UnitOfWork) -> None:
        unit.orders.add(attempt("a1"))
        for place, lots in enumerate((5, 7)):
            unit.fills.add(replace(fill(place, f"t{place}", "a1"), lots=lots))
        assert unit.fills.lots_of("r", "a1") == 12

    write(store, add)


def test_entries_are_found_by_their_cause(store: Store) -> None:
    """An event is looked up before it is booked, within the account, and sums stay exact."""
    long = "0." + "1" * 40

    def add(unit: UnitOfWork) -> None:
        unit.ledger.add(entry(0, "t1", long))
        unit.ledger.add(replace(entry(0, "t1"), account="other"))
        assert unit.ledger.next_sequence("r") == 1
        unit.ledger.add(entry(1, "fill:BTC/USDT:" + "9" * 80, long))

    write(store, add)
    with store.reading() as unit:
        assert unit.ledger.find("r", "fill", "t1") == entry(0, "t1", long)
        assert unit.ledger.find("r", "funding", "t1") is None
        assert unit.ledger.balances("r")[("wallet", "BTC")] == Decimal("0." + "2" * 40)
        assert unit.ledger.next_sequence("r") == 2


def test_terms_belong_to_their_intent() -> None:
    """An attempt for another symbol or side than its intent's cannot be made."""
    good = attempt("a1")
    assert good.terms is not None
    with pytest.raises(ValueError, match="for an intent to sell"):
        OrderRecord(
            "run", "a1", good.intent, good.state, 1, 1,
            terms=replace(good.terms, side=good.intent.side.opposite),
        )  # fmt: skip
