"""`mettle backtest`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ...domain.errors import InvalidValue
from .context import Invocation, invocation
from .output import Table

if TYPE_CHECKING:
    from ...application.backtest import BacktestRequest, BacktestResult, WalkForward
    from ..workspace import Workspace

app = typer.Typer()


@app.command()
def backtest(
    ctx: typer.Context,
    name: Annotated[
        str, typer.Argument(metavar="MODEL|STRATEGY", help="Such as ema-cross:fast=10,slow=30.")
    ],
    symbols: Annotated[
        str | None, typer.Option("--symbols", "-s", help="Such as BTC/USDT,ETH/USDT.")
    ] = None,
    timeframe: Annotated[str | None, typer.Option("--timeframe", "-t", help="Such as 1h.")] = None,
    start: Annotated[
        str | None,
        typer.Option("--from", help="First bar; after the model's training if left out."),
    ] = None,
    stop: Annotated[str | None, typer.Option("--to", help="End, not included.")] = None,
    costs: Annotated[
        str | None,
        typer.Option("--cost-profile", help="own, binance, coinbase, alpaca, zero; NAME+stress."),
    ] = None,
    gaps: Annotated[
        str | None, typer.Option(help="Missing bars: refuse the period, or hold through them.")
    ] = None,
    walk_forward: Annotated[
        bool,
        typer.Option(
            "--walk-forward",
            help="Judge window after window, each ended flat; nothing is trained again.",
        ),
    ] = False,
    train_span: Annotated[
        str | None,
        typer.Option(help="Walk-forward: left out before the first window; 180d if left out."),
    ] = None,
    test_span: Annotated[
        str | None, typer.Option(help="Walk-forward: length of a window; 30d if left out.")
    ] = None,
    allow_overlap: Annotated[
        bool, typer.Option("--allow-overlap", help="Accept bars that the model was trained on.")
    ] = False,
    report: Annotated[
        Path | None,
        typer.Option("--report", help="The tear sheet; in the reports folder if left out."),
    ] = None,
    no_report: Annotated[bool, typer.Option("--no-report", help="Write no tear sheet.")] = False,
) -> None:
    """Run a model or a strategy over history, and write its tear sheet."""
    call = invocation(ctx)
    if not walk_forward and (train_span or test_span):
        raise typer.BadParameter("--train-span and --test-span need --walk-forward")
    flags = {
        "market.symbols": symbols,
        "market.timeframe": timeframe,
        "backtest.from": start,
        "backtest.to": stop,
        "backtest.cost_profile": costs,
        "backtest.gaps": gaps,
    }
    with call.workspace(flags) as workspace:
        request = _request(workspace, name, symbols, timeframe, allow_overlap=allow_overlap)
        for one in workspace.differences(name, request):
            call.output.warn(one)
        plan = None
        if walk_forward:
            plan = _plan(request, train_span or "180d", test_span or "30d")
        result = workspace.judge(request, plan)
        written = None if no_report else _report(workspace, result, report)
    show_result(call, result, written)


def _request(
    workspace: Workspace,
    name: str,
    symbols: str | None,
    timeframe: str | None,
    *,
    allow_overlap: bool,
) -> BacktestRequest:
    """Put together what is asked; a model brings its own symbols and timeframe."""
    chosen = workspace.agent(name)
    start_ms, stop_ms = workspace.settings.backtest.milliseconds
    data = workspace.data.get(
        chosen.symbols if symbols is None else None,
        chosen.timeframe if timeframe is None else None,
        stop=stop_ms,
    )
    request = workspace.trial(name, data, allow_overlap=allow_overlap)
    # Without a start, a model's test begins after its training.
    return replace(request, start_ms=start_ms)


def _plan(request: BacktestRequest, train: str, test: str) -> WalkForward:
    from ...application.backtest import WalkForward

    bar = request.panel.timeframe.milliseconds
    return WalkForward(bars_in(train, bar), bars_in(test, bar))


def bars_in(span: str, bar_ms: int) -> int:
    """Return the bars that a span such as ``30d`` holds.

    Raises:
        InvalidValue: If they are fewer than two.
    """
    from ..market_data import span_ms

    bars = span_ms(span) // bar_ms
    if bars < 2:
        raise InvalidValue(f"{span} holds {bars} bars, a window needs 2", mend="give more days")
    return bars


def _report(workspace: Workspace, result: BacktestResult, path: Path | None) -> Path:
    if path is None:
        stem = "".join(one if one.isalnum() or one in "-_." else "_" for one in result.agent)
        path = workspace.resolved.reports / f"{stem}-{result.panel.timeframe}.html"
    return workspace.container.report_writer().write(result, path)


def show_result(call: Invocation, result: BacktestResult, written: Path | None) -> None:
    """Print a result: the verdict, the figures, the costs, and where the tear sheet lies."""
    from ...application.backtest import to_summary, verdict

    for one in result.warnings:
        call.output.warn(one)
    data = to_summary(result) | {"report": written}
    del data["schema"]  # the output writes it around the data
    told = [] if written is None else [f"tear sheet: {written}"]
    call.output.emit(
        "backtest",
        data,
        verdict(result),
        _figures(result),
        _costs(result),
        *_windows(result),
        *told,
    )


def _figures(result: BacktestResult) -> Table:
    from ...application.backtest.words import HEADLINES, WORDS, interval, unit_of, write

    found, rows = result.metrics.figures(), []
    for name in (*HEADLINES, "expectancy", "exposure", "turnover", "maker_ratio"):
        figure, word = found[name], WORDS[name]
        label = f"{word.label} {unit_of(name, result.metrics)}".strip()
        shown = write(figure.value, word.unit, result.quote)
        ends = interval(figure, word.unit, result.quote) if figure.value is not None else ""
        why = figure.reason if figure.value is None else ""
        rows.append((label, shown, ends, figure.n, why))
    level = f"{result.metrics.level:.0%} interval"
    return Table(("figure", "value", level, "n", "why not"), rows)


def _costs(result: BacktestResult) -> str:
    costs = result.costs
    return (
        f"costs ({result.cost_profile}), {result.quote}: {costs.gross:,.2f} before costs"
        f" - {costs.fee:,.2f} fees - {costs.slippage:,.2f} slippage"
        f" + {costs.funding:,.2f} funding = {costs.net:,.2f}"
    )


def _windows(result: BacktestResult) -> list[Table]:
    from .output import utc

    if not result.windows:
        return []
    opens = result.panel.open_time
    rows = [
        (utc(int(opens[one.start])), utc(int(opens[one.stop - 1])), one.total_return, one.trades)
        for one in result.windows
    ]
    return [Table(("from", "to", "return", "trades"), rows, "walk-forward windows")]
