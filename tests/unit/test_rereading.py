"""What is read again, and written again, only where something has happened."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from mettle.adapters.persistence.memory import MemoryStore
from mettle.adapters.persistence.memory.store import MemoryUnitOfWork
from mettle.adapters.system import SimulatedClock
from mettle.application.ports.bar_feed import BarFeed
from mettle.application.ports.unit_of_work import UnitOfWork
from mettle.application.session.books import Books
from mettle.application.session.recovery import Recovery
from mettle.domain.market import Timeframe
from mettle.domain.orders import Purpose
from mettle.domain.risk import Mode
from tests.support.reconciling import (
    ACCOUNT,
    CAPITAL,
    SPOT,
    START,
    ScriptedVenue,
    World,
    instruments,
)


class CountingStore(MemoryStore):
    """Counts the units that may write."""

    written = 0

    def writing(self) -> MemoryUnitOfWork:
        """Return a unit that may write."""
        self.written += 1
        return super().writing()


class Reader:
    """Books beside a journal, and how often they were built again from it."""

    def __init__(self, store: MemoryStore) -> None:
        self.store = store
        self.rebuilt = 0
        self.books = Books(ACCOUNT, "run", instruments(), CAPITAL)
        self.books.rebuilt_by(self._rebuild)

    def _rebuild(self, unit: UnitOfWork) -> None:
        self.rebuilt += 1
        names = tuple(str(one.symbol) for one in instruments())
        frame = Timeframe.parse("1h")
        recovery = Recovery(unit, "run", ACCOUNT, names, frame, 120, on_bars=False)
        recovery.replay(self.books, None, cast("BarFeed", None))

    def reload(self) -> int:
        """Ask for the books as the journal has them; return how many fills they have."""
        with self.store.reading() as unit:
            self.books.reload(unit)
        return self.books.fills


def buyer(store: MemoryStore, books: Books) -> Callable[[], None]:
    """Return what books a trade and writes it down."""
    venue = ScriptedVenue(SimulatedClock(START))

    def buy() -> None:
        record, entry = books.book(venue.trade(SPOT, "", 5), "", Purpose.OPERATOR, START)
        with store.writing() as unit:
            unit.fills.add(record)
            unit.ledger.add(entry)
            unit.commit()

    return buy


def test_books_are_read_once_where_nothing_happened_since() -> None:
    """A start reads them, and its recovery needs no second time."""
    store = MemoryStore()
    trader = Books(ACCOUNT, "run", instruments(), CAPITAL)
    with store.writing() as unit:
        unit.ledger.add(trader.open(START, START))
        unit.commit()
    buy = buyer(store, trader)
    buy()
    reader = Reader(store)
    assert (reader.reload(), reader.rebuilt) == (1, 1)
    assert (reader.reload(), reader.rebuilt) == (1, 1)
    buy()
    assert (reader.reload(), reader.rebuilt) == (2, 2)


def test_books_ahead_of_the_journal_are_read_again() -> None:
    """Also where somebody else wrote as much as was lost."""
    store = MemoryStore()
    trader = Books(ACCOUNT, "run", instruments(), CAPITAL)
    with store.writing() as unit:
        unit.ledger.add(trader.open(START, START))
        unit.commit()
    reader = Reader(store)
    assert reader.reload() == 0
    lost = ScriptedVenue(SimulatedClock(START)).trade(SPOT, "", 7)
    reader.books.book(lost, "", Purpose.OPERATOR, START)
    buyer(store, trader)()
    assert (reader.books.fills, reader.reload(), reader.rebuilt) == (1, 1, 2)
    assert reader.books.balances() == trader.balances()


def test_a_question_whose_answer_is_known_writes_nothing() -> None:
    """A mode that changed meanwhile is written with the next answer for all that."""
    store = CountingStore()
    world = World(store=store)
    world.approve(SPOT, 10)
    world.work(4)
    before, asked = store.written, world.venue.calls.count("order")
    world.work(6)
    assert world.venue.calls.count("order") > asked
    assert store.written == before
    world.guard.impose("venue", Mode.PAUSED, "a test", world.clock.now_ms())
    world.work(4)
    assert store.written == before + 1
    with world.reading() as unit:
        assert {one.cause for one in unit.modes.all(ACCOUNT)} == {"venue"}
