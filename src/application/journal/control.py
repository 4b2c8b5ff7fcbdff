"""The rows by which processes rule an account: lease, mode causes, breakers, commands, findings."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from ...domain.orders import OrderIntent


class IntentStatus(Enum):
    """Where an intent stands."""

    WORKING = "working"
    """Attempts of it may be live, or the next one is due."""
    DONE = "done"
    """Every attempt is final and no further one follows."""


@dataclass(frozen=True, slots=True)
class IntentRecord:
    """A judged intent and how far its execution plan has come.

    Attributes:
        intent_id: See :func:`mettle.domain.orders.intent_id`; unique in an account.
        plan: Name of the execution plan: ``bar``, ``maker first``, ``taker``.
        arrival: Mark in ticks when it was approved: slippage is measured from here.
        deadline: After this the signal is too old for a new attempt, by the venue's clock.
        stage: The plan's own state as canonical JSON; enough to go on after a crash.
        outcome: Why it is done, for people.
        verdict: What the risk engine said of it: ``approved``, what it cut, or why it refused.
    """

    account: str
    run_id: str
    intent_id: str
    intent: OrderIntent
    plan: str
    arrival: int
    deadline: int
    status: IntentStatus
    stage: str
    outcome: str
    recorded_at: int
    updated_at: int
    verdict: str = ""


@dataclass(frozen=True, slots=True)
class LeaseRecord:
    """Who may trade an account.

    Attributes:
        holder: Names process and machine, for people.
        epoch: Rises with every new holder and every kill; an attempt carries the epoch it was
            written under, and nothing is sent under an old one.
    """

    account: str
    holder: str
    epoch: int
    acquired_at: int
    expires_at: int


class ControlVerb(Enum):
    """What a person asks of a running session."""

    PAUSE = "pause"
    RESUME = "resume"
    REDUCE = "reduce"
    STOP = "stop"
    KILL = "kill"
    REARM = "rearm"
    RESET_BREAKER = "reset breaker"
    ACKNOWLEDGE = "acknowledge"


@dataclass(frozen=True, slots=True)
class ControlRecord:
    """A command to a session, written by any process, handled by the session.

    Attributes:
        control_id: Fresh.
        argument: A symbol, a breaker's name, a discrepancy's id, or empty.
        handled_at, outcome: None and empty until the session has acted on it.
    """

    control_id: str
    account: str
    verb: ControlVerb
    argument: str
    issued_by: str
    issued_at: int
    handled_at: int | None = None
    outcome: str = ""


@dataclass(frozen=True, slots=True)
class BreakerRecord:
    """A breaker as it stands; the domain's :class:`~mettle.domain.risk.BreakerState` as JSON.

    Attributes:
        state: ``closed``, ``open`` or ``half open``, for queries.
        content: The whole state as canonical JSON.
    """

    account: str
    name: str
    state: str
    content: str
    updated_at: int


@dataclass(frozen=True, slots=True)
class DiscrepancyRecord:
    """A difference between the venue and our books that is not explained yet.

    Attributes:
        kind: ``foreign order``, ``unknown order of ours``, ``balance``, ``position``, ``fills`` …
        ours, theirs: As text, exact.
        closed_at: None while it is open.
        note: How it was settled.
    """

    account: str
    discrepancy_id: str
    symbol: str
    kind: str
    ours: str
    theirs: str
    opened_at: int
    closed_at: int | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """Something that changed what may be done: a mode, a breaker, a lease, a kill, a late fill.

    Attributes:
        subject: What it is about: ``mode BTC/USDT``, ``breaker daily_loss``, an order's id.
    """

    account: str
    sequence: int
    subject: str
    text: str
    occurred_at: int
    recorded_at: int
