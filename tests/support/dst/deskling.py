"""A small trader on the real order desk: no bars, no indicators, only seeded intents.

It exercises write-ahead, ambiguity, plans and fills at high speed; the session is tested by its
own process.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mettle.application.execution.desk import OrderDesk
from mettle.application.execution.gear import DeskGear, DeskPlan
from mettle.application.journal import FillRecord, LeaseRecord, LedgerRecord, RunRecord
from mettle.application.ports.clock import Clock
from mettle.application.ports.kill_switch import KillSwitch
from mettle.application.ports.notifier import Notifier
from mettle.application.ports.unit_of_work import Store, UnitOfWork
from mettle.application.ports.venue import Venue
from mettle.application.session.books import Books
from mettle.domain.errors import RefusedForSafety, StorageError, VenueError
from mettle.domain.market import Instrument, Symbol
from mettle.domain.orders import ExecutionPolicy, OrderIntent, Purpose, intent_for
from mettle.domain.risk import Approved, Mode, Refused, Verdict
from mettle.domain.risk.verdict import SEAL

from .chance import Chance

LEASE_MS = 30_000


@dataclass
class FreeRuling:
    """Implements ``Ruling`` without limits; the longest unknown stretch pauses its symbol."""

    unknown: dict[Symbol, int]
    now: Callable[[], int]

    def mode(self, symbol: Symbol) -> Mode:
        """Return PAUSED while something was unknown for too long."""
        since = self.unknown.get(symbol)
        late = since is not None and self.now() - since > 120_000
        return Mode.PAUSED if late else Mode.ACTIVE

    def judge(self, intent: OrderIntent, now: int) -> Verdict:
        """Approve, unless the symbol is paused."""
        if self.mode(intent.symbol) is not Mode.ACTIVE:
            return Refused(intent, "mode", "something is unknown")
        return Approved(intent, 0, now, seal=SEAL)

    def lost_sight(self, symbol: Symbol, since: int, what: str, now: int) -> None:
        """Remember since when."""
        self.unknown.setdefault(symbol, since)

    def found_again(self, symbol: Symbol, now: int) -> None:
        """Forget it."""
        self.unknown.pop(symbol, None)

    def heard(self, *, failed: bool, latency_ms: int, now: int) -> None:
        """Take no notice."""


@dataclass(frozen=True)
class DesklingGear:
    """What a life of the small trader is given."""

    name: str
    account: str
    capital: int
    instruments: tuple[Instrument, ...]
    venue: Venue
    store: Store
    clock: Clock
    kill_switch: KillSwitch
    notifier: Notifier
    chance: Chance
    pace_ms: int = 20_000


class Deskling:
    """One life of the small trader."""

    def __init__(self, gear: DesklingGear) -> None:
        self._gear = gear
        self._books = Books(gear.account, gear.account, gear.instruments, gear.capital)
        self._books.rebuilt_by(self._rebuild)
        self._ruling = FreeRuling({}, gear.clock.now_ms)
        self._lease: LeaseRecord | None = None
        plan = DeskPlan(
            gear.account,
            gear.account,
            {one.symbol: one for one in gear.instruments},
            ExecutionPolicy(),
        )
        self.desk = OrderDesk(
            plan,
            DeskGear(
                gear.venue,
                gear.store,
                gear.clock,
                gear.kill_switch,
                gear.notifier,
                self._books,
                self._ruling,
                lambda: self._lease,
            ),
        )

    def run(self, should_stop: Callable[[], bool]) -> None:
        """Trade until told to stop; ends like a process on an error that it cannot mend."""
        clock = self._gear.clock
        while not self._start():
            clock.sleep_until(clock.now_ms() + 5_000)
        decide_at = clock.now_ms() + 1_000
        while not should_stop():
            now = clock.now_ms()
            self._renew(now)
            try:
                self.desk.work()
                if now >= decide_at and not self.desk.is_stale:
                    decide_at = now + self._gear.pace_ms
                    self._decide(now)
            except StorageError:
                pass
            dues = [self.desk.next_due() or decide_at, decide_at, now + 2_000]
            clock.sleep_until(max(min(dues), clock.now_ms() + 50))

    def _start(self) -> bool:
        now = self._gear.clock.now_ms()
        try:
            with self._gear.store.writing() as unit:
                until = now + LEASE_MS
                self._lease = unit.leases.acquire(self._gear.account, self._gear.name, now, until)
                if self._lease is not None and unit.runs.find(self._gear.account) is None:
                    self._found_account(unit, now)
                unit.commit()
            if self._lease is not None:
                self.desk.set_clock(self._gear.venue.server_time())
                self.desk.recover()
        except (StorageError, VenueError):
            return False
        return self._lease is not None

    def _found_account(self, unit: UnitOfWork, now: int) -> None:
        gear = self._gear
        symbols = tuple(str(one.symbol) for one in gear.instruments)
        unit.runs.add(
            RunRecord(
                gear.account, "paper", "deskling", "1m", symbols, gear.venue.name, "USDT",
                gear.capital, "{}", synthetic=True, created_at=now,
            )
        )  # fmt: skip
        unit.ledger.add(self._books.open(now, now))

    def _renew(self, now: int) -> None:
        lease = self._lease
        if lease is None or lease.expires_at - now > LEASE_MS // 2:
            return
        try:
            with self._gear.store.writing() as unit:
                if not unit.leases.renew(lease, now + LEASE_MS):
                    raise RefusedForSafety("the lease is somebody else's")
                unit.commit()
        except StorageError:
            return
        self._lease = LeaseRecord(
            lease.account, lease.holder, lease.epoch, lease.acquired_at, now + LEASE_MS
        )

    def _decide(self, now: int) -> None:
        random = self._gear.chance.stream("deskling")
        for one in self._gear.instruments:
            if random.random() < 0.5 or self.desk.is_working(one.symbol):
                continue
            held = self._books.account.assets[self._books.column(one.symbol)].lots
            wanted = random.choice((0, 0, 500, 1_000, 2_000))
            if one.symbol.is_perpetual:
                wanted *= random.choice((1, -1))
            if wanted == held:
                continue
            intent = intent_for(
                self._gear.account, one.symbol, held, wanted - held, now, Purpose.REBALANCE
            )
            quote = self._gear.venue.quote(one.symbol)
            verdict = self._ruling.judge(intent, now)
            if isinstance(verdict, Approved):
                self.desk.execute(verdict, quote.bid, now + 300_000)

    def _rebuild(self, unit: UnitOfWork) -> None:
        """Book everything again in the order in which it was written."""
        fills: dict[str, FillRecord] = {
            f"fill:{one.symbol}:{one.trade_id}": one for one in unit.fills.all(self._gear.account)
        }
        for entry in unit.ledger.all(self._gear.account):
            self._again(entry, fills)

    def _again(self, entry: LedgerRecord, fills: dict[str, FillRecord]) -> None:
        if entry.kind == "deposit":
            self._books.open(entry.occurred_at, entry.recorded_at)
        elif entry.kind == "fill":
            self._books.fill(fills[entry.reference])
        else:
            self._books.refund(entry)
