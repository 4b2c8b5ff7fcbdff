"""S8: a session of weeks on five-minute bars, and nothing grows that should not.

Four symbols at a simulated exchange with faults of all kinds, a SQLite file, a death each day. Time
jumps from one thing that is due to the next, in one thread; the process is a fresh one, so that its
memory, threads and descriptors are those of the session and of the exchange alone.
"""

from __future__ import annotations

import gc
import multiprocessing
import resource
import tempfile
import threading
import time
import tracemalloc
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from multiprocessing.connection import Connection
from pathlib import Path

from mettle.adapters.persistence.sql import SqlStore
from mettle.adapters.system import PhiloxRandomness, SequentialIds, SimulatedClock
from mettle.adapters.system.kill_switch import FileKillSwitch
from mettle.adapters.venues.exchange import (
    BarPath,
    ExchangeRules,
    ExchangeVenue,
    Fault,
    FaultPlan,
    SimulatedExchange,
)
from mettle.application.control import Command, ControlGear
from mettle.application.journal import ControlVerb
from mettle.application.ports.unit_of_work import Store
from mettle.domain.errors import DataError, RefusedForSafety, StorageError, VenueError
from mettle.domain.risk import RiskProfile
from mettle.domain.simulation import SimulationSettings

from .feed import Candles
from .markets import START, candles
from .parts import Part, Scale
from .players import WARM_UP, SessionGear, run_session
from .scheduler import Crash
from .sinks import WorldNotifier

ACCOUNT = "sim:exchange:main"
NAMES = ("BTC/USDT", "ETH/USDT", "SOL/USDT", "BTC/USDT:USDT")
MINUTE = 60_000
DAY = 1_440 * MINUTE
GROWTH = 0.05
"""How much more memory the last day may need than the first after the warm-up."""
_DAYS = {Scale.SHORT: 1.0, Scale.CI: 1.0, Scale.NIGHTLY: 30.0, Scale.RELEASE: 30.0}
_TRACED = {Scale.SHORT: 0.125, Scale.CI: 0.25, Scale.NIGHTLY: 2.0, Scale.RELEASE: 2.0}
_WARM = 3.0
"""Days after which the exchange forgets as much as it remembers; half of a shorter run."""
_ENOUGH_S = 600.0
_LONG = 30.0
"""Days from which on the time counts."""
_PERSONAL = (Fault.BALANCE_MOVED, Fault.LIQUIDATION, Fault.FOREIGN_ORDER, Fault.STOP_LOCKS_BALANCE)
"""Faults after which a person is needed before trading goes on."""
_SETTINGS = SimulationSettings(
    initial_cash=100_000 * 10**8, leverage=2, allow_short=True, gross_limit=10_000, ruin_level=0
)


@dataclass
class Sample:
    """The process at the end of a day; sizes in bytes.

    Attributes:
        blocks: What the product's own code holds, by tracemalloc; 0 where it is off.
    """

    day: float
    resident: int
    blocks: int
    threads: int
    descriptors: int
    database: int
    orders: int


@dataclass
class Between:
    """The process when one of its lives has ended and the next has not begun."""

    day: float
    threads: int
    descriptors: int


@dataclass
class Soaked:
    """What came of it."""

    days: float
    samples: list[Sample] = field(default_factory=list)
    ends: dict[str, int] = field(default_factory=dict)
    faults: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    bars: int = 0
    wrong: list[str] = field(default_factory=list)
    between: list[Between] = field(default_factory=list)

    def leaked(self, name: str) -> int:
        """Return how many more there are after the last life than after the first one grown up.

        While a process lives it may hold a connection more or less to its database, as its pool
        sees fit; once it has ended it holds none.
        """
        warm = next(one for one in self.between if one.day >= self._warm_day)
        more: int = getattr(self.between[-1], name) - getattr(warm, name)
        return more

    def growth(self, name: str) -> float:
        """Return by what share a size has grown since the warm-up."""
        first, last = getattr(self.warm, name), getattr(self.samples[-1], name)
        return (last - first) / first if first else 0.0

    @property
    def warm(self) -> Sample:
        """The first sample after the warm-up."""
        return next(one for one in self.samples if one.day >= self._warm_day)

    @property
    def _warm_day(self) -> float:
        return min(_WARM, self.days / 2) - 0.01


class Soak:
    """One session and its exchange."""

    def __init__(self, days: float, folder: Path, *, every: int = DAY) -> None:
        self.found = Soaked(days)
        self._database = folder / "mettle.db"
        self._every = every
        start = START + WARM_UP * 5 * MINUTE
        self._end = start + int(days * DAY)
        self._next = start + every
        self._start = start
        self._clock = SimulatedClock(start)
        self._randomness = PhiloxRandomness(8)
        self._panel = candles(NAMES, WARM_UP + int(days * 288) + 288, 8, "5m", 0.001)
        paths = {
            one.symbol: BarPath(self._panel, one.symbol, self._randomness, ticks=12)
            for one in self._panel.instruments
        }
        self._calm = int(min(120 * MINUTE, days * DAY // 3))
        faults = FaultPlan.storm(0.3, ends_at=self._end - self._calm, without=_PERSONAL)
        rules = ExchangeRules(leverage=4, third_asset="BNB", retain_ms=DAY)
        self._exchange = SimulatedExchange(
            self._panel.instruments, paths, self._clock, self._randomness, rules, faults
        )
        self._exchange.open_account(ACCOUNT, {"USDT": Decimal(100_000), "BNB": Decimal(10)})
        self._exchange.set_third_price("USDT", 500 * 10**8)
        self._switch = FileKillSwitch(folder / "kill")
        self._ids = SequentialIds()
        self._lives = 0
        self._ends: Counter[str] = Counter()

    def live(self) -> Soaked:
        """Live through all days; the session is started again whatever ended it."""
        began, cpu = time.monotonic(), time.process_time()
        while self._clock.now_ms() < self._end:
            try:
                self._one_life()
                self._ends["end"] += 1
            except (Crash, StorageError, VenueError, RefusedForSafety, DataError) as error:
                self._ends[type(error).__name__] += 1
            gc.collect()  # a dead process keeps nothing, and the next one is this one here
            self.found.between.append(Between(self._day(), threading.active_count(), _open_files()))
            self._clock.advance(5_000)
        self.found.ends = dict(self._ends)
        self.found.faults = sum(self._exchange.faults.struck.values())
        self.found.seconds = time.monotonic() - began
        self.found.cpu_seconds = time.process_time() - cpu
        self._judge()
        return self.found

    def _one_life(self) -> None:
        self._lives += 1
        with SqlStore(self._database) as store:
            venue = ExchangeVenue(
                self._exchange, ACCOUNT, self._clock, self._randomness, connection=self._lives
            )
            try:
                run_session(self._gear(store, venue), self._watch(store))
            finally:
                venue.close()

    def _gear(self, store: Store, venue: ExchangeVenue) -> SessionGear:
        feed = Candles(self._panel, WARM_UP, self._exchange, ACCOUNT)
        rest = self._end - self._calm * 3 // 4
        return SessionGear(
            "soak",
            ACCOUNT,
            feed,
            venue,
            store,
            self._clock,
            self._switch,
            WorldNotifier(lambda *_: None),
            RiskProfile("open", leverage=None),
            _SETTINGS,
            lambda _: None,
            lambda: self._clock.now_ms() >= rest,
        )

    def _watch(self, store: Store) -> Callable[[], bool]:
        """Return what is asked between two steps: it looks at the clock, and kills once a day."""

        def asked() -> bool:
            now = self._clock.now_ms()
            if now < self._next:
                return now >= self._end
            self._next += self._every
            self._sample(store, now)
            self._command(store)
            if now < self._end - DAY // 2:
                raise Crash("a death a day")
            return now >= self._end

        return asked

    def _command(self, store: Store) -> None:
        """Do what an operator does in the morning: acknowledge and resume."""
        gear = ControlGear(store, self._clock, self._ids)
        with store.writing() as unit:
            for verb in (ControlVerb.ACKNOWLEDGE, ControlVerb.RESUME):
                unit.controls.add(Command(ACCOUNT, verb, "operator").record(gear))
            unit.commit()

    def _sample(self, store: Store, now: int) -> None:
        gc.collect()
        with store.reading() as unit:
            orders = len(unit.orders.since(ACCOUNT, now - self._every))
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        files = [self._database, self._database.with_name("mettle.db-wal")]
        self.found.samples.append(
            Sample(
                self._day(),
                pages * resource.getpagesize(),
                _own_blocks(),
                threading.active_count(),
                _open_files(),
                sum(one.stat().st_size for one in files if one.exists()),
                orders,
            )
        )

    def _day(self) -> float:
        return round((self._clock.now_ms() - self._start) / DAY, 2)

    def _judge(self) -> None:
        """Hold the journal against the exchange once the faults are over."""
        wrong = self.found.wrong
        told = self._exchange.account(ACCOUNT)
        with SqlStore(self._database) as store, store.reading() as unit:
            self.found.bars = unit.decisions.count(ACCOUNT)
            held = unit.ledger.balances(ACCOUNT)
            wrong += [
                f"{one.client_order_id} never ended: {one.state}"
                for one in unit.orders.possibly_live(ACCOUNT)
            ]
        for one in self._panel.instruments:
            if one.symbol.is_perpetual:
                ours = held.get(("contracts", str(one.symbol)), Decimal(0))
                theirs = told.positions.get(one.symbol, 0) * one.lot_size
            else:
                ours = held.get(("wallet", one.symbol.base), Decimal(0))
                theirs = told.balances.get(one.symbol.base, Decimal(0))
            if abs(ours - theirs) >= one.lot_size:
                wrong.append(f"{one.symbol}: {ours} in our books, {theirs} at the exchange")
        self._exchange.audit()


def _open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def _own_blocks() -> int:
    """Return what the product holds; the exchange remembers its trades, and is none of it."""
    if not tracemalloc.is_tracing():
        return 0
    parts = ("application", "domain", "adapters/persistence", "adapters/features")
    own = [tracemalloc.Filter(inclusive=True, filename_pattern=f"*/{part}/*") for part in parts]
    shown = tracemalloc.take_snapshot().filter_traces(own)
    return sum(one.size for one in shown.statistics("filename"))


def soak(days: float, told: Connection, every: int, *, traced: bool) -> None:
    """Be the process that is measured."""
    if traced:
        tracemalloc.start(1)
    memory = Path("/dev/shm")  # noqa: S108  what a disk costs is measured elsewhere
    where = memory if memory.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="soak-", dir=where) as folder:
        told.send(Soak(days, Path(folder), every=every).live())


def alone(days: float, *, traced: bool = False, every: int = DAY) -> Soaked:
    """Soak in a process of its own."""
    context = multiprocessing.get_context("spawn")
    mine, theirs = context.Pipe()
    process = context.Process(target=soak, args=(days, theirs, every), kwargs={"traced": traced})
    process.start()
    theirs.close()
    try:
        found: Soaked = mine.recv()
    finally:
        process.join()
        mine.close()
    return found


def measure(scale: Scale, processes: int) -> Part:
    """Soak for days, and one day more under tracemalloc, which would slow the long one down."""
    del processes
    days, less = _DAYS[scale], _TRACED[scale]
    whole = alone(days, every=DAY if days > _WARM else DAY // 8)
    return part_of(whole, alone(less, traced=True, every=int(less * DAY) // 8))


def part_of(found: Soaked, traced: Soaked) -> Part:
    """Return the figures as a part of the scoreboard."""
    samples = found.samples
    threads, files = found.leaked("threads"), found.leaked("descriptors")
    memory = found.growth("resident")
    # A share of what the process needs: what the product holds itself is a few hundred kilobytes.
    more = traced.samples[-1].blocks - traced.warm.blocks
    blocks = more / traced.warm.resident
    a_day = round((samples[-1].database - samples[0].database) / (samples[-1].day - samples[0].day))
    projected = found.cpu_seconds * 30 / found.days
    figures: dict[str, object] = {
        **asdict(found),
        "memory_growth": round(memory, 4),
        "traced_growth": round(blocks, 4),
        "traced_bytes": [one.blocks for one in traced.samples],
        "threads_leaked": threads,
        "descriptors_leaked": files,
        "database_bytes_a_day": a_day,
        "cpu_seconds_for_30_days": round(projected, 1),
    }
    lines = [
        "| day | resident MB | threads | descriptors | database MB | orders |",
        "|--:|--:|--:|--:|--:|--:|",
    ]
    lines += [
        f"| {one.day} | {one.resident / 1e6:.1f} | {one.threads} | {one.descriptors} "
        f"| {one.database / 1e6:.2f} | {one.orders} |"
        for one in samples
    ]
    lines.append(f"\nThe database grows by {a_day / 1e6:.2f} MB a day; lives ended: {found.ends}.")
    lines += [f"- {one}" for one in found.wrong]
    leaks = max(memory, blocks) >= GROWTH or threads > 0 or files > 0
    # A day's time is shown and not judged: what else the machine does would decide.
    in_time = found.days < _LONG or projected <= _ENOUGH_S
    holds = in_time and not (leaks or found.wrong or traced.wrong)
    summary = (
        f"{found.days:g} days, {found.bars} bars in {found.seconds:.0f} s ({found.cpu_seconds:.0f} "
        f"of CPU; 30 days {projected:.0f}), {found.faults} faults, memory {memory:+.1%}, "
        f"traced {more / 1e3:+.0f} kB ({blocks:+.1%}), {threads} threads and {files} descriptors "
        f"leaked, {len(found.wrong)} differences"
    )
    target = "memory < +5 %, no leaked thread or descriptor"
    if found.days >= _LONG:
        target = f"30 days in 600 s of CPU, {target}"
    return Part("soak", figures, target, holds, summary, lines)
