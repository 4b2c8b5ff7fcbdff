"""The breakers of an account, and an operator's word about one of them."""

from __future__ import annotations

from dataclasses import dataclass

from ...domain.errors import NotFound, RefusedForSafety
from ...domain.money import round_half_even
from ...domain.risk import (
    KINDS,
    Breakers,
    BreakerState,
    Phase,
    RiskProfile,
    Unit,
)
from ...domain.risk.profile import GREATEST
from ...domain.risk.rules import SHARE, percent, shown
from ..journal import BreakerRecord, ControlVerb
from ..ports.kill_switch import KillSwitch
from .accounts import AccountStanding, account_standing, is_held
from .commands import PATIENCE, Command, ControlGear, issue_command


@dataclass(frozen=True, slots=True)
class BreakerView:
    """One breaker, told.

    Attributes:
        limit: Where it trips, by the profile; empty if the profile has it not.
        now: How far it has come, in the same unit; empty where its state does not tell.
        needs_operator: Whether leaving OPEN waits for a reset.
    """

    name: str
    phase: Phase
    limit: str
    now: str
    since: int
    until: int
    needs_operator: bool
    cause: str


@dataclass(frozen=True, slots=True)
class Settled:
    """What came of a reset.

    Attributes:
        changed: Whether there was anything to reset.
        text: In words.
    """

    name: str
    changed: bool
    text: str


def limits_of(profile: RiskProfile) -> dict[str, str]:
    """Return every limit that a profile sets besides its breakers, by its key in ``[risk]``."""
    names = [*GREATEST, "leverage"]
    found = {name: getattr(profile, name) for name in names}
    limits = {name: percent(share) for name, share in found.items() if share is not None}
    if profile.trades_per_day is not None:
        limits["trades_per_day"] = str(profile.trades_per_day)
    return limits


def idle_breakers(profile: RiskProfile) -> list[BreakerView]:
    """Return the breakers that a profile sets, as they are before anything is traded."""
    return [_view(BreakerState(name), profile) for name, _ in profile.rules()]


def show_risk(
    gear: ControlGear, switch: KillSwitch, account: str, profile: RiskProfile
) -> tuple[AccountStanding, list[BreakerView]]:
    """Return how an account stands, and each breaker that it has or that the profile sets.

    Raises:
        NotFound: If the journal has no such account.
    """
    standing = account_standing(gear.store, switch, account, gear.clock.now_ms())
    states = {one.name: one for one in standing.breakers}
    for name, _ in profile.rules():
        states.setdefault(name, BreakerState(name))
    order = list(KINDS)
    found = [one for one in states.values() if one.rule_name in KINDS]
    found.sort(key=lambda one: (order.index(one.rule_name), one.symbol))
    return standing, [_view(one, profile) for one in found]


def reset_breaker(
    gear: ControlGear, command: Command, profile: RiskProfile, patience: int = PATIENCE
) -> Settled:
    """Give an operator's word that a breaker may recover; time and reconciliation still count.

    A running session does it itself; where none runs it is written down for the next one.

    Args:
        command: Its argument is the breaker's name.

    Raises:
        NotFound: If the account has no breaker of that name.
        TimedOut: If a session runs and does not answer.
        RefusedForSafety: If a session began while it was being written down.
    """
    name = command.argument
    with gear.store.reading() as unit:
        records = {one.name: one for one in unit.breakers.all(command.account)}
        held = is_held(unit.leases.find(command.account), gear.clock.now_ms())
    if name not in records:
        raise NotFound(
            f"account {command.account!r} has no breaker {name!r}",
            mend="`mettle risk show` shows its breakers",
        )
    if BreakerState.from_json(records[name].content).phase is not Phase.OPEN:
        return Settled(name, changed=False, text=f"breaker {name} is not open")
    if held:
        asked = Command(command.account, ControlVerb.RESET_BREAKER, command.by, name)
        return Settled(name, changed=True, text=issue_command(gear, asked, patience).outcome)
    return _reset_here(gear, command, profile)


def _reset_here(gear: ControlGear, command: Command, profile: RiskProfile) -> Settled:
    account, name, now = command.account, command.argument, gear.clock.now_ms()
    with gear.store.writing() as unit:
        if is_held(unit.leases.find(account), now):
            raise RefusedForSafety(
                f"a session of {account!r} has just begun", mend="run the command again"
            )
        states = [BreakerState.from_json(one.content) for one in unit.breakers.all(account)]
        breakers = Breakers(profile, states)
        events = breakers.reset(name, command.by, now)
        state = breakers.states[name]
        unit.breakers.put(
            BreakerRecord(account, name, state.phase.value, state.to_json(), state.seen)
        )
        for event in events:
            text = f"{event.kind.value}: {event.text}"
            unit.audit.add(account, f"breaker {name}", text, event.at, now)
        unit.commit()
    text = events[0].text if events else f"breaker {name} is not open"
    return Settled(name, changed=bool(events), text=text)


def _view(state: BreakerState, profile: RiskProfile) -> BreakerView:
    rule, kind = profile.rule(state.rule_name), KINDS[state.rule_name]
    return BreakerView(
        state.name,
        state.phase,
        "" if rule is None else shown(rule.limit, kind.unit),
        _now(state),
        state.since,
        state.until,
        state.phase is Phase.OPEN and state.critical and not state.acknowledged,
        state.cause,
    )


def _now(state: BreakerState) -> str:
    kind = KINDS[state.rule_name]
    if kind.unit is Unit.COUNT:
        return str(len(state.samples) if kind.windowed else state.count)
    if not kind.loss or kind.windowed or state.last is None or not state.baseline:
        return ""
    lost = max(0, state.baseline - state.last)
    return percent(round_half_even(lost * SHARE, state.baseline))
