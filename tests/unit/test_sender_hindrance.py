"""What keeps an order from the wire at the last moment: the lease in the journal, real time."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any, cast

from mettle.adapters.persistence.memory import MemoryStore
from mettle.application.execution.bench import Bench
from mettle.application.execution.board import Working
from mettle.application.execution.sender import Sender
from mettle.application.journal import LeaseRecord, OrderRecord
from mettle.application.ports.unit_of_work import UnitOfWork
from mettle.application.ports.venue import VenueCapabilities
from mettle.domain.errors import StorageError
from mettle.domain.market import Symbol
from mettle.domain.orders import Leg, OrderTerms, Place, Side
from tests.support.journal import intent, opening

ACCOUNT, NOW = "r", 1_000_000
BTC = Symbol("BTC", "USDT")
TERMS = OrderTerms(BTC, Side.SELL, 10, limit=100)


@dataclass
class Clock:
    """A clock that somebody may set, and time that passes all the same."""

    wall: int = NOW
    passed: float = 0.0

    def now_ms(self) -> int:
        """Return what the wall shows."""
        return self.wall

    def monotonic(self) -> float:
        """Return what has really passed."""
        return self.passed


@dataclass
class Shelf:
    """A store that may fail to be read."""

    inner: MemoryStore = field(default_factory=MemoryStore)
    broken: bool = False

    def reading(self) -> UnitOfWork:
        """Read, or fail."""
        if self.broken:
            raise StorageError("disk I/O error")
        return self.inner.reading()


class Desk:
    """A sender and what it looks at."""

    def __init__(self) -> None:
        self.clock, self.shelf = Clock(), Shelf()
        with self.shelf.inner.writing() as unit:
            self.lease = unit.leases.acquire(ACCOUNT, "me", NOW, NOW + 10**6)
            unit.commit()
        venue = SimpleNamespace(name="exchange", capabilities=VenueCapabilities())
        gear = SimpleNamespace(
            venue=venue,
            store=self.shelf,
            clock=self.clock,
            kill_switch=SimpleNamespace(reason=lambda _: None),
            lease=lambda: self.lease,
        )
        plan = SimpleNamespace(
            account=ACCOUNT, run_id="r", environment="paper", send_within=5_000, clock_margin=0
        )
        board = SimpleNamespace(take=lambda *_: None)
        bench: Any = SimpleNamespace(gear=gear, plan=plan, board=board, now=NOW, venue_time=NOW)
        self.sender = Sender(cast("Bench", bench))

    def written(self) -> OrderRecord:
        """Write an attempt ahead."""
        with self.shelf.inner.writing() as unit:
            working = Working(replace(intent(), intent=opening()))
            order = self.sender.write_ahead(unit, working, Place(Leg.MAKER, 1, 10), TERMS, 0)
            unit.commit()
        return order

    def hindrance(self, order: OrderRecord) -> str:
        """Ask what stands against sending now, by the clock on the wall."""
        return self.sender._hindrance(order, self.clock.wall)


def test_nothing_stands_against_what_was_just_written() -> None:
    """The lease is ours in the journal too, and no time has passed."""
    desk = Desk()
    assert desk.hindrance(desk.written()) == ""


def test_an_epoch_that_a_kill_raised_since_stops_it() -> None:
    """Between T1 and the wire, though the lease as we hold it is still the old one."""
    desk = Desk()
    order = desk.written()
    with desk.shelf.inner.writing() as unit:
        unit.leases.bump(ACCOUNT, NOW)
        unit.commit()
    assert isinstance(desk.lease, LeaseRecord)
    assert desk.lease.epoch == order.epoch
    assert "its epoch is another one by now" in desk.hindrance(order)


def test_a_lease_that_cannot_be_read_is_not_ours() -> None:
    """Nothing leaves on the word of memory alone."""
    desk = Desk()
    order = desk.written()
    desk.shelf.broken = True
    assert "its epoch is another one by now" in desk.hindrance(order)


def test_a_clock_that_was_set_back_does_not_lengthen_the_deadline() -> None:
    """Five seconds have passed for the world, whatever the wall shows."""
    desk = Desk()
    order = desk.written()
    desk.clock.wall, desk.clock.passed = NOW - 90_000, 5.0
    assert desk.hindrance(order) == ""
    desk.clock.passed = 5.001
    assert desk.hindrance(order) == "it could not be sent in time"


def test_the_deadline_is_each_order_s_own() -> None:
    """One that a restart prepared anew counts from its own stamp."""
    desk = Desk()
    order = replace(desk.written(), client_order_id="another", sent_at=NOW)
    desk.clock.passed = 60.0
    assert desk.hindrance(order) == ""
    desk.clock.wall = NOW + 5_001
    assert desk.hindrance(order) == "it could not be sent in time"
