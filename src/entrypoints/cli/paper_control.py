"""`mettle paper|live health|pause|resume|stop`: speaking to a run that another process runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from .context import invocation

if TYPE_CHECKING:
    from ...application.journal import ControlVerb
    from ..workspace import Workspace

RunArgument = Annotated[str | None, typer.Argument(help="A run; the newest if not given.")]
SymbolOption = Annotated[str, typer.Option(help="Only this symbol; all if not given.")]
WaitOption = Annotated[
    float, typer.Option("--wait", min=0, help="Seconds to wait for the session's answer.")
]


def noun(ctx: typer.Context) -> str:
    """Return under which noun a verb was called: ``paper``, or ``live``."""
    found = ctx.parent.info_name if ctx.parent is not None else None
    return found or "paper"


def chosen(ctx: typer.Context, workspace: Workspace, run_id: str | None) -> str | None:
    """Return the run that is meant: under ``live`` never one on paper, unless it is named.

    Raises:
        NotFound: If there is none.
    """
    if run_id is not None or noun(ctx) != "live":
        return run_id
    from ...application.session.queries import Journal
    from ...domain.errors import NotFound

    for run in Journal(workspace.container.store()).runs(1_000):
        if run.kind != "paper":
            return run.run_id
    raise NotFound("no dry run yet", mend="start one with `mettle live run --dry-run`")


def health(ctx: typer.Context, run_id: RunArgument = None) -> None:
    """Say whether a run's session does what it should; exit 1 if not, 4 if there is none."""
    from ...application.control import Level
    from .account_views import signs_table, standing_document

    call = invocation(ctx)
    with call.workspace() as workspace:
        standing = workspace.standing(chosen(ctx, workspace, run_id))
        signs = workspace.health(standing.account)
    failed = [one for one in signs if one.level is Level.FAILED]
    document = {"healthy": not failed, "signs": signs, **standing_document(standing)}
    summary = f"{standing.account}: {'not ' if failed else ''}healthy"
    call.output.emit(f"{noun(ctx)}.health", document, signs_table(signs), summary)
    if not standing.is_running:
        raise typer.Exit(4)
    if failed:
        raise typer.Exit(1)


def pause(
    ctx: typer.Context,
    run_id: RunArgument = None,
    symbol: SymbolOption = "",
    reduce: Annotated[
        bool, typer.Option("--reduce", help="Let the agent go on reducing positions.")
    ] = False,
    wait: WaitOption = 5.0,
) -> None:
    """Send nothing of the agent's until `resume`; stops and exits still work."""
    from ...application.journal import ControlVerb

    verb = ControlVerb.REDUCE if reduce else ControlVerb.PAUSE
    _ask(ctx, "pause", verb, run_id, symbol, wait)


def resume(
    ctx: typer.Context,
    run_id: RunArgument = None,
    symbol: SymbolOption = "",
    wait: WaitOption = 5.0,
) -> None:
    """Go on after `pause`; exit 1 if something else still holds the run back."""
    from ...application.journal import ControlVerb
    from ...domain.risk import Mode

    mode = _ask(ctx, "resume", ControlVerb.RESUME, run_id, symbol, wait)
    if mode != Mode.ACTIVE.name:
        raise typer.Exit(1)


def stop(ctx: typer.Context, run_id: RunArgument = None, wait: WaitOption = 5.0) -> None:
    """End a run between two bars; the command that began it goes on with its --run-id."""
    from ...application.journal import ControlVerb

    _ask(ctx, "stop", ControlVerb.STOP, run_id, "", wait)


def _ask(
    ctx: typer.Context, what: str, verb: ControlVerb, run_id: str | None, symbol: str, wait: float
) -> str:
    """Give a command, print the answer and the mode that holds then; return the mode."""
    from ...application.control import mode_words
    from ...domain.risk import effective

    call = invocation(ctx)
    with call.workspace() as workspace:
        name = workspace.account(chosen(ctx, workspace, run_id))
        text = _symbol(workspace, name, symbol)
        answered = workspace.command(verb, name, text, round(wait * 1000))
        standing = workspace.standing(name)
    mode = effective(standing.causes, text)
    document = {
        "account": name,
        "symbol": text,
        "outcome": answered.outcome,
        "asked_at": answered.issued_at,
        "handled_at": answered.handled_at,
        "mode": mode.name,
        "mode_in_words": mode_words(mode),
    }
    causes = [one.cause for one in standing.causes if one.symbol in {"", text}]
    because = f" ({', '.join(causes)})" if causes else ""
    where = f"{name} {text}".strip()
    call.output.emit(
        f"{noun(ctx)}.{what}",
        document,
        f"{where}: {answered.outcome}",
        f"mode {mode.name}: {mode_words(mode)}{because}",
    )
    return mode.name


def _symbol(workspace: Workspace, account: str, symbol: str) -> str:
    """Return a symbol of the run as the journal has it.

    Raises:
        NotFound: If the run does not trade it.
    """
    if not symbol:
        return ""
    from ...domain.errors import NotFound
    from ..suggest import did_you_mean

    known = workspace.run(account).standing.run.symbols
    if symbol in known:
        return symbol
    mend = did_you_mean(symbol, known, f"it trades {', '.join(known)}")
    raise NotFound(f"run {account!r} does not trade {symbol!r}", mend=mend)
