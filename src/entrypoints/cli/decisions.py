"""`mettle decisions list|show`."""

from __future__ import annotations

from typing import Annotated

import typer

from .context import invocation
from .orders import AccountOption
from .output import Cell, Table, utc

app = typer.Typer(help="List and show decisions and their reasons.", no_args_is_help=True)


@app.command(name="list")
def list_(
    ctx: typer.Context,
    account: AccountOption = None,
    why_not: Annotated[
        bool, typer.Option("--why-not", help="Only what was not traded, with the reason.")
    ] = False,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="How many.")] = 10,
) -> None:
    """List the newest decisions, newest first: what was done, or not, and why."""
    call = invocation(ctx)
    with call.workspace() as workspace:
        name = workspace.account(account)
        if why_not:
            refused = workspace.why_not(name, limit)
            rows: list[tuple[Cell, ...]] = [(utc(one.time), one.symbol, one.why) for one in refused]
            table = Table(("decided", "symbol", "why not"), rows)
            document: dict[str, object] = {"account": name, "not_traded": refused}
        else:
            told = workspace.decisions(name, limit)
            rows = [(utc(one.time), one.action, one.why) for one in told]
            table = Table(("decided", "action", "why"), rows)
            document = {"account": name, "decisions": told}
    human = table if rows else f"no such decisions of {name}"
    call.output.emit("decisions.list", document, human)


@app.command()
def show(
    ctx: typer.Context,
    when: Annotated[
        str | None, typer.Argument(help="Close of its bar, UTC; the newest if not given.")
    ] = None,
    account: AccountOption = None,
) -> None:
    """Show one decision: each asset's action and reason, and the orders that came of it."""
    from ...application.control import state_words
    from .account_views import intent_document, order_document

    call = invocation(ctx)
    with call.workspace() as workspace:
        found = workspace.decision(_moment(when), account)
    told = found.decision
    assets: list[tuple[Cell, ...]] = [
        (
            one.symbol,
            None if one.action is None else f"{one.action:+.4f}",
            f"{one.current / 100:g} %",
            None if one.wanted is None else f"{one.wanted / 100:g} %",
            one.verdict,
        )
        for one in told.assets
    ]
    orders: list[tuple[Cell, ...]] = [
        (one.client_order_id, str(one.intent.symbol), one.intent.side.value, state_words(one.state))
        for one in found.orders
    ]
    intents: list[tuple[Cell, ...]] = [
        (
            str(one.intent.symbol),
            one.intent.side.value,
            one.intent.purpose.value,
            one.plan,
            one.verdict or None,
            one.status.value,
            one.outcome or None,
        )
        for one in found.intents
    ]
    human: list[Table | str] = [
        f"{found.account} at {utc(told.time)}, equity {told.equity:.2f}",
        Table(("symbol", "action", "held", "wanted", "why"), assets),
    ]
    if intents:
        columns = ("symbol", "side", "purpose", "plan", "risk says", "status", "outcome")
        human.append(Table(columns, intents, title="intents"))
    if orders:
        human.append(Table(("order", "symbol", "side", "state"), orders, title="orders"))
    document = {
        "account": found.account,
        "decision": told,
        "intents": [intent_document(one) for one in found.intents],
        "orders": [order_document(one) for one in found.orders],
    }
    call.output.emit("decisions.show", document, *human)


def _moment(when: str | None) -> str | int | None:
    return int(when) if when is not None and when.isdecimal() and len(when) > 8 else when
