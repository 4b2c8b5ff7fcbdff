"""`mettle orders list|show`."""

from __future__ import annotations

from typing import Annotated

import typer

from .context import invocation
from .output import Cell, Table, utc

app = typer.Typer(help="List and show orders.", no_args_is_help=True)

AccountOption = Annotated[
    str | None,
    typer.Option("--account", "-a", help="An account or a run; the newest run if not given."),
]


@app.command(name="list")
def list_(
    ctx: typer.Context,
    account: AccountOption = None,
    live: Annotated[bool, typer.Option(help="Only those that the venue may hold.")] = False,
    symbol: Annotated[str | None, typer.Option(help="Only those that trade it.")] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="How many.")] = 20,
) -> None:
    """List the newest orders, newest first."""
    from .account_views import ORDER_COLUMNS, order_row, terms_of, view_document

    call = invocation(ctx)
    with call.workspace() as workspace:
        name = workspace.account(account)
        found = workspace.orders(name, limit, live=live, symbol=symbol)
        terms = terms_of(workspace)
    document = {"account": name, "orders": [view_document(one, terms) for one in found]}
    human: Table | str = Table(ORDER_COLUMNS, [order_row(one, terms) for one in found])
    if not found:
        human = f"no {'live ' if live else ''}orders of {name}"
    call.output.emit("orders.list", document, human)


@app.command()
def show(
    ctx: typer.Context,
    order: Annotated[str, typer.Argument(help="Its id, or the beginning of it.")],
    account: AccountOption = None,
) -> None:
    """Show one order: intent, attempts, fills, and what was noted about it."""
    from ...application.control import state_words
    from .account_views import (
        fills_table,
        intent_document,
        order_document,
        price,
        size,
        terms_of,
        view_document,
    )

    call = invocation(ctx)
    with call.workspace() as workspace:
        found = workspace.order(order, account)
        terms = terms_of(workspace)
    document = {
        **view_document(found, terms),
        "intent": None if found.intent is None else intent_document(found.intent),
        "attempts": [order_document(one) for one in found.attempts],
        "fills": found.fills,
        "audit": found.audit,
    }
    own, intent = found.order, found.order.intent
    unit = terms.get(str(intent.symbol))
    plan = found.intent
    rows: list[tuple[Cell, ...]] = [
        ("order", own.client_order_id),
        ("account", own.account),
        ("at the venue", own.venue_order_id or None),
        ("symbol", str(intent.symbol)),
        ("wanted", f"{intent.side.value} {size(intent.lots, unit)} ({intent.purpose.value})"),
        ("state", state_words(own.state)),
        ("by", own.evidence or None),
        ("filled", size(found.filled, unit)),
        ("average price", price(found.ticks, unit)),
        ("price when decided", None if plan is None else price(plan.arrival, unit)),
        ("limit", None if own.terms is None else price(own.terms.limit, unit)),
        ("leg", f"{own.leg.value}, attempt {own.attempt} of {max(1, len(found.attempts))}"),
        ("plan", None if plan is None else f"{plan.plan}, {plan.status.value} {plan.outcome}"),
        ("decided", utc(intent.decided_at)),
        ("written down", utc(own.recorded_at)),
        ("sent", None if own.sent_at is None else utc(own.sent_at)),
        ("last change", utc(own.updated_at)),
    ]
    human: list[Table | str] = [Table(("", "value"), rows)]
    if found.fills:
        human.append(fills_table(found.fills, terms))
    if found.audit:
        notes = [(utc(one.occurred_at), one.subject, one.text) for one in found.audit]
        human.append(Table(("noted", "about", "text"), notes, title="audit"))
    call.output.emit("orders.show", document, *human)
