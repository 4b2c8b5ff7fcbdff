"""One contract for what rules an account: memory, SQLite, PostgreSQL."""

from __future__ import annotations

from dataclasses import replace

import pytest
from mettle.adapters.persistence.memory import MemoryStore
from mettle.adapters.persistence.sql import SqlStore, ThrowawaySqlStore
from mettle.application.journal import (
    BreakerRecord,
    ControlRecord,
    ControlVerb,
    DiscrepancyRecord,
    LeaseRecord,
)
from mettle.application.ports.unit_of_work import Store, UnitOfWork
from mettle.domain.errors import NotFound, RefusedForSafety, StorageError
from mettle.domain.risk import EVERY_SYMBOL, Mode, ModeCause
from tests.support.journal import BIG, MakeStore, write


def acquire(store: Store, holder: str, now: int, until: int) -> LeaseRecord | None:
    """Try to take the lease of the account."""
    with store.writing() as unit:
        taken = unit.leases.acquire("a", holder, now, until)
        unit.commit()
    return taken


def current(store: Store) -> LeaseRecord | None:
    """Return the lease as others see it."""
    with store.reading() as unit:
        return unit.leases.find("a")


def test_one_holder_at_a_time(make: MakeStore) -> None:
    """A second holder is refused until the lease has expired; each taking raises the epoch."""
    mine, theirs = make(), make()
    assert current(mine) is None
    first = acquire(mine, "one", 100, 200)
    assert first == LeaseRecord("a", "one", 1, 100, 200)
    assert acquire(theirs, "two", 199, 300) is None
    assert current(theirs) == first
    second = acquire(theirs, "two", 200, 300)
    assert second == LeaseRecord("a", "two", 2, 200, 300)
    assert acquire(mine, "one", 250, 400) is None


def test_the_same_holder_comes_back_at_once(store: Store) -> None:
    """After a crash the same name need not wait, and what it wrote before is of an old epoch."""
    first = acquire(store, "one", 100, 200)
    again = acquire(store, "one", 110, 210)
    assert first is not None
    assert again == LeaseRecord("a", "one", 2, 110, 210)
    with store.writing() as unit:
        assert not unit.leases.renew(first, 500)
        assert not unit.leases.release(first, 120)
        assert unit.leases.renew(again, 500)
        unit.commit()
    assert current(store) == replace(again, expires_at=500)


def test_renewing_under_an_old_epoch_fails(store: Store) -> None:
    """Whoever was displaced or fenced off cannot prolong, release or undo anything."""
    first = acquire(store, "one", 100, 200)
    assert first is not None
    second = acquire(store, "two", 200, 300)
    with store.writing() as unit:
        assert not unit.leases.renew(first, 900)
        assert not unit.leases.release(first, 201)
        assert not unit.leases.renew(replace(first, epoch=2), 900)
        unit.commit()
    assert current(store) == second


def test_release_lets_the_next_one_in(store: Store) -> None:
    """A released lease has expired at once; its epoch stays and rises with the next holder."""
    first = acquire(store, "one", 100, 200)
    assert first is not None
    with store.writing() as unit:
        assert unit.leases.release(first, 150)
        unit.commit()
    assert acquire(store, "two", 150, 300) == LeaseRecord("a", "two", 2, 150, 300)


def test_a_bump_fences_the_holder_off(store: Store) -> None:
    """A kill raises the epoch whoever holds the lease, without freeing it for others."""
    first = acquire(store, "one", 100, 200)
    assert first is not None
    with store.writing() as unit:
        assert unit.leases.bump("a", 120) == 2
        assert unit.leases.bump("b", 120) == 1
        unit.commit()
    with store.writing() as unit:
        assert not unit.leases.renew(first, 900)
        assert unit.leases.find("b") == LeaseRecord("b", "", 1, 120, 120)
        assert unit.leases.acquire("a", "two", 130, 300) is None
        assert unit.leases.acquire("b", "two", 120, 300) == LeaseRecord("b", "two", 2, 120, 300)


def test_an_uncommitted_lease_is_nobodys(store: Store) -> None:
    """A lease counts from its commit on, and the second writer waits for the first."""
    with store.writing() as unit:
        unit.leases.acquire("a", "one", 1, 2)
        with pytest.raises(StorageError, match="lock"):
            acquire(store, "two", 1, 2)
        assert current(store) is None
    assert current(store) is None


def test_reading_units_take_no_lease(store: Store) -> None:
    """Nothing about a lease changes through a unit that was taken for reading."""
    lease = LeaseRecord("a", "one", 1, 1, 2)
    with store.reading() as unit:
        for act in (
            lambda: unit.leases.acquire("a", "one", 1, 2),
            lambda: unit.leases.renew(lease, 3),
            lambda: unit.leases.release(lease, 3),
            lambda: unit.leases.bump("a", 1),
            lambda: unit.modes.clear("a", "", "kill"),
            lambda: unit.audit.add("a", "x", "y", 1, 1),
        ):
            with pytest.raises(StorageError, match="only reads"):
                act()


def test_commands_wait_until_they_are_handled(store: Store) -> None:
    """Commands come in order of addition whatever the clock said, and each is handled once."""
    first = ControlRecord("c1", "a", ControlVerb.RESET_BREAKER, "daily_loss", "ann", 50)
    second = ControlRecord("c2", "a", ControlVerb.PAUSE, "", "bob", 40)

    def add(unit: UnitOfWork) -> None:
        unit.controls.add(first)
        unit.controls.add(second)
        unit.controls.add(replace(first, control_id="c3", account="b"))

    write(store, add)
    with store.reading() as unit:
        assert list(unit.controls.pending("a")) == [first, second]
    write(store, lambda unit: unit.controls.handled("c1", 60, "done"))
    done = replace(first, handled_at=60, outcome="done")
    with store.reading() as unit:
        assert list(unit.controls.pending("a")) == [second]
        assert list(unit.controls.latest("a", 5)) == [second, done]
        assert list(unit.controls.latest("a", 1)) == [second]
        assert unit.controls.find("c1") == done
        assert unit.controls.find("c9") is None
    with pytest.raises(NotFound, match="c9"):
        write(store, lambda unit: unit.controls.handled("c9", 1, ""))
    with pytest.raises(StorageError):
        write(store, lambda unit: unit.controls.add(second))


def test_causes_come_and_go_one_by_one(store: Store) -> None:
    """One row an account, symbol and cause; clearing one leaves the others."""
    kill = ModeCause("a", EVERY_SYMBOL, "kill", Mode.KILLED, 5, "by hand")
    pause = ModeCause("a", "BTC/USDT", "unknown order", Mode.PAUSED, 6, "o1")

    def add(unit: UnitOfWork) -> None:
        unit.modes.put(pause)
        unit.modes.put(replace(kill, since=1, mode=Mode.PAUSED))
        unit.modes.put(kill)
        unit.modes.put(replace(kill, account="b"))

    write(store, add)
    with store.writing() as unit:
        assert list(unit.modes.all("a")) == [kill, pause]
        assert unit.modes.clear("a", "BTC/USDT", "unknown order")
        assert not unit.modes.clear("a", "BTC/USDT", "unknown order")
        assert list(unit.modes.all("a")) == [kill]
        unit.commit()
    write(store, lambda unit: unit.modes.put(replace(pause, since=9)))
    with store.reading() as unit:
        assert list(unit.modes.all("a")) == [kill, replace(pause, since=9)]


def test_breakers_and_cursors_keep_the_last_word(store: Store) -> None:
    """A later row takes the place of an earlier one; others stay."""
    daily = BreakerRecord("a", "daily_loss", "open", '{"until": 5}', 1)
    closed = replace(daily, state="closed", content="{}", updated_at=2)

    def add(unit: UnitOfWork) -> None:
        unit.breakers.put(replace(daily, name="weekly_loss"))
        unit.breakers.put(daily)
        unit.breakers.put(closed)
        unit.cursors.put("a", "fills", 1)
        unit.cursors.put("a", "fills", BIG)
        unit.cursors.put("a", "funding", 2)
        unit.cursors.put("b", "fills", 3)

    write(store, add)
    with store.reading() as unit:
        assert list(unit.breakers.all("a")) == [closed, replace(daily, name="weekly_loss")]
        assert dict(unit.cursors.all("a")) == {"fills": BIG, "funding": 2}


def test_discrepancies_stay_open_until_they_are_closed(store: Store) -> None:
    """The oldest open one comes first; a closed one is kept and no longer open."""
    late = DiscrepancyRecord("a", "d1", "BTC/USDT", "position", "1.5", "1.25", 9)
    early = replace(late, discrepancy_id="d2", opened_at=3)

    def add(unit: UnitOfWork) -> None:
        unit.discrepancies.put(late)
        unit.discrepancies.put(early)
        unit.discrepancies.put(replace(late, account="b"))

    write(store, add)
    with store.reading() as unit:
        assert list(unit.discrepancies.open("a")) == [early, late]
    closed = replace(early, closed_at=10, note="sold by hand")
    write(store, lambda unit: unit.discrepancies.put(closed))
    with store.reading() as unit:
        assert list(unit.discrepancies.open("a")) == [late]


def test_the_audit_counts_by_account(store: Store) -> None:
    """Each account's notes are numbered from 0 without a gap, also after an undone one."""

    def add(unit: UnitOfWork) -> None:
        for account in ("a", "b", "a"):
            unit.audit.add(account, "mode", f"{account} paused", 1, 2)

    write(store, add)
    with store.writing() as unit:
        assert unit.audit.add("a", "lease", "lost", 3, 4).sequence == 2
    with store.writing() as unit:
        assert unit.audit.add("a", "lease", "kept", 3, 4).sequence == 2
        unit.commit()
    with store.reading() as unit:
        assert [(one.sequence, one.text) for one in unit.audit.latest("a", 2)] == [
            (2, "kept"), (1, "a paused"),
        ]  # fmt: skip


def test_money_needs_a_durable_store(make: MakeStore, tmp_path: object) -> None:
    """Stores that a power cut would empty give no lease of a live account; SQL stores do."""
    store = make()
    assert store.durable == isinstance(store, SqlStore)
    forgetful: Store = MemoryStore()
    throwaway = ThrowawaySqlStore(f"{tmp_path}/throwaway.db")
    assert not throwaway.durable
    for one in (forgetful, throwaway):
        with one.writing() as unit, pytest.raises(RefusedForSafety, match="SqlStore"):
            unit.leases.acquire("live:binance:main", "one", 1, 2)
        assert acquire(one, "one", 1, 2) is not None
    throwaway.close()
    if store.durable:
        with store.writing() as unit:
            assert unit.leases.acquire("live:binance:main", "one", 1, 2) is not None
