"""Commands to a session: one contract over memory, SQLite and PostgreSQL."""

from __future__ import annotations

import pytest
from mettle.adapters.system.kill_switch import MemoryKillSwitch
from mettle.application.control import (
    REFUSED,
    account_standing,
    check_health,
    issue_command,
    reset_breaker,
    show_risk,
)
from mettle.application.control.health import Level
from mettle.application.journal import (
    BreakerRecord,
    ControlVerb,
    DiscrepancyRecord,
    RunStatus,
)
from mettle.application.ports.kill_switch import EVERY_ACCOUNT
from mettle.application.ports.unit_of_work import Store
from mettle.domain.errors import NotFound, NotRunning, RefusedForSafety, TimedOut
from mettle.domain.risk import BreakerRule, BreakerState, Mode, ModeCause, Phase, RiskProfile
from tests.support.journal import MakeStore, write
from tests.support.steering import ACCOUNT, START, command, commands, gear, hold_lease

LIMITS = RiskProfile("small", daily_loss=BreakerRule(20_000, recovery=3_600_000, critical=True))


def tripped(store: Store, name: str = "daily_loss") -> BreakerState:
    """Leave a breaker open."""
    state = BreakerState(
        name, Phase.OPEN, START, START + 500, critical=True, cause="lost 2.1 %",
        baseline=10_000, last=9_790, seen=START,
    )  # fmt: skip
    record = BreakerRecord(ACCOUNT, name, "open", state.to_json(), START)
    write(store, lambda unit: unit.breakers.put(record))
    return state


def test_without_a_session_nothing_is_written(store: Store) -> None:
    """A command needs somebody who will obey it: no lease, an expired one, nobody's."""
    with pytest.raises(NotRunning, match="has no session"):
        issue_command(gear(store), command(ControlVerb.PAUSE))
    hold_lease(store, until=START)
    with pytest.raises(NotRunning, match="any more"):
        issue_command(gear(store), command(ControlVerb.PAUSE))
    assert commands(store) == []


def test_the_answer_is_awaited(store: Store) -> None:
    """The command comes back as the session handled it, with who asked and when."""
    hold_lease(store)
    done = issue_command(gear(store, "paused"), command(ControlVerb.PAUSE, "BTC/USDT"))
    assert (done.outcome, done.argument, done.issued_by) == ("paused", "BTC/USDT", "ada")
    assert done.handled_at is not None
    assert START < done.handled_at < START + 1_000
    assert commands(store) == [done]


@pytest.mark.parametrize("verb", [ControlVerb.PAUSE, ControlVerb.REDUCE, ControlVerb.STOP])
def test_what_lowers_risk_waits_for_a_session_that_hangs(store: Store, verb: ControlVerb) -> None:
    """No answer is exit 7, and the wish stays written down."""
    hold_lease(store)
    with pytest.raises(TimedOut, match="did not answer") as caught:
        issue_command(gear(store), command(verb), patience=700)
    assert "stays written down" in caught.value.mend
    assert [one.handled_at for one in commands(store)] == [None]


@pytest.mark.parametrize("verb", [ControlVerb.RESUME, ControlVerb.ACKNOWLEDGE])
def test_what_raises_risk_is_withdrawn(store: Store, verb: ControlVerb) -> None:
    """A session that wakes up tomorrow must not do what somebody wanted today."""
    hold_lease(store)
    with pytest.raises(TimedOut) as caught:
        issue_command(gear(store), command(verb), patience=700)
    assert "withdrawn" in caught.value.mend
    with store.reading() as unit:
        assert unit.controls.pending(ACCOUNT) == []


def test_a_session_may_refuse(store: Store) -> None:
    """An answer that begins so is a refusal for safety."""
    hold_lease(store)
    with pytest.raises(RefusedForSafety, match="books differ"):
        issue_command(gear(store, f"{REFUSED}books differ"), command(ControlVerb.RESUME))


def test_a_breaker_is_reset_without_a_session(make: MakeStore, store: Store) -> None:
    """The word is written down for the next session; time and reconciliation still count."""
    before = tripped(store)
    done = reset_breaker(gear(store), command(ControlVerb.RESET_BREAKER, "daily_loss"), LIMITS)
    assert done.changed
    assert "ada" in done.text
    with make().reading() as unit:
        (record,) = unit.breakers.all(ACCOUNT)
        (note,) = unit.audit.latest(ACCOUNT, 10)
    after = BreakerState.from_json(record.content)
    assert (after.phase, after.until, after.acknowledged) == (Phase.OPEN, before.until, True)
    assert note.subject == "breaker daily_loss"


def test_a_running_session_resets_its_breaker_itself(store: Store) -> None:
    """Its books are in its memory; nobody else writes them."""
    tripped(store)
    hold_lease(store)
    answering = gear(store, "acknowledged by ada")
    done = reset_breaker(answering, command(ControlVerb.RESET_BREAKER, "daily_loss"), LIMITS)
    assert done.text == "acknowledged by ada"
    assert [one.verb for one in commands(store)] == [ControlVerb.RESET_BREAKER]


def test_breakers_that_are_not_there_or_not_open(store: Store) -> None:
    """A wrong name is not found; a closed breaker is left alone."""
    write(
        store,
        lambda unit: unit.breakers.put(
            BreakerRecord(ACCOUNT, "drawdown", "closed", BreakerState("drawdown").to_json(), 0)
        ),
    )
    with pytest.raises(NotFound, match="daily_los"):
        reset_breaker(gear(store), command(ControlVerb.RESET_BREAKER, "daily_los"), LIMITS)
    done = reset_breaker(gear(store), command(ControlVerb.RESET_BREAKER, "drawdown"), LIMITS)
    assert not done.changed


def test_risk_says_how_far_each_breaker_is(store: Store) -> None:
    """The loss stands beside its limit, and what waits for a person says so."""
    tripped(store)
    standing, (view,) = show_risk(gear(store), MemoryKillSwitch(), ACCOUNT, LIMITS)
    assert (view.name, view.limit, view.now) == ("daily_loss", "2 %", "2.1 %")
    assert view.needs_operator
    assert standing.mode is Mode.REDUCING
    assert [one.cause for one in standing.causes] == ["breaker daily_loss"]


def test_a_standing_is_the_worst_of_everything(store: Store) -> None:
    """Causes written down, open breakers, the flag and single symbols all count."""
    switch = MemoryKillSwitch()
    tripped(store)
    write(
        store,
        lambda unit: unit.modes.put(
            ModeCause(ACCOUNT, "BTC/USDT", "unknown order", Mode.PAUSED, START, "o1 is unknown")
        ),
    )
    standing = account_standing(store, switch, ACCOUNT, START)
    assert standing.mode is Mode.REDUCING
    assert standing.in_words == "only reducing positions; BTC/USDT PAUSED"
    switch.set(EVERY_ACCOUNT, "kill by ada")
    standing = account_standing(store, switch, ACCOUNT, START)
    assert standing.mode is Mode.KILLED
    assert standing.causes[0].reason == "kill by ada"
    with pytest.raises(NotFound, match="nobody"):
        account_standing(store, switch, "nobody", START)


def test_health_names_what_is_wrong(store: Store) -> None:
    """A healthy session has only good signs; each trouble spoils its own."""
    switch = MemoryKillSwitch()

    def signs(now: int = START) -> dict[str, Level]:
        standing = account_standing(store, switch, ACCOUNT, now)
        return {one.name: one.level for one in check_health(standing, now)}

    hold_lease(store)
    assert set(signs().values()) == {Level.OK}
    with pytest.raises(TimedOut):
        issue_command(gear(store), command(ControlVerb.PAUSE), patience=0)
    assert signs()["commands"] is Level.OK
    assert signs(START + 11_000)["commands"] is Level.FAILED
    write(
        store,
        lambda unit: unit.discrepancies.put(
            DiscrepancyRecord(ACCOUNT, "d-1", "BTC/USDT", "position", "1", "2", START)
        ),
    )
    assert signs()["discrepancies"] is Level.FAILED
    switch.set(ACCOUNT, "kill")
    assert signs()["mode"] is Level.FAILED
    write(store, lambda unit: unit.runs.set_status(ACCOUNT, RunStatus.STOPPED, START))
    assert signs(START + 61_000)["session"] is Level.FAILED


def test_a_pause_by_a_person_is_no_illness(store: Store) -> None:
    """What somebody asked for is a warning, what the session found out is a failure."""
    hold_lease(store)
    for cause, level in (("operator", Level.WARNING), ("reconciliation", Level.FAILED)):
        put = ModeCause(ACCOUNT, "", cause, Mode.PAUSED, START, "why")
        with store.writing() as unit:
            unit.modes.put(put)
            unit.commit()
        standing = account_standing(store, MemoryKillSwitch(), ACCOUNT, START)
        found = {one.name: one.level for one in check_health(standing, START)}
        assert found["mode"] is level
