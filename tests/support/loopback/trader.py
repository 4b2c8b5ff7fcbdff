"""A process that trades on the loopback exchange: the real session on a SQLite file."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from mettle.adapters.notification import MemoryNotifier
from mettle.adapters.persistence.sql import SqlStore
from mettle.adapters.persistence.sql import store as sql_store
from mettle.adapters.system.kill_switch import FileKillSwitch
from mettle.application.ports.bar_feed import BarFeed
from mettle.application.ports.clock import Clock
from mettle.application.reconcile import ReconcilePlan
from mettle.domain.orders import ExecutionPolicy
from mettle.domain.risk import RiskProfile
from mettle.domain.simulation import SimulationSettings
from numpy.typing import NDArray

from ..dst.feed import Candles, PunctualFeed
from ..dst.players import WARM_UP, Moody, SessionGear, run_session
from .client import LoopbackVenue
from .clock import FastClock
from .server import ACCOUNT, Place


@dataclass(frozen=True)
class Life:
    """One life of the trader.

    Attributes:
        folder: Holds the database and the kill flags.
        die_at: At which commit or call it kills itself, counted from 1; 0 is never.
        until: When it is to end of itself, Unix milliseconds; before, from ``rest`` on, its agent
            holds.
        maker_wait: How long its makers wait, milliseconds.
        bold: Whether its agent wants a little of everything; else it changes its mind all the time.
    """

    place: Place
    port: int
    folder: str
    die_at: int = 0
    rest: int = 2**62
    until: int = 2**62
    maker_wait: int = 12_000
    bold: bool = False

    @property
    def database(self) -> Path:
        """The journal."""
        return Path(self.folder) / "mettle.db"

    @property
    def flags(self) -> Path:
        """Where the kill flags are."""
        return Path(self.folder) / "kill"


@dataclass(frozen=True)
class _Floor:
    """What a feed asks an exchange for."""

    floor: FastClock


class _FastCandles(Candles):
    def feed(self, clock: Clock) -> BarFeed:
        """Return a feed that never goes wrong."""
        return PunctualFeed(self, clock)


@dataclass(frozen=True)
class _Bold(Moody):
    """Buys a little of everything at each bar."""

    def decide(
        self, features: NDArray[np.float64], portfolio: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Return the same action for each asset."""
        return np.full(features.shape[1], 0.01, dtype=np.float32)


class _Trap:
    """Counts the places and dies at one of them."""

    def __init__(self, at: int) -> None:
        self._at = at
        self._passed = 0

    def passing(self, _: str) -> None:
        """Pass a place, or die there without any clean-up."""
        self._passed += 1
        if self._passed == self._at:
            os.kill(os.getpid(), signal.SIGKILL)

    def arm(self) -> None:
        """Count the commits of this process too."""
        commit = sql_store.SqlUnitOfWork.commit

        def counted(unit: sql_store.SqlUnitOfWork) -> None:
            self.passing("before commit")
            commit(unit)
            self.passing("after commit")

        setattr(sql_store.SqlUnitOfWork, "commit", counted)  # noqa: B010  the trap


def live(life: Life) -> None:
    """Live one life."""
    place, clock, trap = life.place, life.place.clock, _Trap(life.die_at)
    trap.arm()
    floor = cast("Any", _Floor(clock))
    with SqlStore(life.database, lock_timeout_s=1.0) as store:
        gear = SessionGear(
            "trader",
            ACCOUNT,
            _FastCandles(place.panel, WARM_UP, floor, ACCOUNT),
            LoopbackVenue(life.port, trap.passing),
            store,
            clock,
            FileKillSwitch(life.flags),
            MemoryNotifier(),
            RiskProfile("open", leverage=None),
            SimulationSettings(
                initial_cash=place.cash * 10**8,
                leverage=2,
                allow_short=True,
                gross_limit=10_000,
                ruin_level=0,
            ),
            lambda _: None,
            lambda: clock.now_ms() >= life.rest,
            calm=0.0,
            policy=ExecutionPolicy(maker_wait=life.maker_wait),
            agent=_Bold(lambda _: None, bool) if life.bold else None,
            reconcile=ReconcilePlan(interval=60_000),
        )
        run_session(gear, lambda: clock.now_ms() >= life.until)
