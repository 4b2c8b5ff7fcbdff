"""Kill and re-arm: by every means that works, over memory, SQLite and PostgreSQL."""

from __future__ import annotations

from dataclasses import replace

import pytest
from mettle.adapters.system import RandomIds, SimulatedClock
from mettle.adapters.system.kill_switch import MemoryKillSwitch
from mettle.application.control import (
    KillGear,
    KillOrder,
    KillReport,
    account_standing,
    kill,
    killed_accounts,
    rearm,
)
from mettle.application.journal import ControlVerb, RunStatus
from mettle.application.ports.kill_switch import EVERY_ACCOUNT, KillSwitch
from mettle.application.ports.unit_of_work import Store
from mettle.domain.errors import NotFound, RefusedForSafety, StorageError, VenueError
from mettle.domain.risk import Mode, ModeCause
from tests.support.journal import MakeStore, run, write
from tests.support.steering import (
    ACCOUNT,
    START,
    Attended,
    BrokenSwitch,
    commands,
    gear,
    hold_lease,
)


def kill_gear(store: Store, switch: KillSwitch, answer: str | None = None) -> KillGear:
    """Return what a kill works with."""
    return KillGear(switch, Attended(store, answer), RandomIds(), lambda: store)


def no_store() -> Store:
    """Fail as a database on a broken disk does."""
    raise StorageError("mettle.db: disk I/O error", mend="check the disk")


def killed(store: Store, switch: KillSwitch, account: str = ACCOUNT) -> KillReport:
    """Kill an account."""
    return kill(KillOrder(account, "ada", "odd prices"), kill_gear(store, switch))


def mode(store: Store, switch: KillSwitch, account: str = ACCOUNT) -> Mode:
    """Return the effective mode of an account."""
    return account_standing(store, switch, account, START).mode


def test_a_kill_is_flag_epoch_cause_command_and_audit(store: Store) -> None:
    """Each means by itself would stop the account; the report says what was done."""
    switch = MemoryKillSwitch()
    lease = hold_lease(store)
    done = killed(store, switch)
    assert switch.reason(ACCOUNT) == "kill by ada: odd prices"
    (one,) = done.accounts
    assert (one.epoch, one.holder, one.answer) == (lease.epoch + 1, lease.holder, "")
    with store.writing() as unit:
        assert not unit.leases.renew(lease, START + 10)
        (cause,) = unit.modes.all(ACCOUNT)
        (note,) = unit.audit.latest(ACCOUNT, 5)
    assert (cause.cause, cause.mode) == ("kill", Mode.KILLED)
    assert "odd prices" in note.text
    assert [one.verb for one in commands(store)] == [ControlVerb.KILL]
    assert (done.flag_problem, done.database_problem, done.orders_left) == ("", "", None)


def test_a_session_that_answers_is_quoted(store: Store) -> None:
    """The wish to flatten travels with the command."""
    hold_lease(store)
    order = KillOrder(ACCOUNT, "ada", flatten=True)
    done = kill(order, kill_gear(store, MemoryKillSwitch(), "killed"))
    assert done.accounts[0].answer == "killed"
    assert commands(store)[0].argument == "flatten"


def test_the_flag_says_flatten_without_a_database(store: Store) -> None:
    """The report says whether anything does; a flag that was set before keeps its first reason."""
    switch, order = MemoryKillSwitch(), KillOrder(ACCOUNT, "ada", flatten=True)
    parts = replace(kill_gear(store, switch), open_store=no_store)
    assert kill(order, parts).flattens
    assert switch.reason(ACCOUNT) == "kill and flatten by ada"
    switch.clear(ACCOUNT)
    plain = replace(order, flatten=False)
    assert not kill(plain, parts).flattens
    assert not kill(order, parts).flattens
    assert kill(order, kill_gear(store, switch)).flattens, "the database has it"
    assert kill(order, kill_gear(store, BrokenSwitch())).flattens


def test_a_session_that_hangs_holds_nothing_up(store: Store) -> None:
    """The answer is awaited for two seconds at most, for all accounts together."""
    write(store, lambda unit: unit.runs.add(run("s", 6)))
    hold_lease(store)
    hold_lease(store, account="s")
    parts = kill_gear(store, MemoryKillSwitch())
    done = kill(KillOrder(EVERY_ACCOUNT, "ada"), parts)
    assert [one.answer for one in done.accounts] == ["", ""]
    assert parts.clock.now_ms() - START <= 2_000


def test_twice_is_no_harm(store: Store) -> None:
    """The epoch rises again, the first reason stays."""
    switch = MemoryKillSwitch()
    first, second = killed(store, switch), killed(store, switch)
    assert second.accounts[0].epoch == first.accounts[0].epoch + 1
    assert switch.reason(ACCOUNT) == "kill by ada: odd prices"


def test_everything_means_also_what_begins_later(store: Store) -> None:
    """One flag holds for all; the journal is told of those that may be trading."""
    switch = MemoryKillSwitch()
    over = replace(run("over", 9), status=RunStatus.FINISHED, ended_at=10)
    write(store, lambda unit: unit.runs.add(over))
    done = killed(store, switch, EVERY_ACCOUNT)
    assert [one.account for one in done.accounts] == [ACCOUNT]
    assert switch.reason("begins tomorrow") == "kill by ada: odd prices"
    assert killed_accounts(store, switch) == ["over", ACCOUNT]


def test_a_mistyped_name_is_not_a_kill(store: Store) -> None:
    """Whoever mistypes must hear that nothing was stopped; an older flag stays."""
    switch = MemoryKillSwitch()
    with pytest.raises(NotFound, match="nothing was killed") as caught:
        killed(store, switch, "frist")
    assert "mettle kill" in caught.value.mend
    assert switch.reason("frist") is None
    switch.set("frist", "before")
    with pytest.raises(NotFound):
        killed(store, switch, "frist")
    assert switch.reason("frist") == "before"


def test_without_the_database_the_flag_kills(store: Store) -> None:
    """A database that cannot even be opened is a note in the report."""
    switch = MemoryKillSwitch()
    parts = replace(kill_gear(store, switch), open_store=no_store)
    done = kill(KillOrder(ACCOUNT, "ada"), parts)
    assert "disk I/O error" in done.database_problem
    assert "check the disk" in done.database_problem
    assert mode(store, switch) is Mode.KILLED


def test_a_locked_database_holds_nothing_up(make: MakeStore, store: Store) -> None:
    """A trader that hangs in a transaction keeps the lock; the flag is set all the same."""
    switch = MemoryKillSwitch()
    with make().writing() as hanging:
        hanging.audit.add(ACCOUNT, "x", "y", 1, 1)
        hanging.audit.latest(ACCOUNT, 1)  # takes the lock
        done = killed(store, switch)
        assert done.database_problem
    assert switch.reason(ACCOUNT) is not None
    assert commands(store) == []


def test_without_the_flag_the_database_kills(store: Store) -> None:
    """A full disk may refuse the flag; epoch and mode hold alone."""
    done = killed(store, BrokenSwitch())
    assert "free some space" in done.flag_problem
    assert mode(store, MemoryKillSwitch()) is Mode.KILLED


def test_with_neither_it_is_said_that_nothing_is_killed(store: Store) -> None:
    """Both means failed: an error, not a report."""
    parts = replace(kill_gear(store, BrokenSwitch()), open_store=no_store)
    with pytest.raises(StorageError, match="not killed"):
        kill(KillOrder(ACCOUNT, "ada"), parts)


def test_orders_are_cancelled_from_here_where_a_venue_is_near(store: Store) -> None:
    """Flag and epoch come first, and neither database nor venue can stop the other."""
    switch = MemoryKillSwitch()
    seen: list[tuple[str, str | None]] = []

    def cancel(order: KillOrder) -> int:
        seen.append((order.account, switch.reason(ACCOUNT)))
        return 3

    def refuse(order: KillOrder) -> int:
        raise VenueError("no route to the venue", mend="try again")

    parts = replace(kill_gear(store, switch), open_store=no_store, cancel_orders=cancel)
    assert kill(KillOrder(ACCOUNT, "ada"), parts).orders_left == 3
    assert seen == [(ACCOUNT, "kill by ada")]
    done = kill(KillOrder(ACCOUNT, "ada"), replace(parts, cancel_orders=refuse))
    assert "no route" in done.venue_problem
    assert done.orders_left is None


def test_a_rearm_ends_the_kill_and_nothing_else(store: Store) -> None:
    """Flag and cause go, other causes stay, and the journal says who did it."""
    switch = MemoryKillSwitch()
    killed(store, switch)
    other = ModeCause(ACCOUNT, "", "reconciliation", Mode.PAUSED, START, "differs")
    write(store, lambda unit: unit.modes.put(other))
    done = rearm(ACCOUNT, "bob", gear(store), switch)
    assert (done.accounts, done.waiting) == ((ACCOUNT,), ())
    assert switch.reason(ACCOUNT) is None
    assert mode(store, switch) is Mode.PAUSED
    with store.reading() as unit:
        assert unit.audit.latest(ACCOUNT, 1)[0].text == "re-armed by bob"
        # No session ran: the next one has nothing left to obey but the old kill's command.
        assert [one.verb for one in unit.controls.pending(ACCOUNT)] == []


def test_a_session_is_told_of_the_rearm(store: Store) -> None:
    """One that answers is done; one that hangs is named, and stays killed until it reads."""
    switch = MemoryKillSwitch()
    hold_lease(store)
    killed(store, switch)
    assert rearm(ACCOUNT, "bob", gear(store, "re-armed"), switch).waiting == ()
    killed(store, switch)
    assert rearm(ACCOUNT, "bob", gear(store), switch).waiting == (ACCOUNT,)
    assert commands(store)[0].verb is ControlVerb.REARM
    assert commands(store)[0].handled_at is None


def test_what_cannot_be_written_is_not_rearmed(make: MakeStore, store: Store) -> None:
    """The flag stays, with its reason, if the journal cannot be changed."""
    switch = MemoryKillSwitch()
    killed(store, switch)
    with make().writing() as hanging:
        hanging.audit.add(ACCOUNT, "x", "y", 1, 1)
        hanging.audit.latest(ACCOUNT, 1)
        with pytest.raises(StorageError):
            rearm(ACCOUNT, "bob", gear(store), switch)
    assert switch.reason(ACCOUNT) == "kill by ada: odd prices"
    assert mode(store, MemoryKillSwitch()) is Mode.KILLED


def test_a_commit_that_fails_sets_the_flag_again(store: Store) -> None:
    """Between the clearing and the commit the disk may die."""

    class Dying(RandomIds):
        def new(self, prefix: str) -> str:
            raise StorageError("disk full")

    switch = MemoryKillSwitch()
    killed(store, switch)
    with pytest.raises(StorageError, match="disk full"):
        rearm(ACCOUNT, "bob", replace(gear(store), ids=Dying()), switch)
    assert switch.reason(ACCOUNT) == "kill by ada: odd prices"
    assert mode(store, MemoryKillSwitch()) is Mode.KILLED


def test_rearming_everything_leaves_what_was_killed_by_name(store: Store) -> None:
    """One account's own kill is not forgotten with that of all."""
    switch = MemoryKillSwitch()
    write(store, lambda unit: unit.runs.add(run("s", 6)))
    killed(store, switch, "s")
    killed(store, switch, EVERY_ACCOUNT)
    done = rearm(EVERY_ACCOUNT, "bob", gear(store), switch)
    assert done.accounts == (ACCOUNT,)
    assert mode(store, switch) is Mode.ACTIVE
    assert mode(store, switch, "s") is Mode.KILLED


def test_one_account_cannot_leave_a_kill_of_everything(store: Store) -> None:
    """It says so, and changes nothing."""
    switch = MemoryKillSwitch()
    killed(store, switch)
    killed(store, switch, EVERY_ACCOUNT)
    with pytest.raises(RefusedForSafety, match="whole workspace"):
        rearm(ACCOUNT, "bob", gear(store), switch)
    assert switch.reason(ACCOUNT) == "kill by ada: odd prices"
    assert mode(store, switch) is Mode.KILLED


def test_clocks_are_simulated() -> None:
    """The waiting of these tests costs nothing."""
    assert issubclass(Attended, SimulatedClock)
