"""Commands to a running session: written down by anybody, handled by the session, awaited here.

A session answers each command with a short text. One that begins with :data:`REFUSED` says that it
will not do it.
"""

from __future__ import annotations

from dataclasses import dataclass

from ...domain.errors import NotRunning, RefusedForSafety, TimedOut
from ..journal import ControlRecord, ControlVerb
from ..ports.clock import Clock
from ..ports.ids import Ids
from ..ports.unit_of_work import Store, UnitOfWork
from .accounts import is_held

PATIENCE = 5_000
"""How long an answer is waited for, milliseconds."""
REFUSED = "refused: "
"""How an answer begins that says no."""

_GLANCE = 100
"""Milliseconds between two looks."""
_LOWERING = {ControlVerb.PAUSE, ControlVerb.REDUCE, ControlVerb.STOP, ControlVerb.KILL}
"""Commands that lower risk: they stay written down until a session has obeyed."""


@dataclass(frozen=True, slots=True)
class ControlGear:
    """What commands are given with.

    Attributes:
        clock: The wall clock: leases are held against it.
    """

    store: Store
    clock: Clock
    ids: Ids


@dataclass(frozen=True, slots=True)
class Command:
    """What somebody asks of the session of an account.

    Attributes:
        argument: A symbol, a breaker's name, a discrepancy's id, or empty.
        by: Who asks, for the audit.
    """

    account: str
    verb: ControlVerb
    by: str
    argument: str = ""

    def record(self, gear: ControlGear) -> ControlRecord:
        """Return the row to write down, under a fresh id."""
        now = gear.clock.now_ms()
        control_id = gear.ids.new("command")
        return ControlRecord(control_id, self.account, self.verb, self.argument, self.by, now)


def issue_command(gear: ControlGear, command: Command, patience: int = PATIENCE) -> ControlRecord:
    """Write a command down and wait for the session's answer.

    What would raise risk (resume, re-arm, reset, acknowledge) is withdrawn if no answer comes, so
    that it cannot take effect long after somebody asked for it. What lowers risk stays.

    Args:
        patience: How long to wait, milliseconds.

    Returns:
        The command as the session handled it; its ``outcome`` says what was done.

    Raises:
        NotRunning: If no session holds the account's lease.
        TimedOut: If the session did not answer in time.
        RefusedForSafety: If the session refused.
        StorageError: If the command cannot be written down.
    """
    asked = command.record(gear)
    with gear.store.writing() as unit:
        require_session(unit, command.account, gear.clock.now_ms())
        unit.controls.add(asked)
        unit.commit()
    answered = await_answer(gear, asked, patience)
    if answered is None and command.verb not in _LOWERING:
        answered = _withdraw(gear, asked)
    if answered is None:
        kept = command.verb in _LOWERING
        raise TimedOut(
            f"the session of {command.account!r} did not answer {command.verb.value!r} "
            f"within {patience / 1000:g} s",
            mend="it stays written down and is obeyed once the session reads it; "
            "`mettle kill` needs no answer"
            if kept
            else "the command was withdrawn; `mettle paper health` shows what the session does",
        )
    if answered.outcome.startswith(REFUSED):
        raise RefusedForSafety(
            f"the session of {command.account!r} refused {command.verb.value!r}: "
            f"{answered.outcome.removeprefix(REFUSED)}",
            mend="`mettle risk show` shows what stands against it",
        )
    return answered


def require_session(unit: UnitOfWork, account: str, now: int) -> None:
    """Raise NotRunning unless a session holds the account's lease."""
    lease = unit.leases.find(account)
    if not is_held(lease, now):
        what = "has no session" if lease is None else "has no session any more"
        raise NotRunning(f"{account!r} {what}", mend="`mettle status` shows what is running")


def await_answer(gear: ControlGear, asked: ControlRecord, patience: int) -> ControlRecord | None:
    """Return a command once a session has handled it; None if that takes too long."""
    end = gear.clock.now_ms() + patience
    while True:
        with gear.store.reading() as unit:
            found = unit.controls.find(asked.control_id)
        if found is not None and found.handled_at is not None:
            return found
        now = gear.clock.now_ms()
        if now >= end:
            return None
        gear.clock.sleep_until(min(now + _GLANCE, end))


def _withdraw(gear: ControlGear, asked: ControlRecord) -> ControlRecord | None:
    """Take a command back; return it if the session was quicker."""
    with gear.store.writing() as unit:
        found = unit.controls.find(asked.control_id)
        if found is not None and found.handled_at is not None:
            return found
        unit.controls.handled(
            asked.control_id, gear.clock.now_ms(), "withdrawn: no answer came in time"
        )
        unit.commit()
    return None
