"""What is written down of an intent when it has been judged."""

from __future__ import annotations

from dataclasses import replace

from ...domain.orders import OrderIntent, PlanKind, intent_id, plan_for
from ...domain.risk import Approved, Refused
from ..journal import IntentRecord, IntentStatus
from .bench import Bench


def verdict_words(verdict: Approved | Refused) -> str:
    """Return what the risk engine said, in a line."""
    if isinstance(verdict, Approved):
        return f"cut: {verdict.note}" if verdict.note else "approved"
    return f"refused by {verdict.rule}: {verdict.reason}"


def approved_intent(bench: Bench, approved: Approved, arrival: int, deadline: int) -> IntentRecord:
    """Return the record of an intent whose plan begins now.

    Args:
        arrival: The mark in ticks it was decided on.
        deadline: When its signal is too old for a new attempt, by the venue's clock.
    """
    return _record(
        bench, approved.intent, arrival, deadline, IntentStatus.WORKING, verdict_words(approved)
    )


def at_its_own_time(bench: Bench, intent: OrderIntent) -> OrderIntent:
    """Return an exit that no other of its purpose was decided at the same instant as.

    An intent is known by that instant, and a clock may have been set back.

    Raises:
        StorageError: If the journal cannot be read.
    """
    with bench.gear.store.reading() as unit:
        while unit.intents.find(bench.plan.account, intent_id(intent)) is not None:
            intent = replace(intent, decided_at=intent.decided_at + 1)
    return intent


def resting_intent(bench: Bench, approved: Approved, trigger: int) -> IntentRecord:
    """Return the record of a protective stop that is to rest behind ``trigger`` ticks."""
    record = approved_intent(bench, approved, trigger, bench.venue_time)
    return replace(record, plan=PlanKind.RESTING.value)


def refused_intent(bench: Bench, refused: Refused, arrival: int, deadline: int) -> IntentRecord:
    """Return the record of an intent that is done before it began."""
    return _record(
        bench, refused.intent, arrival, deadline, IntentStatus.DONE, verdict_words(refused)
    )


def _record(
    bench: Bench,
    intent: OrderIntent,
    arrival: int,
    deadline: int,
    status: IntentStatus,
    verdict: str,
) -> IntentRecord:
    now = bench.now
    kind = plan_for(intent, bar_orders=bench.gear.venue.capabilities.bar_orders)
    return IntentRecord(
        bench.plan.account,
        bench.plan.run_id,
        intent_id(intent),
        intent,
        kind.value,
        arrival,
        deadline,
        status,
        "",
        verdict if status is IntentStatus.DONE else "",
        now,
        now,
        verdict,
    )
