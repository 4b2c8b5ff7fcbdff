"""Kill and re-arm: they need no session, and the kill needs no database either.

The flag is set first: every session looks at it before each order that it sends. Then, if the
database can be written, the lease's epoch rises, so that nothing can be written ahead under the old
one, and the mode says why. Neither waits for the trading process, which may hang.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ...domain.errors import MettleError, NotFound, RefusedForSafety, StorageError
from ...domain.risk import EVERY_SYMBOL, Mode, ModeCause
from ..journal import ControlRecord, ControlVerb
from ..ports.clock import Clock
from ..ports.ids import Ids
from ..ports.kill_switch import EVERY_ACCOUNT, FLATTENING, KillSwitch, flattens
from ..ports.unit_of_work import Store, UnitOfWork
from .accounts import FLATTEN, KILL, is_held, is_known, known_accounts, working_accounts
from .commands import Command, ControlGear, await_answer

EVERYTHING = "everything"
"""What to type to re-arm all accounts."""
_PATIENCE = 2_000
"""How long a session's answer is waited for; the kill holds without it, milliseconds."""


@dataclass(frozen=True, slots=True)
class KillOrder:
    """What is to be killed.

    Attributes:
        account: One account; all of the workspace, also those that begin later, if it is
            :data:`~..ports.kill_switch.EVERY_ACCOUNT`.
        by: Who asks.
        flatten: Whether the positions are to be closed as well.
    """

    account: str
    by: str
    reason: str = ""
    flatten: bool = False

    @property
    def text(self) -> str:
        """The reason as it is written down."""
        said = f": {self.reason}" if self.reason else ""
        return f"{FLATTENING if self.flatten else 'kill'} by {self.by}{said}"


CancelOrders = Callable[[KillOrder], int]
"""Cancels our orders at the venue from this process, until each is terminal and the last fence has
passed; returns how many may still be live. Raises VenueError."""


@dataclass(frozen=True, slots=True)
class KillGear:
    """What a kill works with.

    Attributes:
        open_store: Opens the database, or raises any MettleError; the kill goes on without it.
        cancel_orders: None where no venue can be reached from outside the trading process: the
            orders of a paper run live and die with it.
    """

    switch: KillSwitch
    clock: Clock
    ids: Ids
    open_store: Callable[[], Store]
    cancel_orders: CancelOrders | None = None


@dataclass(frozen=True, slots=True)
class AccountKill:
    """What the kill did to one account in the journal.

    Attributes:
        epoch: The lease's new epoch.
        holder: Who holds its lease; empty if nobody does.
        answer: What its session said; empty if it has not said anything yet.
    """

    account: str
    epoch: int
    holder: str
    answer: str


@dataclass(frozen=True, slots=True)
class KillReport:
    """What holds after a kill.

    Attributes:
        flag_problem, database_problem, venue_problem: Why a part of it could not be done, with
            what mends it; empty if it was.
        orders_left: Orders that may still be live at the venue; None where none was asked.
        flattens: Whether flag or database say that the positions are to be closed.
    """

    account: str
    text: str
    accounts: tuple[AccountKill, ...]
    flag_problem: str = ""
    database_problem: str = ""
    venue_problem: str = ""
    orders_left: int | None = None
    flattens: bool = False


def kill(order: KillOrder, gear: KillGear, patience: int = _PATIENCE) -> KillReport:
    """Kill an account, or all of them, by every means that works.

    Raises:
        NotFound: If the journal can be read and has no such account: nothing is killed.
        StorageError: If neither the flag nor the database could be written: nothing is killed.
    """
    flag_problem = database_problem = venue_problem = ""
    accounts: tuple[AccountKill, ...] = ()
    left: int | None = None
    was_set = gear.switch.reason(order.account) is not None
    try:
        gear.switch.set(order.account, order.text)
    except MettleError as error:
        flag_problem = str(error)
    try:
        accounts = _write(order, gear, patience)
    except NotFound:
        # A mistyped name: whatever was meant is still trading, and the caller must hear of it.
        if not was_set:
            gear.switch.clear(order.account)
        raise
    except MettleError as error:
        database_problem = str(error)
    if gear.cancel_orders is not None:
        try:
            left = gear.cancel_orders(order)
        except MettleError as error:
            venue_problem = str(error)
    if flag_problem and database_problem:
        raise StorageError(
            f"not killed: {flag_problem}; {database_problem}",
            mend="end the trading process itself, then `mettle kill` again",
        )
    flagged = flattens(gear.switch.reason(order.account)) and not flag_problem
    return KillReport(
        order.account,
        order.text,
        accounts,
        flag_problem,
        database_problem,
        venue_problem,
        left,
        order.flatten and (flagged or not database_problem),
    )


def _write(order: KillOrder, gear: KillGear, patience: int) -> tuple[AccountKill, ...]:
    store = gear.open_store()
    control = ControlGear(store, gear.clock, gear.ids)
    argument = FLATTEN if order.flatten else ""
    commands, done = [], []
    with store.writing() as unit:
        for account in _targets(unit, order.account, gear.clock.now_ms()):
            now = gear.clock.now_ms()
            epoch = unit.leases.bump(account, now)
            unit.modes.put(ModeCause(account, EVERY_SYMBOL, KILL, Mode.KILLED, now, order.text))
            if order.flatten:
                unit.modes.put(
                    ModeCause(account, EVERY_SYMBOL, FLATTEN, Mode.KILLED, now, order.text)
                )
            unit.audit.add(account, KILL, f"{order.text}; epoch {epoch}", now, now)
            asked = Command(account, ControlVerb.KILL, order.by, argument).record(control)
            unit.controls.add(asked)
            lease = unit.leases.find(account)
            holder = lease.holder if lease is not None and is_held(lease, now) else ""
            commands.append(asked)
            done.append(AccountKill(account, epoch, holder, ""))
        unit.commit()
    return tuple(
        AccountKill(one.account, one.epoch, one.holder, _answer(control, asked, patience))
        if one.holder
        else one
        for one, asked in zip(done, commands, strict=True)
    )


def _answer(gear: ControlGear, asked: ControlRecord, patience: int) -> str:
    """Return what the session says, waiting until ``patience`` after the command was given."""
    left = asked.issued_at + patience - gear.clock.now_ms()
    answered = await_answer(gear, asked, max(0, left))
    return "" if answered is None else answered.outcome


def _targets(unit: UnitOfWork, account: str, now: int) -> list[str]:
    if account == EVERY_ACCOUNT:
        return working_accounts(unit, now)
    if not is_known(unit, account):
        raise NotFound(
            f"no account or run {account!r}: nothing was killed",
            mend="`mettle kill` without --account kills everything",
        )
    return [account]


@dataclass(frozen=True, slots=True)
class Rearmed:
    """What a re-arm did.

    Attributes:
        accounts: Those that are killed no longer; they may be paused for other causes.
        waiting: Those of them whose session has not answered yet: it stays killed until it does.
    """

    account: str
    accounts: tuple[str, ...]
    waiting: tuple[str, ...]


def rearm(
    account: str, by: str, gear: ControlGear, switch: KillSwitch, patience: int = _PATIENCE
) -> Rearmed:
    """End a kill. The caller has made sure that a person means it.

    Args:
        account: One account, or EVERY_ACCOUNT for the kill of the whole workspace; accounts that
            were killed by name stay killed then.

    Raises:
        StorageError: If the journal or the flag cannot be changed; the kill holds then.
    """
    commands: list[ControlRecord] = []
    accounts: list[str] = []
    with gear.store.writing() as unit:
        killed = _killed(unit, account)
        reason = switch.reason(account)
        switch.clear(account)
        try:
            _require_free(account, switch)
            for one in killed:
                if switch.reason(one) is None:
                    accounts.append(one)
                    commands += _rearm_one(unit, one, by, gear)
            unit.commit()
        except BaseException:
            # What could not be written down is not re-armed.
            if reason is not None:
                switch.set(account, reason)
            raise
    waiting = [one.account for one in commands if not _answer(gear, one, patience)]
    return Rearmed(account, tuple(accounts), tuple(waiting))


def _require_free(account: str, switch: KillSwitch) -> None:
    if switch.reason(account) is not None:
        raise RefusedForSafety(
            f"{account!r} is killed with the whole workspace",
            mend="re-arm everything with `mettle risk reset kill`, without an account",
        )


def _killed(unit: UnitOfWork, account: str) -> list[str]:
    if account != EVERY_ACCOUNT:
        return [account] if is_known(unit, account) else []
    return [
        one
        for one in known_accounts(unit)
        if any(cause.cause == KILL for cause in unit.modes.all(one))
    ]


def _rearm_one(unit: UnitOfWork, account: str, by: str, gear: ControlGear) -> list[ControlRecord]:
    """Write one re-arm down; return the command if a session is to answer it."""
    now = gear.clock.now_ms()
    unit.modes.clear(account, EVERY_SYMBOL, KILL)
    unit.modes.clear(account, EVERY_SYMBOL, FLATTEN)
    for old in unit.controls.pending(account):
        if old.verb is ControlVerb.KILL:
            # The next session must not obey a kill that is over.
            unit.controls.handled(old.control_id, now, f"over, re-armed by {by}")
    unit.audit.add(account, KILL, f"re-armed by {by}", now, now)
    asked = Command(account, ControlVerb.REARM, by).record(gear)
    unit.controls.add(asked)
    if is_held(unit.leases.find(account), now):
        return [asked]
    unit.controls.handled(asked.control_id, now, "re-armed, no session was running")
    return []
