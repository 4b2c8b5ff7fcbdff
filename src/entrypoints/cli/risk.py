"""`mettle risk show|reset`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from .context import Invocation, invocation
from .orders import AccountOption
from .output import Cell, Table

if TYPE_CHECKING:
    from ..workspace import Workspace

app = typer.Typer(help="Show limits and breakers, reset a breaker or a kill.", no_args_is_help=True)


@app.command()
def show(ctx: typer.Context, account: AccountOption = None) -> None:
    """Show limits, the mode and its causes, and how far each breaker has come.

    Before the first run it shows what the section [risk] would let one do.
    """
    from .account_views import breakers_table, standing_document, standing_rows

    call = invocation(ctx)
    with call.workspace() as workspace:
        found = workspace.risk(account)
    standing = found.standing
    rows: list[tuple[Cell, ...]] = [] if standing is None else standing_rows(standing)
    rows.append(("risk profile", found.profile))
    document = {
        **({} if standing is None else standing_document(standing)),
        "profile": found.profile,
        "limits": found.limits,
        "breakers": [
            {
                "name": one.name,
                "state": one.phase.value,
                "limit": one.limit,
                "now": one.now,
                "since": one.since or None,
                "until": one.until or None,
                "needs_operator": one.needs_operator,
                "cause": one.cause,
            }
            for one in found.breakers
        ],
    }
    none = f"no breakers: risk profile {found.profile!r} sets none"
    human = breakers_table(found.breakers) if found.breakers else none
    limits = Table(("limit", "at most"), list(found.limits.items()), title="limits of openings")
    none = f"no limits: risk profile {found.profile!r} sets none"
    tables = [Table(("", "value"), rows), limits if found.limits else none, human]
    call.output.emit("risk.show", document, *tables)


@app.command()
def reset(
    ctx: typer.Context,
    what: Annotated[
        str,
        typer.Argument(
            metavar="BREAKER|kill|DISCREPANCY|discrepancies",
            help="A breaker, `kill` to re-arm, the id of a discrepancy you have looked into, or "
            "`discrepancies` for all that `risk show` lists now.",
        ),
    ],
    account: AccountOption = None,
    confirm: Annotated[
        str | None,
        typer.Option(help="The account's name again; `everything` after a kill of everything."),
    ] = None,
) -> None:
    """Give a person's word; a breaker still waits for its time and a clean reconciliation.

    A kill ends only here: on a terminal the account's name is asked for, elsewhere --confirm must
    give it. Exit 1 if there was nothing to reset.
    """
    call = invocation(ctx)
    with call.workspace() as workspace:
        if what == "kill" and confirm is None:
            confirm = _typed(call, workspace, account)
        done = workspace.reset(what, account, confirm=confirm)
    call.output.emit("risk.reset", done, done.text)
    if not done.changed:
        raise typer.Exit(1)


def _typed(call: Invocation, workspace: Workspace, account: str | None) -> str | None:
    """Ask for the name on a terminal; None elsewhere, which is refused."""
    if call.options.no_input or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return None
    name = workspace.confirmation(workspace.killed(account))
    typed: str = typer.prompt(
        f"type {name!r} to re-arm it", default="", show_default=False, err=True
    )
    return typed
