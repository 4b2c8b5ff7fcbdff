"""What a dry run would have sent, and what risk kept back."""

from __future__ import annotations

from dataclasses import dataclass

from ...domain.orders import OrderTerms, intent_id
from ..journal import IntentRecord, OrderRecord
from ..ports.unit_of_work import Store

_ALL = 1_000_000


@dataclass(frozen=True, slots=True)
class Unsent:
    """One order that a dry run kept here.

    Attributes:
        intent: What it was for, with the verdict of the risk engine.
        terms: Exactly what would have been sent.
        taken_at: When, by the session's clock, Unix milliseconds UTC.
    """

    intent: IntentRecord
    client_order_id: str
    terms: OrderTerms
    taken_at: int


@dataclass(frozen=True, slots=True)
class DryBook:
    """Everything that a dry run wanted, newest first.

    Attributes:
        would_send: Orders as they would have gone out.
        held_back: Intents without one: refused by risk, or given up before the sending; the outcome
            says why.
    """

    would_send: tuple[Unsent, ...]
    held_back: tuple[IntentRecord, ...]


def dry_book(store: Store, run_id: str) -> DryBook:
    """Return what a run wanted to trade."""
    would_send: list[Unsent] = []
    held_back: list[IntentRecord] = []
    with store.reading() as unit:
        orders: dict[str, list[OrderRecord]] = {}
        for order in unit.orders.latest(run_id, _ALL):
            orders.setdefault(intent_id(order.intent), []).append(order)
        for intent in unit.intents.latest(run_id, _ALL):
            attempts = [
                Unsent(intent, one.client_order_id, one.terms, one.recorded_at)
                for one in orders.get(intent.intent_id, ())
                if one.terms is not None
            ]
            would_send += attempts
            if not attempts:
                held_back.append(intent)
    return DryBook(tuple(would_send), tuple(held_back))
