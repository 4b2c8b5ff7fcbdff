"""The kill, wired apart from the container: it must work where settings or database do not."""

from __future__ import annotations

import getpass
import os
import platform
from collections.abc import Callable, Mapping
from pathlib import Path

from ..application.control.cancelling import OrderCanceller, Reach
from ..application.control.kill import KillGear, KillOrder, KillReport, kill
from ..application.ports.clock import Clock
from ..application.ports.kill_switch import EVERY_ACCOUNT, KillSwitch
from ..application.ports.unit_of_work import Store
from .places import KILL_FOLDER

_LOCK_TIMEOUT_S = 1.0
"""A trader that hangs may hold the database's write lock; a kill does not wait for it long."""


def operator() -> str:
    """Return who is at the keyboard, for the audit."""
    try:
        name = getpass.getuser()
    except (OSError, KeyError):  # a user without an entry, as in some containers
        name = f"user {os.getuid()}"
    return f"{name} on {platform.node() or 'this machine'}"


def kill_switch(home: Path) -> KillSwitch:
    """Return the kill flags of a workspace."""
    from ..adapters.system.kill_switch import FileKillSwitch

    return FileKillSwitch(home / KILL_FOLDER)


def kill_now(
    home: Path,
    database: Callable[[], str],
    account: str | None = None,
    *,
    flatten: bool = False,
    reason: str = "",
    reach: Mapping[str, Reach] | None = None,
    clock: Clock | None = None,
) -> KillReport:
    """Kill one account of a workspace, or everything in it.

    Args:
        database: Tells the database, and may fail with any error of ours.
        account: None is every account, also those that begin to trade later.
        reach: How to reach the venues of accounts, to cancel there while the trader hangs; then
            this takes until the last request on its way can no longer be accepted.
        clock: The machine's unless given.

    Raises:
        StorageError: If neither flag nor database could be written.
    """
    from ..adapters.system import RandomIds, SystemClock

    opened: list[Store] = []

    def open_store() -> Store:
        from ..adapters.persistence.sql import SqlStore

        store = SqlStore(database(), lock_timeout_s=_LOCK_TIMEOUT_S)
        opened.append(store)
        return store

    order = KillOrder(EVERY_ACCOUNT if account is None else account, operator(), reason, flatten)
    try:
        clock = clock or SystemClock()
        cancel = OrderCanceller(reach, clock) if reach else None
        gear = KillGear(kill_switch(home), clock, RandomIds(), open_store, cancel)
        return kill(order, gear)
    finally:
        for store in opened:
            store.close()
