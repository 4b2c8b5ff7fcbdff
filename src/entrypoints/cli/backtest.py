"""`mettle backtest`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ...domain.errors import InvalidValue
from .context import Invocation, invocation
from .output import Table

if TYPE_CHECKING:
    from ...application.backtest import BacktestRequest, BacktestResult
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
        bool, typer.Option("--walk-forward", help="Judge window after window, each out of sample.")
    ] = False,
    train_span: Annotated[
        str, typer.Option(help="Walk-forward: what lies before each window.")
    ] = "180d",
    test_span: Annotated[str, typer.Option(help="Walk-forward: length of a window.")] = "30d",
    anchored: Annotated[
        bool, typer.Option("--anchored", help="Walk-forward: training begins at the first bar.")
    ] = False,
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
    flags = {
        "market.symbols": symbols,
        "market.timeframe": timeframe,
        "backtest.from": start,
        "backtest.to": stop,
        "backtest.cost_profile": costs,
        "backtest.gaps": gaps,
    }
    workspace = call.workspace(flags)
    given = {"symbols": symbols is not None, "timeframe": timeframe is not None}
    request = _request(workspace, name, given=given, allow_overlap=allow_overlap)
    for one in workspace.differences(name, request):
        call.output.warn(one)
    spans = (train_span, test_span) if walk_forward else None
    result = _run(workspace, request, spans, anchored=anchored)
    written = None if no_report else _report(workspace, result, report)
    _show(call, result, written)


def _request(
    workspace: Workspace, name: str, *, given: dict[str, bool], allow_overlap: bool
) -> BacktestRequest:
    """Put together what is asked; a model brings its own symbols and timeframe."""
    from ...application.backtest import BacktestRequest, GapPolicy, cost_profile

    wanted, chosen = workspace.settings.backtest, workspace.agent(name)
    symbols, timeframe = None, None
    if chosen.manifest is not None:
        own = chosen.manifest
        symbols = None if given["symbols"] else [str(one) for one in own.symbols]
        timeframe = None if given["timeframe"] else str(own.timeframe)
    start_ms, stop_ms = wanted.milliseconds
    panel = workspace.data.get(symbols, timeframe, stop=stop_ms).with_history
    if chosen.manifest is not None:
        chosen.manifest.require(panel)
    return BacktestRequest(
        panel=panel,
        agent=chosen.agent,
        settings=workspace.settings.simulation.to_domain(),
        provenance=chosen.provenance,
        start_ms=start_ms,
        gaps=GapPolicy(wanted.gaps),
        costs=cost_profile(wanted.cost_profile),
        close_at_end=wanted.close_at_end,
        allow_overlap=allow_overlap,
        resamples=wanted.resamples,
        level=wanted.level,
    )


def _run(
    workspace: Workspace,
    request: BacktestRequest,
    spans: tuple[str, str] | None,
    *,
    anchored: bool,
) -> BacktestResult:
    from ...application.backtest import WalkForward, run_backtest, run_walk_forward

    parts = workspace.container
    features, engine, randomness = parts.features(), parts.engine(), parts.randomness()
    if spans is None:
        return run_backtest(request, features, engine, randomness)
    bar = request.panel.timeframe.milliseconds
    train, test = (_bars(span, bar) for span in spans)
    plan = WalkForward(train, test, anchored=anchored)
    return run_walk_forward(request, plan, features, engine, randomness)


def _bars(span: str, bar_ms: int) -> int:
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


def _show(call: Invocation, result: BacktestResult, written: Path | None) -> None:
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
