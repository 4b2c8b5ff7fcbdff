"""The kill of a trader that hangs: a real process under SIGSTOP, killed from another process."""

from __future__ import annotations

import os
import signal
import sqlite3
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path

from mettle.adapters.persistence.sql import SqlStore
from mettle.application.control.cancelling import Reach
from mettle.application.ports.venue import VenueOrder
from mettle.domain.errors import StorageError
from mettle.entrypoints.killing import kill_now

from ..loopback.client import LoopbackVenue
from ..loopback.server import ACCOUNT, Place
from ..loopback.trader import Life, live
from .sigkill import BEGIN_MS, Audit, context, differences, exchange, view_of

MINUTE = 60_000
_PATIENCE_S = 200.0
_SPEED = 10.0
"""Simulated seconds a real second: fifty orders one after the other are to leave in time."""


@dataclass
class Stopped:
    """What came of it.

    Attributes:
        took_ms: From the kill until no order of ours was live at the exchange, in real time:
            every request and every wait for the database is a real one.
        creates_before, creates_after: Creates that the exchange received until the kill, and
            after it, once the trader could go on too.
        broken: What was wrong.
    """

    resting: int = 0
    took_ms: int = -1
    creates_before: int = 0
    creates_after: int = 0
    database_problem: str = ""
    broken: list[str] = field(default_factory=list)

    def holds(self, enough: int, least: int) -> bool:
        """Return whether everything ended in time and nothing was sent."""
        in_time = 0 <= self.took_ms <= enough and self.resting >= least
        return in_time and not self.creates_after and not self.broken


def stopped(orders: int) -> Stopped:
    """Stop a trader with so many resting orders, kill it from here, let it go on, and judge."""
    names = tuple(f"A{at:02d}/USDT:USDT" for at in range(orders + 10))
    place = Place(
        names, "REFUSED", BEGIN_MS, time.monotonic(), _SPEED, swing=0.00002, cancel_errors=3
    )
    found = Stopped()
    with (
        tempfile.TemporaryDirectory(prefix="stopped-") as folder,
        exchange(place) as port,
        closing(LoopbackVenue(port)) as line,
    ):
        life = Life(place, port, folder, maker_wait=60 * MINUTE, bold=True)
        trader = context().Process(target=live, args=(life,), daemon=True)
        trader.start()
        pid = trader.pid or 0
        try:
            _wait(lambda: len(line.open_orders()) >= orders)
            os.kill(pid, signal.SIGSTOP)
            found.resting = len(line.open_orders())
            _kill(life, found, line)
            os.kill(pid, signal.SIGCONT)
            _wait(lambda: trader.exitcode is not None or _is_settled(life))
            audit = Audit(place.panel.instruments, line.ask("audit"))
            found.creates_after = len(audit.told["creates"]) - found.creates_before
        finally:
            trader.kill()
            trader.join()
        with SqlStore(life.database) as store:
            found.broken += differences(view_of(store), audit)
    return found


def _kill(life: Life, found: Stopped, line: LoopbackVenue) -> None:
    """Run the command's own code while nobody can write to the database."""
    sent = len(line.ask("audit")["creates"])
    began = time.monotonic()
    watched: list[float] = []

    class Watched(LoopbackVenue):
        def open_orders(self) -> Sequence[VenueOrder]:
            shown = list(super().open_orders())
            if not shown and not watched:
                watched.append(time.monotonic())
            return shown

    with closing(sqlite3.connect(life.database, isolation_level=None)) as other:
        with suppress(sqlite3.OperationalError):  # the one that hangs may hold the lock itself
            other.execute("BEGIN IMMEDIATE")
        with closing(Watched(life.port)) as venue:
            reach = {ACCOUNT: Reach("testnet", lambda: venue)}
            done = kill_now(
                Path(life.folder),
                lambda: str(life.database),
                reason="drill",
                reach=reach,
                clock=life.place.clock,
            )
        if other.in_transaction:
            other.execute("ROLLBACK")
    found.database_problem = done.database_problem
    if not done.database_problem:
        found.broken.append("the database could be written")
    if done.orders_left or done.venue_problem:
        found.broken.append(f"{done.orders_left} orders left: {done.venue_problem}")
    found.took_ms = round(1_000 * (watched[0] - began)) if watched else -1
    found.creates_before = sent


def _wait(happened: Callable[[], bool]) -> None:
    end = time.monotonic() + _PATIENCE_S
    while not happened():
        if time.monotonic() > end:
            raise TimeoutError("it did not happen")
        time.sleep(0.05)


def _is_settled(life: Life) -> bool:
    try:
        with SqlStore(life.database, lock_timeout_s=0.5) as store, store.reading() as unit:
            return not unit.orders.possibly_live(ACCOUNT) and not unit.intents.working(ACCOUNT)
    except StorageError:
        return False
