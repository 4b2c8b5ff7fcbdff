"""S3 with real processes: a trader is killed with SIGKILL again and again, the exchange lives on.

The exchange is a process of its own behind a socket; the trader's journal is a SQLite file on a
real disk, synced in full. Half of the deaths come at an enumerated commit or call, half at whatever
moment it is. At the end nobody dies any more, and the journal must be what the exchange says.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from decimal import Decimal
from multiprocessing.context import ForkServerContext
from typing import Any

from mettle.adapters.persistence.sql import SqlStore
from mettle.application.ports.unit_of_work import Store
from mettle.application.ports.venue import RepeatedId, VenueFill, VenueFunding, VenueOrder
from mettle.domain.market import Instrument, Symbol
from mettle.domain.orders import intent_id

from ..loopback.client import LoopbackVenue
from ..loopback.server import ACCOUNT, Place, serve
from ..loopback.trader import Life, live
from .markets import START
from .oracle.ending import EndRules
from .oracle.view import JournalView
from .oracle.violations import Findings
from .players import WARM_UP

MINUTE = 60_000
SPEED = 30.0
"""Simulated seconds a real second."""
NAMES = ("BTC/USDT", "ETH/USDT", "BTC/USDT:USDT")
BEGIN_MS = START + WARM_UP * MINUTE + 50_000
_PATIENCE_S = 60.0
_NOT_TOLD = 255
"""What the fork server says of a process that ended, where it could not read how."""


@dataclass
class Audit:
    """The exchange's truth at one moment; implements ``Truth``."""

    instruments: Sequence[Instrument]
    told: Mapping[str, Any]

    def orders(self, client_order_id: str) -> Sequence[VenueOrder]:
        """Return every order under one of our ids."""
        return [one for one in self.told["orders"] if one.client_order_id == client_order_id]

    def placed(self) -> Sequence[VenueOrder]:
        """Return every order of ours."""
        found: list[VenueOrder] = self.told["orders"]
        return found

    def fills(self) -> Sequence[VenueFill]:
        """Return every execution."""
        found: list[VenueFill] = self.told["fills"]
        return found

    def funding(self) -> Sequence[VenueFunding]:
        """Return every settlement."""
        found: list[VenueFunding] = self.told["funding"]
        return found

    def balances(self) -> Mapping[str, Decimal]:
        """Return what the account holds."""
        found: Mapping[str, Decimal] = self.told["balances"]
        return found

    def positions(self) -> Mapping[Symbol, int]:
        """Return signed lots of each perpetual."""
        found: Mapping[Symbol, int] = self.told["positions"]
        return found

    def now(self) -> int:
        """Return the exchange's clock."""
        return int(self.told["now"])


@dataclass
class Real:
    """What became of one exchange and its trader.

    Attributes:
        deaths: By how they came.
        lost, doubled: What was wrong at the end, in words.
    """

    policy: str
    deaths: Counter[str] = field(default_factory=Counter)
    orders: int = 0
    fills: int = 0
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)


def view_of(store: Store) -> JournalView:
    """Return the journal as its tables have it."""
    view = JournalView()
    with store.reading() as unit:
        for order in unit.orders.since(ACCOUNT, 0):
            view.put_order(order, new=True)
        for fill in unit.fills.all(ACCOUNT):
            view.put_fill(fill)
        for entry in unit.ledger.all(ACCOUNT):
            view.put_entry(entry)
        for order_id in [one.client_order_id for one in unit.orders.possibly_live(ACCOUNT)]:
            view.possibly_live[order_id] = None
    return view


def differences(view: JournalView, audit: Audit) -> list[str]:
    """Return what is lost: known to one side only, or not the same on both."""
    found = EndRules(view, audit, Findings(), ACCOUNT).differences()
    found += [
        f"the exchange has {one.client_order_id}, the journal has not"
        for one in audit.placed()
        if one.client_order_id not in view.orders
    ]
    found += [f"{order_id} never ended" for order_id in view.possibly_live]
    ours = view.balances.get(("wallet", "USDT"), Decimal(0))
    if ours != (theirs := audit.balances()["USDT"]):
        found.append(f"USDT: {ours} in our books, {theirs} at the exchange")
    return found


def doubles(view: JournalView, audit: Audit) -> list[str]:
    """Return what is there twice."""
    seen = Counter(audit.told["received"])
    found = [f"{order_id} was sent {count} times" for order_id, count in seen.items() if count > 1]
    filled: Counter[str] = Counter()
    for one in audit.placed():
        if one.client_order_id in view.orders:
            filled[intent_id(view.orders[one.client_order_id].intent)] += one.filled
    for order in view.orders.values():
        key = intent_id(order.intent)
        if filled[key] > order.intent.lots:
            found.append(f"intent {key}: {filled[key]} lots filled of {order.intent.lots}")
    return found


def context() -> ForkServerContext:
    """Return processes that start quickly, with the libraries loaded already."""
    found = multiprocessing.get_context("forkserver")
    found.set_forkserver_preload(["tests.support.loopback.trader", "tests.support.loopback.server"])
    return found


@contextmanager
def exchange(place: Place) -> Iterator[int]:
    """Have the exchange's process; yield its port."""
    processes = context()
    mine, theirs = processes.Pipe()
    server = processes.Process(target=serve, args=(place, theirs), daemon=True)
    server.start()
    try:
        if not mine.poll(_PATIENCE_S):
            raise TimeoutError("the exchange's process did not start")
        yield int(mine.recv())
    finally:
        server.kill()
        server.join()


def torment(policy: str, kills: int, seed: int) -> Real:
    """Kill the trader of one exchange so often, then let it come right, and judge."""
    chance, real = random.Random(seed), Real(policy)  # noqa: S311  not for secrets
    place = Place(NAMES, policy, BEGIN_MS, time.monotonic(), SPEED)
    with tempfile.TemporaryDirectory(prefix="sigkill-") as folder, exchange(place) as port:
        for number in range(kills):
            real.deaths[_one_life(place, port, folder, number, chance)] += 1
        now = place.clock.now_ms()
        last = Life(place, port, folder, rest=now, until=now + 4 * MINUTE)
        trader = context().Process(target=live, args=(last,), daemon=True)
        trader.start()
        trader.join(4 * MINUTE / 1_000 / SPEED + _PATIENCE_S)
        if trader.exitcode != 0:
            real.lost.append(f"the last life ended with {trader.exitcode}")
            trader.kill()
        with closing(LoopbackVenue(port)) as line:
            audit = Audit(place.panel.instruments, line.ask("audit"))
        with SqlStore(last.database) as store:
            view = view_of(store)
    real.orders, real.fills = len(view.orders), len(view.fills)
    real.lost += differences(view, audit)
    real.doubled += doubles(view, audit)
    return real


def _one_life(place: Place, port: int, folder: str, number: int, chance: random.Random) -> str:
    """Live until killed; return how."""
    at = chance.randint(1, 150) if number % 2 else 0
    trader = context().Process(
        target=live, args=(Life(place, port, folder, die_at=at),), daemon=True
    )
    trader.start()
    if at:
        trader.join(_PATIENCE_S)
    else:
        time.sleep(chance.uniform(0.3, 2.5))
    killed = trader.exitcode is None
    if killed and trader.pid is not None:
        with suppress(ProcessLookupError):
            os.kill(trader.pid, signal.SIGKILL)
    trader.join()
    lost_code = killed and trader.exitcode == _NOT_TOLD
    if trader.exitcode != -signal.SIGKILL and not lost_code:
        return f"ended with {trader.exitcode}"
    return "at random" if killed else "at a commit or call"


def torments(kills: int, at_once: int, seed: int = 1) -> list[Real]:
    """Share the deaths out among exchanges of every kind."""
    policies = [one.name for one in RepeatedId]
    shares = [kills // len(policies) + (at < kills % len(policies)) for at in range(len(policies))]
    with ThreadPoolExecutor(max(1, at_once)) as pool:
        return list(pool.map(torment, policies, shares, range(seed, seed + len(policies))))


def killed(found: Iterable[Real]) -> int:
    """Return how many deaths were by SIGKILL."""
    return sum(one.deaths["at random"] + one.deaths["at a commit or call"] for one in found)
