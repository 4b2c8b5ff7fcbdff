"""One trading session, one exchange, one trouble: the small worlds of the named incidents.

Everything runs on one simulated clock in one thread. The course is always the same: trouble, then
five minutes without decisions in which every intent has to end, then trading again, then rest.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from mettle.adapters.features.native import NativeFeatures
from mettle.adapters.notification import MemoryNotifier
from mettle.adapters.persistence.memory import MemoryStore
from mettle.adapters.persistence.sql import SqlStore
from mettle.adapters.system import PhiloxRandomness, SimulatedClock
from mettle.adapters.system.kill_switch import MemoryKillSwitch
from mettle.adapters.venues.exchange import (
    BarPath,
    ExchangeRules,
    ExchangeVenue,
    Fault,
    FaultPlan,
    FeeMode,
    SimulatedExchange,
)
from mettle.application.journal import RunRecord
from mettle.application.ports.agent import Agent
from mettle.application.ports.clock import Clock
from mettle.application.ports.kill_switch import KillSwitch
from mettle.application.ports.notifier import Notifier
from mettle.application.ports.unit_of_work import Store
from mettle.application.ports.venue import Acknowledgement, CancelAnswer, OrderRequest
from mettle.application.session.plan import Gear, SessionPlan
from mettle.application.session.session import TradingSession
from mettle.domain.errors import DataError, MettleError, RefusedForSafety, StorageError
from mettle.domain.market import Symbol
from mettle.domain.orders import ExecutionPolicy
from mettle.domain.risk import RiskEngine, RiskProfile
from mettle.domain.simulation import SimulationSettings
from tests.support.dst.exchange_truth import ExchangeTruth
from tests.support.dst.feed import Candles
from tests.support.dst.markets import START, candles
from tests.support.dst.players import Moody

MINUTE = 60_000
SECOND = 1_000
ACCOUNT = "sim:exchange:main"
SPOT, PERPETUAL = "BTC/USDT", "ETH/USDT:USDT"
NAMES = (SPOT, PERPETUAL)

_FIRST_BAR = 465
BEGIN = START + _FIRST_BAR * MINUTE
"""A quarter of an hour before a funding settlement."""
CALM = BEGIN + 20 * MINUTE
"""From here on nothing goes wrong any more."""
SETTLED = CALM + 5 * MINUTE
"""Until here every intent of before must have ended."""
REST = SETTLED + 8 * MINUTE
END = REST + 18 * MINUTE
"""More than two reconciliations after the faults have ended."""

OPEN_PROFILE = RiskProfile("open", leverage=None)
MARGIN = SimulationSettings(
    initial_cash=100_000 * 10**8, leverage=2, allow_short=True, gross_limit=10_000, ruin_level=0
)


@contextmanager
def fast_folder(otherwise: Path) -> Iterator[Path]:
    """Yield a folder in memory where there is one: what a disk costs is measured elsewhere."""
    memory = Path("/dev/shm")  # noqa: S108  a file system of the machine, no name to guess
    if not memory.is_dir():
        yield otherwise
        return
    with tempfile.TemporaryDirectory(prefix="incident-", dir=memory) as folder:
        yield Path(folder)


class Crash(BaseException):
    """The process is gone, in the middle of whatever it did."""


class WrongClock(SimulatedClock):
    """The clock of a machine that is ``skew_ms`` off the world's."""

    def __init__(self, world: SimulatedClock, skew_ms: int = 0) -> None:
        super().__init__(world.now_ms())
        self._world = world
        self.skew_ms = skew_ms

    def now_ms(self) -> int:
        """Return what this machine takes for the time."""
        return self._world.now_ms() + self.skew_ms

    def monotonic(self) -> float:
        """Return the world's seconds: setting a clock does not touch them."""
        return self._world.monotonic()

    def sleep_until(self, time_ms: int) -> None:
        """Let the world go on until this clock shows ``time_ms``."""
        self._world.sleep_until(time_ms - self.skew_ms)


class Line(ExchangeVenue):
    """A connection that remembers the answers to orders, and at which a process may die.

    Attributes:
        passing: Told of ``before create``, ``after create``, ``before cancel``, ``after cancel``.
    """

    answers: dict[str, list[Acknowledgement]]
    passing: Callable[[str], None]

    def create(self, request: OrderRequest) -> Acknowledgement:
        """Send an order once."""
        self.passing("before create")
        answer = super().create(request)
        self.answers.setdefault(request.client_order_id, []).append(answer)
        self.passing("after create")
        return answer

    def cancel(self, symbol: Symbol, client_order_id: str) -> CancelAnswer:
        """Ask to end an order."""
        self.passing("before cancel")
        answer = super().cancel(symbol, client_order_id)
        self.passing("after cancel")
        return answer


@dataclass
class Incident:
    """A world; ``live`` lets it go on.

    Attributes:
        plan: What goes wrong at the exchange.
        clock: The world's time.
        skewed: The session's own clock.
        ends: Why lives of the session ended.
        wrap: Puts something between the session and its database.
        tolerated: Errors that may end a life; the supervisor starts the next.
        pause: How long the supervisor takes for that, milliseconds.
    """

    plan: FaultPlan
    folder: Path | None = None
    names: tuple[str, ...] = NAMES
    rules: ExchangeRules = field(default_factory=lambda: ExchangeRules(third_asset="BNB"))
    profile: RiskProfile = OPEN_PROFILE
    settings: SimulationSettings = MARGIN
    policy: ExecutionPolicy = field(default_factory=ExecutionPolicy)
    agent: Agent | None = None
    notifier: Notifier = field(default_factory=MemoryNotifier)
    switch: KillSwitch = field(default_factory=MemoryKillSwitch)
    deposits: Mapping[str, Decimal] = field(default_factory=dict)
    skew_ms: int = 0
    swing: float = 0.001
    seed: int = 5
    bars: int = 60
    tolerated: tuple[type[MettleError], ...] = ()
    pause: int = 2 * SECOND
    holder: str = "main"

    def __post_init__(self) -> None:
        self.clock = SimulatedClock(BEGIN)
        self.skewed = WrongClock(self.clock, self.skew_ms)
        self.randomness = PhiloxRandomness(self.seed)
        self.panel = candles(self.names, _FIRST_BAR + self.bars, self.seed, swing=self.swing)
        paths = {
            one.symbol: BarPath(self.panel, one.symbol, self.randomness, ticks=12)
            for one in self.panel.instruments
        }
        instruments = self.panel.instruments
        self.exchange = SimulatedExchange(
            instruments, paths, self.clock, self.randomness, self.rules, self.plan
        )
        cash = Decimal(self.settings.initial_cash) / 10**8
        self.exchange.open_account(ACCOUNT, {"USDT": cash, **self.deposits}, fee_mode=FeeMode.QUOTE)
        self.exchange.set_third_price("USDT", 500 * 10**8)
        self.truth = ExchangeTruth(self.exchange, ACCOUNT, instruments)
        self.feed = Candles(self.panel, _FIRST_BAR, self.exchange, ACCOUNT)
        file = None if self.folder is None else self.folder / "mettle.db"
        self.store: Store = MemoryStore() if file is None else SqlStore(file, lock_timeout_s=0.05)
        self.wrap: Callable[[Store], Store] = lambda store: store
        self.passing: Callable[[str], None] = lambda _: None
        self.answers: dict[str, list[Acknowledgement]] = {}
        self.session: TradingSession | None = None
        self.ends: list[BaseException] = []
        self.broken: list[str] = []
        self.together: list[tuple[str, ...]] = []
        self.placed_at: dict[str, int] = {}
        self.line: Line | None = None
        self.lives = 0
        self.exchange.watch(self._watch)

    def _watch(self, kind: str, account: str, record: object) -> None:
        """Judge what reaches the exchange: written ahead, and alone under its intent."""
        client_id = getattr(getattr(record, "new", record), "client_id", "")
        if account != ACCOUNT or kind not in {"create", "order"} or client_id.startswith("manual-"):
            return
        if kind == "create":
            with self.store.reading() as unit:
                if unit.orders.find(client_id) is None:
                    self.broken.append(f"I4: {client_id} came without a written attempt")
            return
        working = self.exchange.floor.account(ACCOUNT).working.values()
        self.placed_at[client_id] = self.exchange.floor.now
        self.together.append(tuple(one.new.client_id for one in working))

    def fired(self, fault: Fault) -> int:
        """Return how often a fault struck."""
        return sum(count for (one, _), count in self.exchange.faults.fired.items() if one is fault)

    @property
    def now(self) -> int:
        """The world's time."""
        return self.clock.now_ms()

    def resting(self) -> bool:
        """Return whether the agent holds everything just now."""
        return CALM - MINUTE <= self.now < SETTLED or self.now >= REST

    # Lives.

    def new_session(self, holder: str, clock: Clock | None = None) -> TradingSession:
        """Return a session as a process of this account would have it, with a line of its own."""
        clock = clock or self.skewed
        agent = self.agent or Moody(lambda _: None, self.resting, calm=0.4, bad=0.0)
        store = self.wrap(self.store)
        with self.store.writing() as unit:
            if unit.runs.find(ACCOUNT) is None:
                unit.runs.add(self._record())
                unit.commit()
        self.lives += 1
        self.line = Line(self.exchange, ACCOUNT, clock, self.randomness, connection=self.lives)
        self.line.answers, self.line.passing = self.answers, self._pass
        plan = SessionPlan(
            ACCOUNT,
            self.panel.instruments,
            self.panel.timeframe,
            self.settings,
            grace_ms=SECOND,
            snapshot_every=8,
            account=ACCOUNT,
            environment="testnet",
            holder=holder,
            policy=self.policy,
        )
        return TradingSession(
            plan,
            Gear(
                agent,
                self.feed.feed(clock),
                self.line,
                NativeFeatures(1).stream(self.panel, agent.feature_set),
                store,
                clock,
                clock,
                RiskEngine(self.profile),
                self.switch,
                self.notifier,
            ),
        )

    def _pass(self, place: str) -> None:
        self.passing(place)

    def _record(self) -> RunRecord:
        return RunRecord(
            ACCOUNT, "paper", "moody", "1m", self.names, "exchange", "USDT",
            self.settings.initial_cash, "{}", synthetic=True, created_at=BEGIN,
        )  # fmt: skip

    def live(self, until: int) -> Incident:
        """Go on until an instant; a life that ends for a tolerated reason is followed by another.

        Raises:
            MettleError: If the session ends for a reason that is not tolerated.
        """
        while self.now < until:
            try:
                if self.session is None:
                    self.session = self.new_session(self.holder)
                    self.session.start()
                self._turn(self.session, until)
            except Crash as error:
                self.die(error)
            except MettleError as error:
                if not self._is_honest(error):
                    raise
                self.die(error)
        self.exchange.sync()
        return self

    def _is_honest(self, error: MettleError) -> bool:
        if isinstance(error, StorageError):
            words = str(error)
            return "simulated" in words or "locked" in words
        return isinstance(error, self.tolerated)

    def _turn(self, session: TradingSession, until: int) -> None:
        due = session.next_due()
        assert due is not None, "the bars have ended"
        self.clock.sleep_until(min(until, max(due - self.skewed.skew_ms, self.now + 1)))
        if self.now < until:
            session.step()

    def die(self, why: BaseException | None = None, pause: int | None = None) -> None:
        """End this life without a word, and let the supervisor take its time."""
        if self.session is not None:
            self.session.close()
        if self.line is not None:
            self.line.close()
        self.session = None
        self.ends.append(why or Crash("killed"))
        self.clock.advance(self.pause if pause is None else pause)
        self.exchange.sync()

    def count_ends(self) -> Counter[str]:
        """Return how often lives ended, by reason."""
        return Counter(type(one).__name__ for one in self.ends)

    def close(self) -> None:
        """Let go of the database."""
        if self.session is not None:
            self.session.close()
        self.store.close()


FEED_ERRORS: tuple[type[MettleError], ...] = (DataError,)
LEASE_ERRORS: tuple[type[MettleError], ...] = (RefusedForSafety,)
