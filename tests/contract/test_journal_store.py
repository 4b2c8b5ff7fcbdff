"""One contract for every place where sessions are kept: memory, SQLite, PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from decimal import Decimal

import pytest
from mettle.application.journal import RunStatus, SnapshotRecord
from mettle.application.ports.unit_of_work import Store, UnitOfWork
from mettle.domain.errors import NotFound, StorageError
from mettle.domain.orders import Expired, Filled, Open, Partial, Purpose, Reduction, Rejected, Side
from tests.support.journal import (
    BIG,
    BTC,
    MakeStore,
    bar,
    decision,
    entry,
    fill,
    mark,
    order,
    run,
    write,
)


def test_everything_comes_back_as_it_was_written(make: MakeStore) -> None:
    """Each record survives the trip through a second opening, to the last digit."""
    store = make()
    late = replace(order("o2"), intent=Reduction("r", BTC, Side.BUY, 3, 100, Purpose.TRAILING_STOP))
    with store.writing() as unit:
        unit.runs.add(run())
        unit.bars.add([bar(100), bar(100, "ETH/USDT")])
        unit.orders.add(order())
        unit.orders.add(late)
        unit.fills.add(fill(0, "t1"))
        unit.ledger.add(entry(0, "t1"))
        unit.marks.add(mark(100))
        unit.decisions.add(decision(100))
        unit.snapshots.put(SnapshotRecord("r", "features", 100, b"\x00\xff"))
        unit.commit()
    with make().reading() as unit:
        assert unit.runs.get("r") == run()
        assert list(unit.bars.after("r", None)) == [bar(100), bar(100, "ETH/USDT")]
        assert unit.orders.live("r") == [order(), late]
        assert list(unit.fills.all("r")) == [fill(0, "t1")]
        assert list(unit.ledger.all("r")) == [entry(0, "t1")]
        assert unit.marks.last("r") == mark(100)
        assert unit.decisions.latest("r", 5) == [decision(100)]
        assert unit.snapshots.get("r", "features") == SnapshotRecord(
            "r", "features", 100, b"\x00\xff"
        )


def test_what_is_not_committed_is_undone(store: Store) -> None:
    """Leaving a unit without a commit, or by an exception, leaves nothing behind."""
    with store.writing() as unit:
        unit.marks.add(mark(1))
        assert unit.marks.last("r") == mark(1)

    def fail(unit: UnitOfWork) -> None:
        unit.bars.add([bar(1)])
        raise KeyError

    with pytest.raises(KeyError):
        write(store, fail)
    with store.reading() as unit:
        assert unit.marks.last("r") is None
        assert unit.bars.last_time("r") is None


def test_a_unit_goes_on_after_its_commit(store: Store) -> None:
    """A commit keeps what came before it; what comes after needs the next one."""
    with store.writing() as unit:
        unit.marks.add(mark(1))
        unit.commit()
        unit.marks.add(mark(2))
    with store.reading() as unit:
        assert list(unit.marks.all("r")) == [mark(1)]


def test_readers_see_only_what_is_committed(store: Store) -> None:
    """A second unit reads the old state while the first writes, and the new one afterwards."""
    with store.writing() as writer:
        writer.marks.add(mark(1))
        assert writer.marks.last("r") == mark(1)
        with store.reading() as reader:
            assert reader.marks.last("r") is None
        writer.commit()
        with store.reading() as reader:
            assert reader.marks.last("r") == mark(1)


def test_there_is_one_writer_at_a_time(store: Store) -> None:
    """A second writer waits, then is refused with what to do; after the first it gets through."""
    with store.writing() as first:
        first.marks.add(mark(1))
        assert first.marks.last("r") is not None
        with pytest.raises(StorageError, match="lock"):
            write(store, lambda second: second.marks.add(mark(2)))
        first.commit()
    write(store, lambda third: third.marks.add(mark(2)))


def test_many_may_read_at_once(store: Store) -> None:
    """More than any pool holds by itself: none waits for another, and a writer still writes."""
    with ExitStack() as opened:
        units = [opened.enter_context(store.reading()) for _ in range(24)]
        assert [unit.marks.last("r") for unit in units] == [None] * 24
        write(store, lambda unit: unit.marks.add(mark(1)))
    with store.reading() as unit:
        assert unit.marks.last("r") == mark(1)


def test_a_reading_unit_refuses_to_write(store: Store) -> None:
    """Nothing can be written through a unit that was taken for reading."""
    with store.reading() as unit, pytest.raises(StorageError, match="only reads"):
        unit.marks.add(mark(1))


@pytest.mark.parametrize(
    "twice",
    [
        lambda unit: unit.runs.add(run()),
        lambda unit: unit.bars.add([bar(100)]),
        lambda unit: unit.orders.add(order()),
        lambda unit: unit.fills.add(fill(0, "t9")),
        lambda unit: unit.fills.add(fill(9, "t1")),
        lambda unit: unit.ledger.add(entry(0, "t9")),
        lambda unit: unit.ledger.add(entry(9, "t1")),
        lambda unit: unit.marks.add(mark(100)),
        lambda unit: unit.decisions.add(decision(100)),
    ],
)
def test_nothing_is_written_twice(store: Store, twice: Callable[[UnitOfWork], None]) -> None:
    """A second record with the same identity is refused, and the unit leaves nothing behind."""
    with store.writing() as unit:
        unit.bars.add([bar(100)])
        unit.orders.add(order())
        unit.fills.add(fill(0, "t1"))
        unit.ledger.add(entry(0, "t1"))
        unit.marks.add(mark(100))
        unit.decisions.add(decision(100))
        unit.commit()

    def again(unit: UnitOfWork) -> None:
        unit.snapshots.put(SnapshotRecord("r", "trace", 1, b"x"))
        twice(unit)

    with pytest.raises(StorageError):
        write(store, again)
    with store.reading() as unit:
        assert unit.snapshots.get("r", "trace") is None
        assert unit.fills.count("r") == 1


def test_orders_change_state_and_leave_the_live_ones(store: Store) -> None:
    """The last state wins; final orders are no longer live; order of addition stays."""
    with store.writing() as unit:
        for name in ("o1", "o2", "o3", "o4"):
            unit.orders.add(order(name))
        unit.commit()
        unit.orders.update(replace(order("o1"), state=Open(), venue_order_id="v1"))
        unit.orders.update(replace(order("o1"), state=Filled(BIG), updated_at=200))
        unit.orders.update(replace(order("o2"), state=Expired(3, "no volume")))
        unit.orders.update(replace(order("o3"), state=Partial(2)))
        unit.commit()
    with store.reading() as unit:
        live, newest = unit.orders.live("r"), unit.orders.latest("r", 9)
    assert [one.client_order_id for one in live] == ["o3", "o4"]
    assert live[0].state == Partial(2)
    assert [one.client_order_id for one in newest] == ["o4", "o3", "o2", "o1"]
    assert newest[2].state == Expired(3, "no volume")
    assert (newest[3].state, newest[3].updated_at) == (Filled(BIG), 200)


def test_an_unknown_order_cannot_change(store: Store) -> None:
    """A change of an order that was never written down is refused."""
    change = replace(order("never"), state=Rejected("no"))
    with pytest.raises(NotFound):
        write(store, lambda unit: unit.orders.update(change))


def test_runs_are_found_and_ended(store: Store) -> None:
    """Runs come newest first, change status, and a wrong id is a NotFound that says so."""
    with store.writing() as unit:
        unit.runs.add(run("later", 9))
        unit.runs.set_status("r", RunStatus.FINISHED, 77, "done")
        unit.commit()
    with store.reading() as unit:
        assert [one.run_id for one in unit.runs.latest(5)] == ["later", "r"]
        ended = unit.runs.get("r")
        assert (ended.status, ended.ended_at, ended.message) == (RunStatus.FINISHED, 77, "done")
        assert unit.runs.find("nobody") is None
        with pytest.raises(NotFound, match="nobody"):
            unit.runs.get("nobody")
    with store.writing() as unit, pytest.raises(NotFound, match="nobody"):
        unit.runs.set_status("nobody", RunStatus.STOPPED, 1)


def test_series_come_in_order_and_in_part(store: Store) -> None:
    """Bars, fills, marks and decisions are ordered; limits give the newest."""
    with store.writing() as unit:
        unit.orders.add(order())
        for step in (1, 2, 3):
            unit.bars.add([bar(step), bar(step, "ETH/USDT")])
            unit.fills.add(fill(step, f"t{step}"))
            unit.ledger.add(entry(step, f"t{step}", "0.1"))
            unit.marks.add(mark(step))
            unit.decisions.add(decision(step))
        unit.commit()
    with store.reading() as unit:
        assert [one.open_time for one in unit.bars.after("r", 1)] == [2, 2, 3, 3]
        assert unit.bars.last_time("r") == 3
        assert [one.sequence for one in unit.fills.all("r")] == [1, 2, 3]
        assert [one.sequence for one in unit.fills.latest("r", 2)] == [3, 2]
        assert [one.bar_time for one in unit.marks.all("r")] == [1, 2, 3]
        assert [one.bar_time for one in unit.decisions.latest("r", 2)] == [3, 2]
        assert len(unit.decisions.latest("r", 1)[0].assets) == 2
        assert (unit.decisions.count("r"), unit.fills.count("r")) == (3, 3)
        assert [one.sequence for one in unit.ledger.all("r")] == [1, 2, 3]
        assert unit.ledger.balances("r") == {
            ("wallet", "BTC"): Decimal("0.3"),
            ("conversion", "BTC"): Decimal("-0.3"),
        }


def test_a_snapshot_replaces_the_older_one(store: Store) -> None:
    """One snapshot a name is kept, and names do not disturb each other."""
    with store.writing() as unit:
        unit.snapshots.put(SnapshotRecord("r", "a", 1, b"old"))
        unit.snapshots.put(SnapshotRecord("r", "b", 1, b"other"))
        unit.commit()
        unit.snapshots.put(SnapshotRecord("r", "a", 2, b"new"))
        unit.commit()
    with store.reading() as unit:
        assert unit.snapshots.get("r", "a") == SnapshotRecord("r", "a", 2, b"new")
        assert unit.snapshots.get("r", "b") == SnapshotRecord("r", "b", 1, b"other")
        assert unit.snapshots.get("r", "c") is None
