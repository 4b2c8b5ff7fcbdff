"""The part of a workspace that orders, decisions, risk and kill hang from."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ..application.control import (
    EVERYTHING,
    PATIENCE,
    AccountStanding,
    BreakerView,
    Command,
    ControlGear,
    DecisionView,
    KillReport,
    NotTraded,
    OrderView,
    Settled,
    Sign,
    account_standing,
    check_health,
    idle_breakers,
    is_held,
    issue_command,
    killed_accounts,
    known_accounts,
    limits_of,
    list_decisions,
    list_orders,
    rearm,
    reset_breaker,
    show_decision,
    show_order,
    show_risk,
    why_not,
)
from ..application.journal import ControlRecord, ControlVerb, LeaseRecord
from ..application.ports.kill_switch import EVERY_ACCOUNT
from ..application.session.queries import Decision, Journal
from ..domain.errors import InvalidValue, NotFound, NotRunning, RefusedForSafety
from ..domain.risk import RiskProfile
from .container import HOLDERS, ApplicationContainer, no_limits
from .killing import kill_now, operator
from .market_data import Instant, as_ms
from .paper import PaperRun
from .settings import Resolved
from .settings.risk import RiskSection
from .suggest import did_you_mean

KILL = "kill"
"""What to reset to re-arm."""
SEEN = "discrepancies"
"""What to reset to settle everything that is listed: each one by its id, and nothing newer."""
_REAL = "live:"
"""How accounts with real money are called."""


@dataclass(frozen=True, slots=True)
class Risk:
    """What an account may do, and how far each breaker has come.

    Attributes:
        profile: Name of the risk profile that its limits come from.
        limits: Those that an opening is held against, by their keys in ``[risk]``.
        standing: None before the first run.
    """

    profile: str
    limits: Mapping[str, str]
    standing: AccountStanding | None
    breakers: Sequence[BreakerView]


class Accounts:
    """Orders, decisions, risk and commands; a paper run is an account of its own."""

    resolved: Resolved
    container: ApplicationContainer

    def account(self, name: str | None = None) -> str:
        """Return an account's name; that of the newest run if none is given.

        Raises:
            NotFound: If there is none of that name.
        """
        store = self.container.store()
        if name is None:
            return Journal(store).latest()
        with store.reading() as unit:
            known = known_accounts(unit)
            if name in known or unit.leases.find(name) or unit.modes.all(name):
                return name
        mend = did_you_mean(name, known, "`mettle status` shows what there is")
        raise NotFound(f"no account or run {name!r}", mend=mend)

    def run(self, run_id: str | None = None) -> PaperRun:
        """Return a run that was begun here or by another process; the newest if no id is given.

        Raises:
            NotFound: If there is none.
        """
        name = self.account(run_id)
        store = self.container.store()
        return PaperRun(Journal(store).standing(name), store, self)

    def orders(
        self,
        account: str | None = None,
        limit: int = 20,
        *,
        live: bool = False,
        symbol: str | None = None,
    ) -> Sequence[OrderView]:
        """Return the newest orders, newest first.

        Args:
            live: Only those that the venue may hold.
            symbol: Only those that trade it.
        """
        store = self.container.store()
        return list_orders(store, self.account(account), limit, live=live, symbol=symbol)

    def order(self, order_id: str, account: str | None = None) -> OrderView:
        """Return one order by its id, or by the beginning of it among an account's.

        Raises:
            NotFound: If there is none.
            InvalidValue: If the beginning fits several.
        """
        store = self.container.store()
        with store.reading() as unit:
            whole = unit.orders.find(order_id) is not None
        return show_order(store, None if whole else self.account(account), order_id)

    def decisions(self, account: str | None = None, limit: int = 10) -> Sequence[Decision]:
        """Return the newest decisions, newest first."""
        return list_decisions(self.container.store(), self.account(account), limit)

    def why_not(self, account: str | None = None, limit: int = 20) -> Sequence[NotTraded]:
        """Return the newest decisions that traded nothing, asset by asset, with the reason."""
        return why_not(self.container.store(), self.account(account), limit)

    def decision(self, when: Instant | None = None, account: str | None = None) -> DecisionView:
        """Return the decision at the close of a bar, and its orders; the newest if not told when.

        Raises:
            NotFound: If there was none.
        """
        time_ms = None if when is None else as_ms(when)
        return show_decision(self.container.store(), self.account(account), time_ms)

    def standing(self, account: str | None = None) -> AccountStanding:
        """Return mode, causes, session, breakers and what is not settled of an account."""
        parts, name = self.container, self.account(account)
        now = parts.clock().now_ms()
        found = account_standing(parts.store(), parts.kill_switch(), name, now)
        return replace(found, is_running=False) if self._has_died(name, found.lease) else found

    def health(self, account: str | None = None) -> Sequence[Sign]:
        """Return whether the session of an account does what it should, sign by sign."""
        return check_health(self.standing(account), self.container.clock().now_ms())

    def risk(self, account: str | None = None) -> Risk:
        """Return what an account may do, and how far each breaker has come.

        Before the first run that is what ``[risk]`` would let one do.
        """
        if account is None and not Journal(self.container.store()).runs(1):
            own = self.resolved.settings.risk.to_domain()
            return Risk(own.name, limits_of(own), None, idle_breakers(own))
        name, profile = self.account(account), self._profile(account)
        _, breakers = show_risk(self._gear(), self.container.kill_switch(), name, profile)
        return Risk(profile.name, limits_of(profile), self.standing(name), breakers)

    def reset(
        self, what: str, account: str | None = None, *, confirm: str | None = None
    ) -> Settled:
        """Give a person's word: that a breaker may recover, a discrepancy was seen, a kill is over.

        Args:
            what: A breaker, the id of an open discrepancy, ``discrepancies`` for all that are open
                now, or ``kill``.
            account: The newest run if None; for ``kill`` whatever is killed.
            confirm: The account's name again, or ``everything`` for a kill of the whole workspace;
                needed for ``kill``, and for accounts with real money.

        Raises:
            NotFound: If there is nothing of that name, or nothing is killed.
            NotRunning: If a discrepancy is to be settled and no session runs.
            RefusedForSafety: If ``confirm`` is missing or another name.
        """
        if what == KILL:
            return self._rearm(self.killed(account), confirm)
        name = self.account(account)
        if name.startswith(_REAL):
            self._require(name, what, confirm)
        command = Command(name, ControlVerb.RESET_BREAKER, operator(), what)
        standing = self.standing(name)
        found = [one.discrepancy_id for one in standing.discrepancies]
        if what == SEEN and not found:
            return Settled(what, changed=False, text=f"{name} has no open discrepancies")
        if what == SEEN or what in found:
            # A change that comes later is another one, and waits for a word of its own.
            which = ",".join(found) if what == SEEN else what
            answered = self.command(ControlVerb.ACKNOWLEDGE, name, which)
            return Settled(what, changed=True, text=answered.outcome)
        known = [one.name for one in standing.breakers]
        if what not in known:
            choices = [*known, *found, SEEN, KILL]
            mend = did_you_mean(what, choices, "`mettle risk show` shows what there is")
            raise NotFound(f"account {name!r} has no breaker or discrepancy {what!r}", mend=mend)
        return reset_breaker(self._gear(), command, self._profile(name))

    def killed(self, account: str | None = None) -> str:
        """Return what a re-arm would re-arm: an account, or the mark of all of them.

        Raises:
            NotFound: If nothing is killed.
            InvalidValue: If several accounts are and none is named.
        """
        if account is not None:
            return self.account(account)
        switch = self.container.kill_switch()
        if switch.reason(EVERY_ACCOUNT) is not None:
            return EVERY_ACCOUNT
        found = killed_accounts(self.container.store(), switch)
        if not found:
            raise NotFound("nothing is killed", mend="`mettle status` shows how things stand")
        if len(found) > 1:
            raise InvalidValue(
                f"several accounts are killed: {', '.join(found)}", mend="name one with --account"
            )
        return found[0]

    def kill(
        self, account: str | None = None, *, flatten: bool = False, reason: str = ""
    ) -> KillReport:
        """Stop an account, or every account, from sending anything until a person re-arms it.

        Needs no session, and no database; see ``report.database_problem``.

        Args:
            account: None is everything in the workspace, also what begins later.
            flatten: Close the positions as well.

        Raises:
            StorageError: If neither the flag nor the database could be written.
        """
        return kill_now(
            self.resolved.places.home,
            lambda: self.resolved.database,
            account,
            flatten=flatten,
            reason=reason,
        )

    def command(
        self, verb: ControlVerb, account: str, argument: str = "", patience: int = PATIENCE
    ) -> ControlRecord:
        """Ask something of an account's session and wait for its answer.

        Raises:
            NotRunning: If no session holds the account's lease.
            TimedOut: If the session did not answer in time.
            RefusedForSafety: If it refused.
        """
        with self.container.store().reading() as unit:
            lease = unit.leases.find(account)
        if self._has_died(account, lease):
            raise NotRunning(
                f"the process of {account!r} has died",
                mend=f"the command that began it goes on with --run-id {account}",
            )
        return issue_command(self._gear(), Command(account, verb, operator(), argument), patience)

    def confirmation(self, account: str) -> str:
        """Return what a person types to re-arm."""
        return EVERYTHING if account == EVERY_ACCOUNT else account

    def _rearm(self, account: str, confirm: str | None) -> Settled:
        name = self.confirmation(account)
        switch = self.container.kill_switch()
        if account != EVERY_ACCOUNT and not self._is_killed(account):
            return Settled(KILL, changed=False, text=f"{name} is not killed")
        self._require(name, KILL, confirm)
        done = rearm(account, operator(), self._gear(), switch)
        text = f"{name} is re-armed"
        if done.waiting:
            text += f"; not answered yet, killed until they do: {', '.join(done.waiting)}"
        return Settled(KILL, changed=True, text=text)

    def _has_died(self, account: str, lease: LeaseRecord | None) -> bool:
        """Return whether a lease outlives its holder: a run of this machine without a process."""
        held = is_held(lease, self.container.clock().now_ms())
        if lease is None or not held or lease.holder not in HOLDERS:
            return False
        return not self.container.claims().held("run", account)

    def _is_killed(self, account: str) -> bool:
        if self.container.kill_switch().reason(account) is not None:
            return True
        return any(one.cause == KILL for one in self.standing(account).causes)

    def _require(self, name: str, what: str, confirm: str | None) -> None:
        if confirm == name:
            return
        was = "was left out" if confirm is None else f"was {confirm!r}"
        raise RefusedForSafety(
            f"to reset {what} the name must be given again, {name!r}; it {was}",
            mend=f"mettle risk reset {what}"
            + ("" if name == EVERYTHING else f" --account {name}")
            + f" --confirm {name}",
        )

    def _gear(self) -> ControlGear:
        parts = self.container
        return ControlGear(parts.store(), parts.clock(), parts.ids())

    def _profile(self, account: str | None) -> RiskProfile:
        """Return the limits that an account's run was begun with; else those of ``[risk]``."""
        with self.container.store().reading() as unit:
            run = unit.runs.find(self.account(account))
        if run is None:
            return self.resolved.settings.risk.to_domain()
        limits = json.loads(run.plan).get("risk")
        return no_limits() if limits is None else RiskSection.model_validate(limits).to_domain()
