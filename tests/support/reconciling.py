"""A scripted venue, and a bench of the order desk to reconcile with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from mettle.adapters.notification import MemoryNotifier
from mettle.adapters.persistence.memory import MemoryStore
from mettle.adapters.system import SimulatedClock
from mettle.adapters.system.kill_switch import MemoryKillSwitch
from mettle.application.execution.desk import OrderDesk
from mettle.application.execution.gear import DeskGear, DeskPlan
from mettle.application.journal import DiscrepancyRecord
from mettle.application.ports.unit_of_work import UnitOfWork
from mettle.application.ports.venue import (
    Accepted,
    Acknowledgement,
    CancelAnswer,
    OrderRequest,
    Quote,
    VenueAccount,
    VenueCapabilities,
    VenueEvent,
    VenueFill,
    VenueFunding,
    VenueOrder,
    VenueOrderStatus,
)
from mettle.application.reconcile import Outcome, ReconcilePlan, Reconciler
from mettle.application.session.books import Books
from mettle.application.session.guard import Guard, GuardGear
from mettle.domain.errors import VenueError
from mettle.domain.market import CASH_SCALE, FeeSchedule, Instrument, Symbol
from mettle.domain.money import Money, Price
from mettle.domain.orders import (
    ExecutionPolicy,
    Leg,
    Opening,
    Purpose,
    Side,
    client_order_id,
    intent_for,
)
from mettle.domain.risk import Approved, Mode, RiskEngine, RiskProfile
from mettle.domain.risk.verdict import SEAL

START = 1_700_000_000_000
ACCOUNT = "live:scripted:main"
QUOTE = "USDT"
SPOT = Symbol("BTC", QUOTE)
SECOND_SPOT = Symbol("ETH", QUOTE)
PERPETUAL = Symbol("SOL", QUOTE, QUOTE)
CAPITAL = 10_000 * CASH_SCALE
SETTLE = 5_000


def instruments() -> tuple[Instrument, ...]:
    """Return two coins and one perpetual: tick 0.01, lot 0.001."""
    fees = FeeSchedule.flat(200, 700)
    return tuple(
        Instrument(symbol, Decimal("0.01"), Decimal("0.001"), fees, Decimal(0), "scripted")
        for symbol in (SPOT, SECOND_SPOT, PERPETUAL)
    )


LOT = Decimal("0.001")


class ScriptedVenue:
    """Does what it is told, and notes every call; implements ``Venue``.

    Attributes:
        calls: Names of the calls, in order.
        failing: Calls that fail.
        ack: What a create is answered; None leaves it unknown.
        behind: How far the venue's clock is behind ours, milliseconds.
    """

    name = "scripted"

    def __init__(self, clock: SimulatedClock) -> None:
        self.capabilities = VenueCapabilities()
        self.clock = clock
        self.calls: list[str] = []
        self.failing: set[str] = set()
        self.known: dict[tuple[Symbol, str], VenueOrder] = {}
        self.hidden: set[str] = set()
        self.fills: list[VenueFill] = []
        self.hidden_fills: set[str] = set()
        self.funding: list[VenueFunding] = []
        self.balances: dict[str, Decimal] = {QUOTE: Decimal(10_000)}
        self.positions: dict[Symbol, int] = {}
        self.pushed: list[VenueEvent] = []
        self.cancelled: list[str] = []
        self.price = 10_000
        self.behind = 0
        self._numbers = 0

    def _called(self, name: str) -> None:
        self.calls.append(name)
        if name in self.failing:
            raise VenueError(f"{name} failed")

    def _next(self) -> str:
        self._numbers += 1
        return str(self._numbers)

    # What the test makes happen.

    def place(self, symbol: Symbol, client_id: str, change: int, *, filled: int = 0) -> VenueOrder:
        """Put an open order there."""
        side, lots = (1 if change > 0 else -1), abs(change)
        order = VenueOrder(
            client_id, f"V{self._next()}", symbol, side, lots, filled, VenueOrderStatus.OPEN,
            self.clock.now_ms(), self.price,
        )  # fmt: skip
        self.known[symbol, client_id or order.venue_order_id] = order
        return order

    def change(self, order: VenueOrder, **changes: object) -> VenueOrder:
        """Change an order, now."""
        key = (order.symbol, order.client_order_id or order.venue_order_id)
        new = replace(self.known[key], updated_at=self.clock.now_ms(), **changes)  # type: ignore[arg-type] # test data
        self.known[key] = new
        return new

    def end(self, order: VenueOrder, status: VenueOrderStatus = VenueOrderStatus.CANCELED) -> None:
        """End an order."""
        self.change(order, status=status)

    def trade(
        self,
        symbol: Symbol,
        client_id: str,
        change: int,
        *,
        fee: Money | None = None,
        protects: Purpose | None = None,
        ticks: int | None = None,
    ) -> VenueFill:
        """Execute lots, and move balances and positions with them; a perpetual earns nothing."""
        ticks = self.price if ticks is None else ticks
        fee = Money.of("0.01", QUOTE) if fee is None else fee
        side = 1 if change > 0 else -1
        fill = VenueFill(
            f"T{self._next()}", client_id, symbol, side, abs(change), ticks, fee, False,
            self.clock.now_ms() - self.behind, protects,
        )  # fmt: skip
        self.fills.append(fill)
        self.move(fee.currency, -fee.amount)
        if symbol.is_perpetual:
            self.positions[symbol] = self.positions.get(symbol, 0) + change
        else:
            self.move(symbol.base, change * LOT)
            self.move(QUOTE, -change * LOT * ticks * Decimal("0.01"))
        order = self.known.get((symbol, client_id))
        if order is not None:
            filled = order.filled + abs(change)
            done = VenueOrderStatus.FILLED if filled == order.lots else order.status
            self.change(order, filled=filled, status=done)
        return fill

    def move(self, asset: str, amount: Decimal) -> None:
        """Change a balance."""
        self.balances[asset] = self.balances.get(asset, Decimal(0)) + amount

    # The port.

    def create(self, request: OrderRequest) -> Acknowledgement:
        """Take an order."""
        self._called("create")
        terms = request.terms
        order = self.place(terms.symbol, request.client_order_id, terms.side.sign * terms.lots)
        return Accepted(order.venue_order_id)

    def cancel(self, symbol: Symbol, client_order_id: str, /) -> CancelAnswer:
        """End an order."""
        self._called("cancel")
        self.cancelled.append(client_order_id)
        order = self.known.get((symbol, client_order_id))
        if order is None or order.status is not VenueOrderStatus.OPEN:
            return CancelAnswer.NOT_FOUND
        self.end(order)
        return CancelAnswer.TAKEN

    def order(self, symbol: Symbol, client_order_id: str, /) -> VenueOrder | None:
        """Return an order."""
        self._called("order")
        if client_order_id in self.hidden:
            return None
        return self.known.get((symbol, client_order_id))

    def open_orders(self) -> Sequence[VenueOrder]:
        """Return the open orders."""
        self._called("open_orders")
        return [
            one
            for one in self.known.values()
            if one.status is VenueOrderStatus.OPEN and one.client_order_id not in self.hidden
        ]

    def orders_since(self, since_ms: int) -> Sequence[VenueOrder]:
        """Return all orders."""
        self._called("orders_since")
        return [one for one in self.known.values() if one.client_order_id not in self.hidden]

    def fills_since(self, since_ms: int) -> Sequence[VenueFill]:
        """Return the trades."""
        self._called("fills_since")
        return [
            one
            for one in self.fills
            if one.occurred_at >= since_ms and one.trade_id not in self.hidden_fills
        ]

    def funding_since(self, since_ms: int) -> Sequence[VenueFunding]:
        """Return the settlements."""
        self._called("funding_since")
        return [one for one in self.funding if one.occurred_at >= since_ms]

    def account(self) -> VenueAccount:
        """Return balances and positions."""
        self._called("account")
        return VenueAccount(dict(self.balances), {}, dict(self.positions))

    def quote(self, symbol: Symbol) -> Quote:
        """Return a touch of one tick."""
        self._called("quote")
        now = self.clock.now_ms()
        return Quote(symbol, self.price, self.price + 1, 1_000, 1_000, now)

    def server_time(self) -> int:
        """Return our clock, less what the venue's is behind."""
        self._called("server_time")
        return self.clock.now_ms() - self.behind

    def drain(self) -> Sequence[VenueEvent]:
        """Return what was pushed."""
        pushed, self.pushed = self.pushed, []
        return pushed


@dataclass
class World:
    """One life of a desk and its reconciler; the venue, clock and store outlive it."""

    clock: SimulatedClock = field(default_factory=lambda: SimulatedClock(START))
    store: MemoryStore = field(default_factory=MemoryStore)
    plan: ReconcilePlan = field(default_factory=lambda: ReconcilePlan(began=START))

    def __post_init__(self) -> None:
        self.venue = ScriptedVenue(self.clock)
        self.books = Books(ACCOUNT, "run", instruments(), CAPITAL)
        with self.store.writing() as unit:
            unit.ledger.add(self.books.open(START, START))
            unit.commit()
        self.start()

    def start(self) -> None:
        """Begin a life: a new desk and reconciler, on journal and books as they are."""
        assets = instruments()
        kill, self.notifier = MemoryKillSwitch(), MemoryNotifier()
        engine = RiskEngine(RiskProfile("free", leverage=None))
        self.guard = Guard(GuardGear(ACCOUNT, assets, self.books, engine, kill, self.notifier))
        plan = DeskPlan(
            ACCOUNT, "run", {one.symbol: one for one in assets}, ExecutionPolicy(), "live"
        )
        gear = DeskGear(
            self.venue,
            self.store,
            self.clock,
            kill,
            self.notifier,
            self.books,
            self.guard,
            lambda: None,
        )
        self.desk = OrderDesk(plan, gear)
        self.bench = self.desk._bench
        with self.reading() as unit:
            self.guard.load(unit)
        self.desk.recover()
        self.guard.watch(self.desk.board)
        marks = [self.venue.price for _ in assets]
        self.guard.marked(marks, CAPITAL, self.clock.now_ms())
        self.reconciler = Reconciler(self.bench, self.books, self.guard, self.plan)

    def passes(self, count: int = 1, *, apart: int = SETTLE) -> list[Outcome]:
        """Do passes, each after a pause."""
        made = []
        for _ in range(count):
            self.clock.advance(apart)
            made.append(self.reconciler.run())
        return made

    def work(self, seconds: int = 30) -> None:
        """Let the desk work, second by second."""
        for _ in range(seconds):
            self.clock.advance(1_000)
            self.desk.work()

    def approve(self, symbol: Symbol, change: int, decided_at: int | None = None) -> str:
        """Have the desk open a position; return the order's id."""
        side = Side.BUY if change > 0 else Side.SELL
        at = self.clock.now_ms() if decided_at is None else decided_at
        opening = Opening(ACCOUNT, symbol, side, abs(change), at)
        approved = Approved(opening, 0, self.clock.now_ms(), seal=SEAL)
        self.desk.execute(approved, self.venue.price, self.clock.now_ms() + 60_000)
        return list(self.desk.board.orders)[-1]

    def our_id(self, symbol: Symbol, change: int, decided_at: int = START + 77) -> str:
        """Return an id of our name space that the journal does not know."""
        intent = intent_for(ACCOUNT, symbol, 0, change, decided_at, Purpose.REBALANCE)
        return client_order_id(
            intent, venue="scripted", environment="live", leg=Leg.MAKER, attempt=1
        )

    def own(self, symbol: Symbol, change: int) -> None:
        """Open a position through the desk, and have it booked and forgotten."""
        order_id = self.approve(symbol, change)
        fill = self.venue.trade(symbol, order_id, change)
        self.venue.pushed += [fill, self.venue.known[symbol, order_id]]
        self.desk.work()
        self.clock.advance(SETTLE + 1)
        assert not self.desk.board.working

    # What the tests look at.

    def reading(self) -> UnitOfWork:
        """Return a unit that reads."""
        return self.store.reading()

    def mode(self, symbol: Symbol | None = None) -> Mode:
        """Return the effective mode."""
        return self.guard.mode(symbol)

    def written_mode(self, symbol: str = "") -> Mode:
        """Return reconciliation's mode as the journal has it."""
        with self.reading() as unit:
            causes = unit.modes.all(ACCOUNT)
        found = [
            one.mode for one in causes if (one.symbol, one.cause) == (symbol, "reconciliation")
        ]
        return found[0] if found else Mode.ACTIVE

    def discrepancies(self) -> list[DiscrepancyRecord]:
        """Return every discrepancy, closed ones included."""
        return list(self.store._tables.discrepancies.rows.values())

    def open(self) -> list[DiscrepancyRecord]:
        """Return those that are open."""
        return [one for one in self.discrepancies() if one.closed_at is None]

    def trades(self) -> list[str]:
        """Return the ids of the booked trades."""
        with self.reading() as unit:
            return [one.trade_id for one in unit.fills.all(ACCOUNT)]

    def audit(self) -> list[str]:
        """Return what the audit says, oldest first."""
        with self.reading() as unit:
            return [f"{one.subject}: {one.text}" for one in unit.audit.latest(ACCOUNT, 999)][::-1]

    def check(self) -> None:
        """Prove the books, and that the journal's balances are theirs."""
        price = Price(Decimal(self.venue.price) * Decimal("0.01"))
        self.books.portfolio.check_identity({one.symbol: price for one in instruments()})
        self.books.portfolio.ledger.verify()
        with self.reading() as unit:
            kept = {key: one for key, one in unit.ledger.balances(ACCOUNT).items() if one}
        own = {key: one for key, one in self.books.balances().items() if one}
        assert kept == own

    def agrees(self) -> bool:
        """Return whether the books hold exactly what the venue holds."""
        balances = self.books.balances()
        held = {asset: one for (book, asset), one in balances.items() if book == "wallet" and one}
        contracts = {
            asset: int(one / LOT) for (book, asset), one in balances.items()
            if book == "contracts" and one
        }  # fmt: skip
        theirs = {asset: one for asset, one in self.venue.balances.items() if one}
        positions = {str(symbol): lots for symbol, lots in self.venue.positions.items() if lots}
        return held == theirs and contracts == positions
