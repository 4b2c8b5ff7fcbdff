"""`mettle kill`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from .context import invocation

if TYPE_CHECKING:
    from ...application.control import AccountKill

app = typer.Typer()


@app.command()
def kill(
    ctx: typer.Context,
    account: Annotated[
        str | None,
        typer.Option("--account", "-a", help="Only this account or run; everything if not given."),
    ] = None,
    flatten: Annotated[bool, typer.Option(help="Also close the positions.")] = False,
    reason: Annotated[str, typer.Option(help="Why, for the audit.")] = "",
) -> None:
    """Stop all trading now; only a person's `mettle risk reset kill` ends it.

    Asks nothing. Works while the trader hangs and without the database, and holds after a restart.
    """
    from ..killing import kill_now
    from ..places import find

    call = invocation(ctx)
    places = find(call.options.home, call.options.config)
    done = kill_now(
        places.home,
        lambda: call.settings().database,
        account,
        flatten=flatten,
        reason=reason,
    )
    for what, problem in (
        ("the flag could not be set", done.flag_problem),
        ("the database was not written, the flag holds alone", done.database_problem),
        ("orders were not cancelled from here", done.venue_problem),
    ):
        if problem:
            call.output.warn(f"{what}: {problem}")
    if flatten and not done.flattens:
        call.output.warn("--flatten is not written down: kill again once the database works")
    name = "everything" if account is None else account
    lines = [f"KILLED: {name}", *map(_line, done.accounts)]
    if flatten:
        lines.append("positions: each session is asked to close its own")
    document = {
        "killed": name,
        "reason": done.text,
        "accounts": done.accounts,
        "flag_problem": done.flag_problem,
        "database_problem": done.database_problem,
        "venue_problem": done.venue_problem,
        "orders_left": done.orders_left,
    }
    call.output.emit("kill", document, *lines)
    call.output.note(
        "re-arm: mettle risk reset kill" + ("" if account is None else f" --account {account}")
    )


def _line(one: AccountKill) -> str:
    if not one.holder:
        return f"{one.account}: no session runs"
    said = one.answer or "has not answered; nothing that it sends is let through"
    return f"{one.account}: {one.holder}: {said}"
