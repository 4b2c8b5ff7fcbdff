"""`mettle live run`; its other verbs are those of `paper`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from .context import invocation
from .errors import INTERRUPTED
from .paper import status
from .paper_control import health, pause, resume, stop
from .running import (
    Gaps,
    ProfileOption,
    interruptible,
    one_of,
    risk_profile,
    run_bars,
    warn_of_lost_notices,
)

if TYPE_CHECKING:
    from ..paper import DryRun
    from ..workspace import Workspace
    from .context import Invocation

app = typer.Typer(
    help="Trade with real money, dry runs first: run, status, health, pause, resume, stop.",
    no_args_is_help=True,
)


@app.command()
def run(
    ctx: typer.Context,
    model: Annotated[str | None, typer.Option("--model", "-m", help="A trained model.")] = None,
    strategy: Annotated[
        str | None, typer.Option(help="A rule, such as ema-cross:fast=12,slow=26.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Everything but the sending of orders.")
    ] = False,
    length: Annotated[
        str | None,
        typer.Option("--for", help="End after 1h, 3d … of market time; 30d if not given."),
    ] = None,
    symbols: Annotated[
        str | None, typer.Option("--symbols", help="Such as BTC/USDT,ETH/USDT.")
    ] = None,
    timeframe: Annotated[str | None, typer.Option("--timeframe", "-t", help="Such as 1h.")] = None,
    capital: Annotated[str | None, typer.Option(help="Starting cash, quote currency.")] = None,
    start: Annotated[
        str | None, typer.Option("--from", help="First date, UTC; else the newest candles.")
    ] = None,
    run_id: Annotated[
        str | None, typer.Option("--run-id", help="Go on with this run, or give a new one a name.")
    ] = None,
    gaps: Annotated[Gaps, typer.Option(help="Missing bars.")] = Gaps.HOLD,
    costs: Annotated[str | None, typer.Option("--cost-profile", help="Named fees.")] = None,
    _profile: ProfileOption = None,
    allow_overlap: Annotated[
        bool, typer.Option("--allow-overlap", help="Accept bars that the model was trained on.")
    ] = False,
    show: Annotated[int, typer.Option(min=0, help="How many orders to show.")] = 10,
    venue: Annotated[str | None, typer.Option(help="As in market.venue.")] = None,
) -> None:
    """Run a model with real money; this version only does so dry, and sends nothing.

    A dry run is the same session as a live one: bars, decisions, risk, prices, journal, and then
    each order is kept here. This version reaches no venue, so it looks at a simulated exchange over
    the candles of the workspace, on a simulated clock. Nothing is ever held: each bar decides from
    cash. Ctrl-C ends between two steps; the same --run-id goes on from there.
    """
    call = invocation(ctx)
    name = one_of(model, strategy)
    flags = {
        "market.venue": venue,
        "market.symbols": symbols,
        "market.timeframe": timeframe,
        "paper.capital": capital,
        "paper.from": start,
        "backtest.cost_profile": costs,
    }
    limits = risk_profile(call)
    with call.workspace(flags) as workspace, interruptible() as stopped:
        if not dry_run:
            _refuse(workspace.settings.market.venue, "--model" if model else "--strategy", name)
        data = run_bars(
            workspace, name, symbols=symbols, timeframe=timeframe, length=length or "30d"
        )
        if data.synthetic:
            call.output.warn("these bars are SYNTHETIC")
        call.output.note(f"DRY-RUN: {name} on {data!r}; no order leaves this machine")
        with call.output.progress("dry run", len(data)) as advance:
            done = workspace.dry_run(
                name,
                data,
                run_id=run_id,
                gaps=gaps.value,
                profile=limits or "own",
                allow_overlap=allow_overlap,
                should_stop=lambda: bool(stopped),
                on_progress=lambda bars, _total: advance(bars),
            )
        _tell(call, workspace, done, show)
        warn_of_lost_notices(call, workspace)
    if stopped:
        call.output.note(f"stopped; go on with the same command and --run-id {done.run_id}")
        raise typer.Exit(INTERRUPTED)
    call.output.note(f"next: mettle orders list -a {done.run_id}")


for _verb in (status, health, pause, resume, stop):
    app.command()(_verb)


def _refuse(venue: str, option: str, name: str) -> None:
    """Send nothing with real money: there is nowhere to send it to."""
    from ...domain.errors import RefusedForSafety

    raise RefusedForSafety(
        f"no order can be sent to {venue!r}: this version trades at no venue",
        mend=f"`mettle live run --dry-run {option} {name}` does everything but the sending",
    )


def _tell(call: Invocation, workspace: Workspace, done: DryRun, show: int) -> None:
    """Say how the run stands and what it would have sent."""
    from .account_views import terms_of
    from .run_views import dry_document, dry_tables, run_document, run_table

    for warning in done.warnings:
        call.output.warn(warning)
    book, terms = done.book(), terms_of(workspace)
    profile = workspace.risk(done.run_id).profile
    document = run_document(done.standing) | {
        "profile": profile,
        "bars": done.bars,
        "resumed": done.resumed,
        **dry_document(book, terms),
    }
    tables = dry_tables(book, terms, show)
    call.output.emit("live.run", document, run_table(done.standing, profile), *tables)
