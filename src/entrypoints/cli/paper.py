"""`mettle paper run|status`; its other verbs are in :mod:`.paper_control`."""

from __future__ import annotations

from typing import Annotated

import typer

from .context import invocation
from .errors import INTERRUPTED
from .paper_control import chosen, health, noun, pause, resume, stop
from .running import (
    Gaps,
    ProfileOption,
    interruptible,
    one_of,
    risk_profile,
    run_bars,
    warn_of_lost_notices,
)

app = typer.Typer(
    help="Trade on paper: run, status, health, pause, resume, stop.", no_args_is_help=True
)


@app.command()
def run(
    ctx: typer.Context,
    model: Annotated[str | None, typer.Option("--model", "-m", help="A trained model.")] = None,
    strategy: Annotated[
        str | None, typer.Option(help="A rule, such as ema-cross:fast=12,slow=26.")
    ] = None,
    symbols: Annotated[
        str | None, typer.Option("--symbols", help="Such as BTC/USDT,ETH/USDT.")
    ] = None,
    timeframe: Annotated[str | None, typer.Option("--timeframe", "-t", help="Such as 1h.")] = None,
    capital: Annotated[str | None, typer.Option(help="Starting cash, quote currency.")] = None,
    start: Annotated[str | None, typer.Option("--from", help="First date, UTC.")] = None,
    stop: Annotated[str | None, typer.Option("--to", help="First date after, UTC.")] = None,
    last: Annotated[str | None, typer.Option(help="Only the last 30d, 6mo, 1y.")] = None,
    run_id: Annotated[
        str | None, typer.Option("--run-id", help="Go on with this run, or give a new one a name.")
    ] = None,
    gaps: Annotated[Gaps, typer.Option(help="Missing bars.")] = Gaps.HOLD,
    costs: Annotated[
        str | None, typer.Option("--cost-profile", help="Named fees and slippage.")
    ] = None,
    _profile: ProfileOption = None,
    allow_overlap: Annotated[
        bool, typer.Option("--allow-overlap", help="Accept bars that the model was trained on.")
    ] = False,
    commit_every: Annotated[
        int, typer.Option(help="Bars a transaction; 1 is durable bar by bar.")
    ] = 1,
) -> None:
    """Trade the workspace's candles on paper, on a simulated clock.

    Without --profile a run keeps to paper.profile, which is none unless set: then it is equal to
    its backtest, order by order. Ctrl-C ends between two bars; the same --run-id goes on from
    there.
    """
    from .run_views import reasons_table, run_document, run_table

    call = invocation(ctx)
    name = one_of(model, strategy)
    if last is not None and start is not None:
        raise typer.BadParameter("--last counts back from the end, give it or --from, not both")
    flags: dict[str, object] = {
        "market.symbols": symbols,
        "market.timeframe": timeframe,
        "paper.capital": capital,
        "paper.from": start,
        "paper.to": stop,
        "backtest.cost_profile": costs,
    }
    limits = risk_profile(call)
    with call.workspace(flags) as workspace, interruptible() as stopped:
        data = run_bars(workspace, name, symbols=symbols, timeframe=timeframe, last=last)
        if data.synthetic:
            call.output.warn("these bars are SYNTHETIC")
        call.output.note(f"PAPER: {name} on {data!r}")
        with call.output.progress("paper", len(data)) as advance:
            done = workspace.paper(
                name,
                data,
                run_id=run_id,
                gaps=gaps.value,
                profile=limits,
                allow_overlap=allow_overlap,
                commit_every=commit_every,
                should_stop=lambda: bool(stopped),
                on_progress=lambda bars, _total: advance(bars),
            )
        for warning in done.warnings:
            call.output.warn(warning)
        decisions = done.decisions(limit=5)
        profile = workspace.risk(done.run_id).profile
        warn_of_lost_notices(call, workspace)
    more = {"profile": profile, "bars": done.bars, "resumed": done.resumed}
    document = run_document(done.standing) | more
    table = run_table(done.standing, profile)
    call.output.emit("paper.run", document, table, reasons_table(decisions))
    if stopped:
        call.output.note(f"stopped; go on with the same command and --run-id {done.run_id}")
        raise typer.Exit(INTERRUPTED)
    if done.resumed and not done.bars:
        call.output.note(f"run {done.run_id} was {done.status.value} before: nothing was traded")
    call.output.note(f"next: mettle paper status {done.run_id}")


@app.command()
def status(
    ctx: typer.Context,
    run_id: Annotated[str | None, typer.Argument(help="A run; the newest if not given.")] = None,
    decisions: Annotated[int, typer.Option(min=0, help="How many decisions to show.")] = 5,
) -> None:
    """Show how a run stands and why it did what it did last."""
    from ...application.session.paper import paper_status
    from ...application.session.queries import Journal
    from .run_views import reasons_table, run_document, run_table

    call = invocation(ctx)
    with call.workspace() as workspace:
        store = workspace.container.store()
        standing = paper_status(store, chosen(ctx, workspace, run_id))
        told = Journal(store).decisions(standing.run.run_id, decisions)
        at_work = workspace.at_work(standing.run.run_id)
        profile = workspace.risk(standing.run.run_id).profile
    document = run_document(standing) | {"profile": profile, "at_work": at_work, "latest": told}
    call.output.emit(
        f"{noun(ctx)}.status", document, run_table(standing, profile), reasons_table(told)
    )
    if standing.run.status.value == "running" and not at_work:
        call.output.warn(
            "no process on this machine is at work on this run: it was cut, or is another "
            f"machine's; the command that began it goes on with --run-id {standing.run.run_id}"
        )


for _verb in (health, pause, resume, stop):
    app.command()(_verb)
