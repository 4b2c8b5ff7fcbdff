"""PostgreSQL fails at every statement: busy, full, read-only, I/O error, connection lost.

Each failure is a typed error, keeps all or nothing of its transaction, and costs at most the
connection. At the order desk nothing is ever sent that is not on the disk, and the next life makes
everything right.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any, cast

import pytest
from mettle.adapters.notification import MemoryNotifier
from mettle.adapters.persistence.sql import SqlStore
from mettle.adapters.system import SimulatedClock
from mettle.adapters.system.kill_switch import MemoryKillSwitch
from mettle.application.execution.desk import OrderDesk
from mettle.application.execution.gear import DeskGear, DeskPlan
from mettle.application.ports.bar_feed import BarFeed
from mettle.application.ports.unit_of_work import Store, UnitOfWork
from mettle.application.ports.venue import Acknowledgement, OrderRequest
from mettle.application.session.books import Books
from mettle.application.session.guard import Guard, GuardGear
from mettle.application.session.recovery import Recovery
from mettle.domain.errors import StorageError
from mettle.domain.market import Timeframe
from mettle.domain.orders import (
    ExecutionPolicy,
    Filled,
    Open,
    Opening,
    Side,
    Submitting,
    filled_lots,
)
from mettle.domain.risk import Approved, Mode, ModeCause, RiskEngine, RiskProfile
from mettle.domain.risk.verdict import SEAL
from sqlalchemy import make_url
from tests.support.journal import attempt, entry, fill, intent, write
from tests.support.reconciling import CAPITAL, SPOT, START, ScriptedVenue, instruments

psycopg = pytest.importorskip("psycopg")
from tests.support.postgres_faults import KINDS, LOST, Fault, watch  # noqa: E402  needs the driver

pytestmark = pytest.mark.postgres
HOWS = [*((kind, False) for kind in (*KINDS, LOST)), ("full", True), ("io", True), (LOST, True)]
"""How a statement fails: its kind, and whether it has had its effect by then."""


@pytest.fixture(scope="module")
def fault(postgres: str) -> Iterator[Fault]:
    """Yield a fault that is not armed."""
    url = make_url(postgres).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(url, autocommit=True) as admin:
        yield Fault(admin)


@pytest.fixture(scope="module")
def watched(postgres: str, fault: Fault) -> Iterator[SqlStore]:
    """Yield a store whose statements may fail."""
    with SqlStore(postgres, lock_timeout_s=0.2) as store:
        watch(store, fault)
        yield store


@pytest.fixture(scope="module")
def sound(postgres: str) -> Iterator[SqlStore]:
    """Yield a store on the same database that always works."""
    with SqlStore(postgres, lock_timeout_s=0.2) as store:
        yield store


# The transactions that money depends on.


@pytest.fixture
def journal(fault: Fault, watched: SqlStore, sound: SqlStore) -> SqlStore:
    """Return the watched store with an order on its way in it, and nothing else."""
    fault.arm(-1)
    _empty(fault)

    def before(unit: UnitOfWork) -> None:
        unit.intents.add(intent(1))
        unit.orders.add(attempt("o1", 1))
        unit.leases.acquire("r", "one", 1, 500)

    write(sound, before)
    return watched


def _empty(fault: Fault) -> None:
    rows = fault.admin.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    names = sorted(name for (name,) in rows if name != "alembic_version")
    fault.admin.execute(f"TRUNCATE {', '.join(names)} CASCADE")


def t1(unit: UnitOfWork) -> None:
    """Write an intent and its attempt down under the lease, as before every send."""
    lease = unit.leases.find("r")
    assert lease is not None
    unit.intents.add(intent(2))
    unit.orders.add(replace(attempt("o2", 2), state=Submitting()))


def t2(unit: UnitOfWork) -> None:
    """Write the venue's answer down, and what it leads to."""
    unit.orders.update(replace(attempt("o1", 1), state=Open(), venue_order_id="v", updated_at=9))
    unit.intents.update(replace(intent(1), stage="{}", updated_at=9))
    unit.audit.add("r", "o1", "accepted", 9, 9)
    unit.modes.put(ModeCause("r", "", "operator", Mode.PAUSED, 9, "x"))


def fills(unit: UnitOfWork) -> None:
    """Book an execution with its postings, the order's state and the cursor."""
    assert unit.fills.find("r", "BTC/USDT", "t1") is None
    unit.fills.add(fill(unit.fills.next_sequence("r"), "t1"))
    unit.ledger.add(entry(unit.ledger.next_sequence("r"), "t1"))
    unit.orders.update(replace(attempt("o1", 1), state=Filled(5), updated_at=9))
    unit.cursors.put("r", "fills", 9)


def contents(store: Store) -> dict[str, Any]:
    """Return everything that the transactions touch."""
    with store.reading() as unit:
        return {
            "intents": unit.intents.latest("r", 9),
            "orders": unit.orders.latest("r", 9),
            "fills": list(unit.fills.all("r")),
            "ledger": list(unit.ledger.all("r")),
            "modes": unit.modes.all("r"),
            "audit": unit.audit.latest("r", 9),
            "cursors": unit.cursors.all("r"),
        }


def statements(store: Store, fault: Fault, act: Callable[[UnitOfWork], None]) -> int:
    """Return how many statements a transaction has, its begin and its commit included."""
    fault.arm(-1)
    with store.writing() as unit:
        act(unit)
        unit.fills.count("r")
        # One statement was for counting, and takes the place of the commit.
    return fault.count


@pytest.mark.parametrize("act", [t1, t2, fills])
@pytest.mark.parametrize(("kind", "late"), HOWS)
def test_each_statement_may_fail(
    journal: SqlStore,
    sound: SqlStore,
    fault: Fault,
    act: Callable[[UnitOfWork], None],
    kind: str,
    *,
    late: bool,
) -> None:
    """All or nothing of the transaction is kept; a commit whose answer is lost may be kept."""
    before, total = contents(sound), statements(journal, fault, act)
    assert total >= 4
    mend = KINDS[kind][2] if kind in KINDS else "the database server"
    for at in range(total):
        fault.arm(at, kind, late=late)
        with pytest.raises(StorageError, match=mend):
            write(journal, act)
        assert fault.fired
        if not (late and kind == LOST and at == total - 1):
            assert contents(sound) == before
            continue
        assert contents(sound) != before
        return
    fault.arm(-1)
    write(journal, act)
    assert contents(sound) != before


# The order desk.


class Checked(ScriptedVenue):
    """A venue that looks into the journal whenever an order arrives.

    Attributes:
        naked: Orders that came without a durable attempt.
        came: How often each order came.
    """

    def __init__(self, clock: SimulatedClock, journal: Store) -> None:
        super().__init__(clock)
        self.journal = journal
        self.naked: list[str] = []
        self.came: dict[str, int] = {}

    def create(self, request: OrderRequest) -> Acknowledgement:
        """Take an order, and fill it at once."""
        order_id = request.client_order_id
        with self.journal.reading() as unit:
            found = unit.orders.find(order_id)
        hashed = request.terms.payload_hash
        if found is None or found.payload_hash != hashed or found.state != Submitting():
            self.naked.append(order_id)
        self.came[order_id] = self.came.get(order_id, 0) + 1
        answer = super().create(request)
        change = request.terms.side.sign * request.terms.lots
        self.pushed += [self.trade(SPOT, order_id, change), self.known[SPOT, order_id]]
        return answer


class Life:
    """A desk on an account; the venue and the database outlive it."""

    def __init__(self, account: str, store: Store, venue: Checked) -> None:
        self.account, self.venue = account, venue
        assets, clock = instruments(), venue.clock
        self.books = books = Books(account, "run", assets, CAPITAL)
        names = tuple(str(one.symbol) for one in assets)
        frame = Timeframe.parse("1h")

        def rebuild(unit: UnitOfWork) -> None:
            # Without bars there is nothing that a feed would be asked for.
            feed = cast("BarFeed", None)
            Recovery(unit, account, account, names, frame, 120, on_bars=False).replay(
                books, None, feed
            )

        books.rebuilt_by(rebuild)
        kill, notifier = MemoryKillSwitch(), MemoryNotifier()
        engine = RiskEngine(RiskProfile("free", leverage=None))
        self.guard = Guard(GuardGear(account, assets, books, engine, kill, notifier))
        plan = DeskPlan(
            account, account, {one.symbol: one for one in assets}, ExecutionPolicy(), "testnet"
        )
        gear = DeskGear(venue, store, clock, kill, notifier, books, self.guard, lambda: None)
        self.desk = OrderDesk(plan, gear)
        with store.reading() as unit:
            self.guard.load(unit)
        self.desk.recover()
        self.guard.watch(self.desk.board)
        self.guard.marked([venue.price for _ in assets], CAPITAL, clock.now_ms())

    def buy(self) -> None:
        """Decide to buy five lots, and have the fill booked."""
        now = self.venue.clock.now_ms()
        opening = Opening(self.account, SPOT, Side.BUY, 5, now)
        self.desk.execute(Approved(opening, 0, now, seal=SEAL), self.venue.price, now + 60_000)
        self.desk.work()

    def work(self, seconds: int) -> None:
        """Let the desk work, second by second."""
        for _ in range(seconds):
            if self.desk.board.working:
                self.venue.clock.advance(1_000)
                self.desk.work()


def opened(account: str, sound: Store) -> Checked:
    """Return a venue for a fresh account, whose capital is written down."""
    books = Books(account, "run", instruments(), CAPITAL)

    def act(unit: UnitOfWork) -> None:
        unit.ledger.add(books.open(START, START))

    write(sound, act)
    return Checked(SimulatedClock(START), sound)


@pytest.mark.parametrize(("kind", "late"), HOWS)
def test_nothing_is_sent_without_a_durable_intent(
    watched: SqlStore, sound: SqlStore, fault: Fault, kind: str, *, late: bool
) -> None:
    """Whatever statement fails: what came is on the disk, once, and ends as the venue has it."""
    fault.arm(-1)
    whole = f"whole-{kind}-{late}"
    life = Life(whole, watched, opened(whole, sound))
    fault.arm(-1)
    life.buy()
    total = fault.count
    assert total > 8
    sent = 0
    for at in range(total):
        account = f"{kind}-{late}-{at}"
        venue = opened(account, sound)
        fault.arm(-1)
        life = Life(account, watched, venue)
        fault.arm(at, kind, late=late)
        with pytest.raises(StorageError):
            life.buy()
        assert fault.fired
        assert venue.naked == []
        fault.arm(-1)
        after = Life(account, watched, venue)
        after.work(200)
        assert not after.desk.board.working
        assert venue.naked == []
        assert set(venue.came.values()) <= {1}
        sent += len(venue.came)
        settled(account, sound, venue, after.books)
    assert 0 < sent < total


def settled(account: str, sound: Store, venue: Checked, books: Books) -> None:
    """Hold journal and books against the venue."""
    with sound.reading() as unit:
        orders = unit.orders.since(account, 0)
        booked = [one.trade_id for one in unit.fills.all(account)]
        assert not list(unit.orders.possibly_live(account))
    known = {one.client_order_id: filled_lots(one.state) for one in orders}
    assert all(known[one] == 5 for one in venue.came)
    assert [lots for one, lots in known.items() if one not in venue.came and lots] == []
    assert booked == [one.trade_id for one in venue.fills]
    assert books.quantity(SPOT) == Decimal("0.005") * len(venue.came)
