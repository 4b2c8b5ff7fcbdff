"""`mettle paper run|status`; its other verbs are in :mod:`.paper_control`."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from .context import invocation
from .errors import INTERRUPTED
from .output import Cell, Table, utc
from .paper_control import health, pause, resume, stop

if TYPE_CHECKING:
    from ...application.session.queries import Decision, RunStanding
    from ..market_data import MarketData
    from ..workspace import Workspace


class Gaps(StrEnum):
    """What to do with missing bars."""

    HOLD = "hold"
    REFUSE = "refuse"


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
    allow_overlap: Annotated[
        bool, typer.Option("--allow-overlap", help="Accept bars that the model was trained on.")
    ] = False,
    commit_every: Annotated[
        int, typer.Option(help="Bars a transaction; 1 is durable bar by bar.")
    ] = 1,
) -> None:
    """Trade the workspace's candles on paper, on a simulated clock.

    Ctrl-C ends between two bars; the same --run-id goes on from there.
    """
    call = invocation(ctx)
    if (model is None) == (strategy is None):
        raise typer.BadParameter("give either --model or --strategy")
    if last is not None and start is not None:
        raise typer.BadParameter("--last counts back from the end, give it or --from, not both")
    name = model or strategy or ""
    flags: dict[str, object] = {
        "market.symbols": symbols,
        "market.timeframe": timeframe,
        "paper.capital": capital,
        "paper.from": start,
        "paper.to": stop,
        "backtest.cost_profile": costs,
    }
    with call.workspace(flags) as workspace, _interruptible() as stopped:
        data = _bars(workspace, name, symbols, timeframe, last)
        if data.synthetic:
            call.output.warn("these bars are SYNTHETIC")
        call.output.note(f"PAPER: {name} on {data!r}")
        with call.output.progress("paper", len(data)) as advance:
            done = workspace.paper(
                name,
                data,
                run_id=run_id,
                gaps=gaps.value,
                allow_overlap=allow_overlap,
                commit_every=commit_every,
                should_stop=lambda: bool(stopped),
                on_progress=lambda bars, _total: advance(bars),
            )
        for warning in done.warnings:
            call.output.warn(warning)
        decisions = done.decisions(limit=5)
    document = _document(done.standing) | {"bars": done.bars, "resumed": done.resumed}
    call.output.emit("paper.run", document, _table(done.standing), _reasons(decisions))
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

    call = invocation(ctx)
    with call.workspace() as workspace:
        store = workspace.container.store()
        standing = paper_status(store, run_id)
        told = Journal(store).decisions(standing.run.run_id, decisions)
        at_work = workspace.at_work(standing.run.run_id)
    document = _document(standing) | {"at_work": at_work, "latest": told}
    call.output.emit("paper.status", document, _table(standing), _reasons(told))
    if standing.run.status.value == "running" and not at_work:
        call.output.warn(
            "no process on this machine is at work on this run: it was cut, or is another "
            f"machine's; the command that began it goes on with --run-id {standing.run.run_id}"
        )


for _verb in (health, pause, resume, stop):
    app.command()(_verb)


def _bars(
    workspace: Workspace,
    name: str,
    symbols: str | None,
    timeframe: str | None,
    last: str | None,
) -> MarketData:
    """Return the bars to trade: a model's own, after its training, unless told otherwise."""
    chosen = workspace.agent(name)
    start, stop = workspace.settings.paper.milliseconds
    if start is None:
        start = chosen.provenance.trained_until_ms
    return workspace.data.get(
        chosen.symbols if symbols is None else None,
        chosen.timeframe if timeframe is None else None,
        last=last,
        start=None if last is not None else start,
        stop=stop,
    )


@contextmanager
def _interruptible() -> Iterator[list[int]]:
    """Collect the first interrupt instead of dying of it; a second one ends at once."""
    seen: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        if seen:
            raise KeyboardInterrupt
        seen.append(number)

    wanted = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    heard = [one for one in wanted if signal.getsignal(one) is not signal.SIG_IGN]  # `nohup`, `&`
    before = {number: signal.signal(number, note) for number in heard}
    try:
        yield seen
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _document(standing: RunStanding) -> dict[str, object]:
    run, mark = standing.run, standing.mark
    return {
        "run_id": run.run_id,
        "mode": "PAPER",
        "status": run.status.value,
        "agent": run.agent,
        "symbols": list(run.symbols),
        "timeframe": run.timeframe,
        "synthetic": run.synthetic,
        "quote": run.quote,
        "equity": standing.equity,
        "change": standing.change,
        "last_close": None if mark is None else mark.marked_at,
        "decisions": standing.decisions,
        "fills": standing.fills,
    }


def _table(standing: RunStanding) -> Table:
    run, mark = standing.run, standing.mark
    change = "-" if standing.change is None else f"{100 * standing.change:+.2f} %"
    rows: list[tuple[Cell, ...]] = [
        ("run", run.run_id),
        ("mode", "PAPER"),
        ("status", run.status.value),
        ("agent", run.agent),
        ("symbols", ", ".join(run.symbols)),
        ("data", "SYNTHETIC" if run.synthetic else "recorded"),
        ("last close", None if mark is None else utc(mark.marked_at)),
        ("equity", f"{standing.equity:.2f} {run.quote}"),
        ("change", change),
        ("decisions", standing.decisions),
        ("fills", standing.fills),
    ]
    return Table(("", "value"), rows)


def _reasons(decisions: Sequence[Decision]) -> Table:
    rows: list[tuple[Cell, ...]] = [(utc(one.time), one.action, one.why) for one in decisions]
    return Table(("decided", "action", "why"), rows, title="last decisions")
