"""What people ask of a running session: pause, resume, reduce, stop, kill, re-arm."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ...domain.risk import Mode
from ..journal import ControlRecord, ControlVerb
from ..ports.kill_switch import KillSwitch, flattens
from ..ports.unit_of_work import Store, UnitOfWork
from .guard import FLATTEN, KILL, OPERATOR, Guard

_MODES = {ControlVerb.PAUSE: Mode.PAUSED, ControlVerb.REDUCE: Mode.REDUCING}


Acknowledge = Callable[[UnitOfWork, str, str], str]
"""Takes a person's word about a discrepancy: its id and who says so; returns what came of it."""
Fence = Callable[[UnitOfWork], None]
"""Raises RefusedForSafety if somebody else holds the account's lease by now."""


@dataclass(slots=True)
class Wishes:
    """What was asked for and is not a mode.

    Attributes:
        stop: End between two bars.
        lease: Take the account's lease again: a kill has raised its epoch.
    """

    stop: bool = False
    lease: bool = False


class Controls:
    """Reads the commands of an account and carries them out.

    Args:
        since: When the session began, by the real world's clock.
    """

    def __init__(
        self,
        account: str,
        store: Store,
        guard: Guard,
        kill_switch: KillSwitch,
        acknowledge: Acknowledge,
        fence: Fence,
        since: int,
    ) -> None:
        self._since = since
        self._acknowledge = acknowledge
        self._fence = fence
        self._account = account
        self._store = store
        self._guard = guard
        self._kill_switch = kill_switch
        self.wishes = Wishes()

    def obey(self, now: int, reason: str | None) -> None:
        """Carry out what is pending, and take notice of the kill flag.

        Args:
            reason: Of the kill flag as it was just seen; None if it is not set.

        Raises:
            StorageError: If the commands cannot be read; the flag holds nevertheless.
            RefusedForSafety: If somebody else trades the account now: he is to obey them.
        """
        if reason is not None:
            self._guard.impose(KILL, Mode.KILLED, reason, now)
            if flattens(reason):
                self._guard.impose(FLATTEN, Mode.KILLED, reason, now)
        with self._store.reading() as unit:
            pending = unit.controls.pending(self._account)
        if not pending:
            return
        with self._store.writing() as unit:
            self._fence(unit)
            for control in pending:
                unit.controls.handled(control.control_id, now, self._do(unit, control, now))
            self._guard.commit(unit)

    def _do(self, unit: UnitOfWork, control: ControlRecord, now: int) -> str:
        verb, argument, by = control.verb, control.argument, control.issued_by
        if verb in _MODES:
            self._guard.impose(OPERATOR, _MODES[verb], f"{verb.value} by {by}", now, argument)
            return verb.value
        if verb is ControlVerb.RESUME:
            lifted = self._guard.lift(OPERATOR, now, argument)
            return "resumed" if lifted else "was not paused by an operator"
        if verb is ControlVerb.STOP:
            return self._stop(control)
        if verb is ControlVerb.RESET_BREAKER:
            return self._guard.reset_breaker(argument, by, now)
        if verb is ControlVerb.ACKNOWLEDGE:
            return self._acknowledge(unit, argument, by)
        return self._kill_or_rearm(control, now)

    def _stop(self, control: ControlRecord) -> str:
        if control.issued_at < self._since:
            return "refused: it was asked of a session that has ended"
        self.wishes.stop = True
        return "stops between two bars"

    def _kill_or_rearm(self, control: ControlRecord, now: int) -> str:
        if control.verb is ControlVerb.KILL:
            self._guard.impose(KILL, Mode.KILLED, f"killed by {control.issued_by}", now)
            self.wishes.lease = True
            if control.argument == FLATTEN:
                why = f"kill and flatten by {control.issued_by}"
                self._guard.impose(FLATTEN, Mode.KILLED, why, now)
            return "killed"
        if self._kill_switch.reason(self._account) is not None:
            return "the kill flag is still set"
        self._guard.lift(FLATTEN, now)
        return "re-armed" if self._guard.lift(KILL, now) else "was not killed"
