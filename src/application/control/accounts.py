"""How an account stands: its mode and why, its session, and what is not settled yet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...domain.errors import NotFound
from ...domain.orders import POSSIBLY_LIVE, Unknown
from ...domain.risk import (
    EVERY_SYMBOL,
    Breakers,
    BreakerState,
    Mode,
    ModeCause,
    RiskProfile,
    effective,
)
from ..journal import (
    ControlRecord,
    DiscrepancyRecord,
    LeaseRecord,
    OrderRecord,
    RunRecord,
    RunStatus,
)
from ..ports.kill_switch import KillSwitch
from ..ports.unit_of_work import Store, UnitOfWork

KILL = "kill"
FLATTEN = "flatten"
OPERATOR = "operator"
"""Names of the mode causes that people set; ``flatten`` is also the argument of a kill."""

_SCOPE = 1_000
"""How many of the newest runs are looked at where accounts are searched for."""

_WORDS = {
    Mode.ACTIVE: "trading freely",
    Mode.REDUCING: "only reducing positions",
    Mode.PAUSED: "the agent may send nothing",
    Mode.KILLED: "nothing is sent until a person re-arms it",
}


@dataclass(frozen=True, slots=True)
class AccountStanding:
    """One account at one moment.

    Attributes:
        run: The run of that name; None for an account that is no run.
        mode: The worst over all causes of the whole account; symbols may be worse.
        causes: Breakers that are open and the kill flag included.
        lease: As it is written, expired or not.
        is_running: Whether a session holds the lease now.
        discrepancies: Differences to the venue that are not closed.
        pending: Commands that no session has handled.
        live: Orders that the venue may hold; ``unknown`` are those nobody knows the fate of.
    """

    account: str
    run: RunRecord | None
    mode: Mode
    causes: tuple[ModeCause, ...]
    lease: LeaseRecord | None
    is_running: bool
    breakers: tuple[BreakerState, ...]
    discrepancies: tuple[DiscrepancyRecord, ...]
    pending: tuple[ControlRecord, ...]
    live: int
    unknown: tuple[OrderRecord, ...]

    @property
    def in_words(self) -> str:
        """The effective mode for people, with what is worse on single symbols."""
        worse = sorted(
            {
                f"{one.symbol} {effective(self.causes, one.symbol).name}"
                for one in self.causes
                if one.symbol and effective(self.causes, one.symbol) > self.mode
            }
        )
        return mode_words(self.mode) + "".join(f"; {one}" for one in worse)


def mode_words(mode: Mode) -> str:
    """Return what a mode means."""
    return _WORDS[mode]


def is_held(lease: LeaseRecord | None, now: int) -> bool:
    """Return whether somebody holds a lease at ``now``."""
    return lease is not None and bool(lease.holder) and lease.expires_at > now


def known_accounts(unit: UnitOfWork) -> list[str]:
    """Return the accounts of the newest runs, newest first."""
    return [run.run_id for run in unit.runs.latest(_SCOPE)]


def is_known(unit: UnitOfWork, account: str) -> bool:
    """Return whether the journal has an account of that name."""
    return (
        unit.runs.find(account) is not None
        or unit.leases.find(account) is not None
        or bool(unit.modes.all(account))
    )


def working_accounts(unit: UnitOfWork, now: int) -> list[str]:
    """Return the accounts that may be trading: the lease is held, or the run has not ended."""
    return [
        run.run_id
        for run in unit.runs.latest(_SCOPE)
        if run.status is RunStatus.RUNNING or is_held(unit.leases.find(run.run_id), now)
    ]


def killed_accounts(store: Store, switch: KillSwitch) -> list[str]:
    """Return the known accounts that are killed, by flag or by journal, newest first."""
    with store.reading() as unit:
        return [
            account
            for account in known_accounts(unit)
            if switch.reason(account) is not None
            or any(one.mode is Mode.KILLED for one in unit.modes.all(account))
        ]


def account_standing(store: Store, switch: KillSwitch, account: str, now: int) -> AccountStanding:
    """Return how an account stands.

    Args:
        now: Wall clock, Unix milliseconds UTC; leases are held against it.

    Raises:
        NotFound: If the journal has no such account.
        InvalidValue: If a breaker's state cannot be read.
    """
    with store.reading() as unit:
        if not is_known(unit, account):
            raise NotFound(
                f"no account or run {account!r}", mend="`mettle status` shows what there is"
            )
        lease = unit.leases.find(account)
        states = tuple(BreakerState.from_json(one.content) for one in unit.breakers.all(account))
        causes = causes_of(account, unit.modes.all(account), states, switch)
        live = [one for one in unit.orders.live(account) if isinstance(one.state, POSSIBLY_LIVE)]
        return AccountStanding(
            account,
            unit.runs.find(account),
            effective(causes),
            causes,
            lease,
            is_held(lease, now),
            states,
            tuple(unit.discrepancies.open(account)),
            tuple(unit.controls.pending(account)),
            len(live),
            tuple(one for one in live if isinstance(one.state, Unknown)),
        )


def causes_of(
    account: str, written: Sequence[ModeCause], states: Sequence[BreakerState], switch: KillSwitch
) -> tuple[ModeCause, ...]:
    """Return every cause that holds: those written down, open breakers, and the kill flag."""
    found = [*written, *Breakers(RiskProfile("none"), states).causes(account)]
    reason = switch.reason(account)
    if reason is not None and not any(one.mode is Mode.KILLED for one in written):
        found.append(ModeCause(account, EVERY_SYMBOL, KILL, Mode.KILLED, 0, reason))
    return tuple(sorted(found, key=lambda one: (-one.mode, one.symbol, one.cause)))
