"""Whether an account's session does what it should, sign by sign."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from ...domain.risk import Mode
from ..journal import RunStatus
from .accounts import OPERATOR, AccountStanding

_OVERDUE = 10_000
"""A command that is older and not handled means that the session does not listen, ms."""


class Level(Enum):
    """How good a sign is."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Sign:
    """One sign of health.

    Attributes:
        mend: What puts it right; empty where all is well.
    """

    name: str
    level: Level
    text: str
    mend: str = ""


def check_health(standing: AccountStanding, now: int) -> list[Sign]:
    """Return every sign, the session's first.

    Args:
        now: Wall clock, Unix milliseconds UTC.
    """
    return [
        _session(standing, now),
        _mode(standing),
        _orders(standing),
        _discrepancies(standing),
        _commands(standing, now),
    ]


def _session(standing: AccountStanding, now: int) -> Sign:
    lease, run = standing.lease, standing.run
    if standing.is_running and lease is not None:
        left = (lease.expires_at - now) // 1000
        return Sign("session", Level.OK, f"{lease.holder}, lease for {left} s")
    if run is None or run.status is RunStatus.RUNNING:
        text = "no session holds the lease"
        mend = "it was cut: the command that began it goes on where it ended"
        return Sign("session", Level.FAILED, text, mend)
    return Sign("session", Level.FAILED, f"no session, the run is {run.status.value}")


def _mode(standing: AccountStanding) -> Sign:
    mode, text = standing.mode, f"{standing.mode.name}: {standing.in_words}"
    if mode is Mode.ACTIVE:
        return Sign("mode", Level.OK, text)
    worst = [one for one in standing.causes if one.mode is mode and not one.symbol]
    text += f" ({', '.join(one.cause for one in worst)})"
    if mode is Mode.KILLED:
        return Sign("mode", Level.FAILED, text, "`mettle risk reset kill` re-arms")
    if all(one.cause == OPERATOR for one in worst):
        return Sign("mode", Level.WARNING, text, "`mettle paper resume` lets it go on")
    level = Level.FAILED if mode is Mode.PAUSED else Level.WARNING
    return Sign("mode", level, text, "`mettle risk show` says what has to happen")


def _orders(standing: AccountStanding) -> Sign:
    if standing.unknown:
        text = f"{len(standing.unknown)} of unknown outcome, {standing.live} may be live"
        mend = "the session asks the venue until it knows; `mettle orders list --live`"
        return Sign("orders", Level.FAILED, text, mend)
    return Sign("orders", Level.OK, f"{standing.live} may be live, none unknown")


def _discrepancies(standing: AccountStanding) -> Sign:
    if not standing.discrepancies:
        return Sign("discrepancies", Level.OK, "none")
    text = "; ".join(
        f"{one.symbol or 'account'} {one.kind}: ours {one.ours}, theirs {one.theirs}"
        for one in standing.discrepancies
    )
    mend = "look at the venue, then `mettle risk reset ID`; `mettle risk show` lists the ids"
    return Sign("discrepancies", Level.FAILED, text, mend)


def _commands(standing: AccountStanding, now: int) -> Sign:
    late = [one for one in standing.pending if now - one.issued_at > _OVERDUE]
    if not late:
        return Sign("commands", Level.OK, "all answered" if not standing.pending else "on the way")
    words = ", ".join(f"{one.verb.value} by {one.issued_by}" for one in late)
    if not standing.is_running:
        return Sign("commands", Level.WARNING, f"wait for the next session: {words}")
    mend = "the session hangs: `mettle kill` works without it"
    return Sign("commands", Level.FAILED, f"not answered: {words}", mend)
