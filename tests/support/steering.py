"""An account, a session that answers, and people who give it commands."""

from __future__ import annotations

from dataclasses import dataclass, field

from mettle.adapters.system import RandomIds, SimulatedClock
from mettle.adapters.system.kill_switch import MemoryKillSwitch
from mettle.application.control import Command, ControlGear
from mettle.application.journal import ControlRecord, ControlVerb, LeaseRecord
from mettle.application.ports.unit_of_work import Store
from mettle.domain.errors import StorageError

ACCOUNT = "r"
"""The run that the contract tests' store begins with."""
START = 1_000_000


class Attended(SimulatedClock):
    """A clock in whose pauses the session of an account handles its commands.

    Args:
        answer: What it says to each; None is a session that hangs.
    """

    def __init__(self, store: Store, answer: str | None) -> None:
        super().__init__(START)
        self._store = store
        self._answer = answer

    def sleep_until(self, time_ms: int) -> None:
        """Let the session work, then go on."""
        super().sleep_until(time_ms)
        if self._answer is None:
            return
        with self._store.writing() as unit:
            for one in unit.controls.pending(ACCOUNT):
                unit.controls.handled(one.control_id, self.now_ms(), self._answer)
            unit.commit()


def gear(store: Store, answer: str | None = None) -> ControlGear:
    """Return what commands are given with, to a session that gives ``answer`` or hangs."""
    return ControlGear(store, Attended(store, answer), RandomIds())


def command(verb: ControlVerb, argument: str = "") -> Command:
    """Return a command of Ada's."""
    return Command(ACCOUNT, verb, "ada", argument)


def hold_lease(store: Store, until: int = START + 60_000, account: str = ACCOUNT) -> LeaseRecord:
    """Let a session hold the lease."""
    with store.writing() as unit:
        lease = unit.leases.acquire(account, "trader on vm", START, until)
        unit.commit()
    assert lease is not None
    return lease


def commands(store: Store, account: str = ACCOUNT) -> list[ControlRecord]:
    """Return every command, newest first."""
    with store.reading() as unit:
        return list(unit.controls.latest(account, 100))


@dataclass(slots=True)
class BrokenSwitch(MemoryKillSwitch):
    """Flags on a disk that is full."""

    _flags: dict[str, str] = field(default_factory=dict)

    def set(self, account: str, reason: str) -> None:
        """Fail."""
        raise StorageError(f"the kill flag of {account} cannot be written", mend="free some space")
